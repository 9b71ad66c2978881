#include "kernels/matmul_isa.h"
#include "kernels/matmul_math_avx512.h"
#include "kernels/matmul_tiles.h"
#include "kernels/quantize_rows_x86.h"

namespace bedplate {

const MatmulKernels kMatmulAvx512Vnni = {QuantizeRowsVector, TiledMatmul<Avx512VnniMath>};

}  // namespace bedplate
