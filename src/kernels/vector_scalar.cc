#include "kernels/isa_tables.h"
#include "kernels/lanes_scalar.h"
#include "kernels/vector_body.h"

namespace bedplate {

constinit const VectorKernels kScalarVectorKernels = VectorBody<ScalarLanes>::Table();

}  // namespace bedplate
