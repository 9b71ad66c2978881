#include "kernels/attention_body.h"
#include "kernels/isa_tables.h"
#include "kernels/lanes_scalar.h"

namespace bedplate {

constinit const AttentionKernels kScalarAttentionKernels = AttentionBody<ScalarLanes>::Table();

}  // namespace bedplate
