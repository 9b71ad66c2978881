#include "kernels/attention_bf16_body.h"
#include "kernels/attention_body.h"
#include "kernels/attention_q8_body.h"
#include "kernels/isa_tables.h"
#include "kernels/lanes_scalar.h"

namespace bedplate {

constinit const AttentionTables kScalarAttentionKernels = {AttentionBody<ScalarLanes>::Table(),
                                                           AttentionQ8Body<ScalarLanes>::Table(),
                                                           AttentionBf16Body<ScalarLanes>::Table()};

}  // namespace bedplate
