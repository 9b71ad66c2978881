#include "kernels/attention_bf16_body.h"
#include "kernels/attention_body.h"
#include "kernels/attention_q8_body.h"
#include "kernels/isa_tables.h"
#include "kernels/lanes_avx512.h"

namespace bedplate {

constinit const AttentionTables kAvx512AttentionKernels = {AttentionBody<Avx512Lanes>::Table(),
                                                           AttentionQ8Body<Avx512Lanes>::Table(),
                                                           AttentionBf16Body<Avx512Lanes>::Table()};

}  // namespace bedplate
