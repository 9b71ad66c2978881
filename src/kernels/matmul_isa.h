#pragma once
/// One table of kernels for each instruction set; MatmulKernelsFor picks. A file that is compiled for an instruction
/// set exports this one symbol and keeps everything else in an anonymous namespace, so that no inline function compiled
/// for a newer CPU can be picked by the linker for baseline code.

#include "kernels/matmul.h"

namespace bedplate {

extern const MatmulKernels kMatmulScalar;
extern const MatmulKernels kMatmulAvx2;
extern const MatmulKernels kMatmulAvx512;
extern const MatmulKernels kMatmulAvx512Vnni;
extern const MatmulKernels kMatmulAvx512Bf16;

}  // namespace bedplate
