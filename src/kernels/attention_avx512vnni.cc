#include "kernels/attention_q8_body.h"
#include "kernels/isa_tables.h"
#include "kernels/lanes_avx512.h"

namespace bedplate {

constinit const AttentionKernels kAvx512VnniQ8Attention = AttentionQ8Body<Avx512VnniLanes>::Table();

}  // namespace bedplate
