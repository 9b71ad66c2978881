#include "kernels/isa_tables.h"
#include "kernels/lanes_scalar.h"
#include "kernels/vector_body.h"

namespace bedplate {

VectorKernels ScalarVectorKernels() {
  return VectorBody<ScalarLanes>::Table();
}

}  // namespace bedplate
