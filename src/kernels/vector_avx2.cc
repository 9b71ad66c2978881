#include "kernels/isa_tables.h"
#include "kernels/lanes_avx2.h"
#include "kernels/vector_body.h"

namespace bedplate {

VectorKernels Avx2VectorKernels() {
  return VectorBody<Avx2Lanes>::Table();
}

}  // namespace bedplate
