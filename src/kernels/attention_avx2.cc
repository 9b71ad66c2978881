#include "kernels/attention_body.h"
#include "kernels/isa_tables.h"
#include "kernels/lanes_avx2.h"

namespace bedplate {

constinit const AttentionKernels kAvx2AttentionKernels = AttentionBody<Avx2Lanes>::Table();

}  // namespace bedplate
