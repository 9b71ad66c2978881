#pragma once
/// Instruction sets that kernels are written for. Chosen once at start, never in a loop; all give the same bits.

#include <optional>
#include <span>
#include <string_view>

namespace bedplate {

enum class Isa {
  kScalar,      // the twins: plain C++ on baseline x86-64-v2
  kAvx2,        // AVX2, FMA, F16C
  kAvx512,      // AVX-512 F, BW, DQ, VL
  kAvx512Vnni,  // and VNNI
  kAvx512Bf16,  // and BF16
};

std::string_view IsaName(Isa isa);  // "scalar", "avx2", "avx512", "avx512vnni", "avx512bf16"
std::optional<Isa> ParseIsa(std::string_view name);
/// What this CPU and operating system can run, worst first; kScalar is always there.
std::span<const Isa> SupportedIsas();
Isa BestIsa();

}  // namespace bedplate
