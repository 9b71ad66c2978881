#include "kernels/matmul_isa.h"
#include "kernels/matmul_math_avx2.h"
#include "kernels/matmul_tiles.h"
#include "kernels/quantize_rows_x86.h"

namespace bedplate {

const MatmulKernels kMatmulAvx2 = {QuantizeRowsVector, TiledMatmul<Avx2Math>};

}  // namespace bedplate
