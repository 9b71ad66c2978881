#include "kernels/attention_body.h"
#include "kernels/isa_tables.h"
#include "kernels/lanes_avx512.h"

namespace bedplate {

constinit const AttentionKernels kAvx512AttentionKernels = AttentionBody<Avx512Lanes>::Table();

}  // namespace bedplate
