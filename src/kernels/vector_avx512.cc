#include "kernels/isa_tables.h"
#include "kernels/lanes_avx512.h"
#include "kernels/vector_body.h"

namespace bedplate {

constinit const VectorKernels kAvx512VectorKernels = VectorBody<Avx512Lanes>::Table();

}  // namespace bedplate
