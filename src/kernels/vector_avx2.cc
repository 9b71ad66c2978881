#include "kernels/isa_tables.h"
#include "kernels/lanes_avx2.h"
#include "kernels/vector_body.h"

namespace bedplate {

constinit const VectorKernels kAvx2VectorKernels = VectorBody<Avx2Lanes>::Table();

}  // namespace bedplate
