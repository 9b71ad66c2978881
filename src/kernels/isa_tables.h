#pragma once
/// The kernel tables of each instruction set, defined in the files compiled for it; chosen in kernel_choice.cc alone.
/// They are constants: nothing compiled for an instruction set runs before the choice.

#include <array>

#include "kernels/attention.h"
#include "kernels/vector_kernels.h"

namespace bedplate {

using AttentionTables = std::array<AttentionKernels, kKvTypes.size()>;  // by KvType

extern const VectorKernels kScalarVectorKernels, kAvx2VectorKernels, kAvx512VectorKernels;
extern const AttentionTables kScalarAttentionKernels, kAvx2AttentionKernels, kAvx512AttentionKernels;
// Where VNNI and BF16 have instructions for a type.
extern const AttentionKernels kAvx512VnniQ8Attention, kAvx512Bf16Attention;

}  // namespace bedplate
