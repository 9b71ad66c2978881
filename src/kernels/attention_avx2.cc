#include "kernels/attention_bf16_body.h"
#include "kernels/attention_body.h"
#include "kernels/attention_q8_body.h"
#include "kernels/isa_tables.h"
#include "kernels/lanes_avx2.h"

namespace bedplate {

constinit const AttentionTables kAvx2AttentionKernels = {
    AttentionBody<Avx2Lanes>::Table(), AttentionQ8Body<Avx2Lanes>::Table(), AttentionBf16Body<Avx2Lanes>::Table()};

}  // namespace bedplate
