#pragma once
/// The kernel tables of each instruction set, defined in the files compiled for it; chosen in kernel_choice.cc alone.

#include "kernels/attention.h"
#include "kernels/vector_kernels.h"

namespace bedplate {

VectorKernels ScalarVectorKernels();
VectorKernels Avx2VectorKernels();
VectorKernels Avx512VectorKernels();

AttentionKernels ScalarAttentionKernels();
AttentionKernels Avx2AttentionKernels();
AttentionKernels Avx512AttentionKernels();

}  // namespace bedplate
