#include "kernels/attention_bf16_body.h"
#include "kernels/isa_tables.h"
#include "kernels/lanes_avx512.h"

namespace bedplate {

constinit const AttentionKernels kAvx512Bf16Attention = AttentionBf16Body<Avx512Bf16Lanes>::Table();

}  // namespace bedplate
