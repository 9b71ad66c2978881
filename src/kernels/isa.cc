#include "kernels/isa.h"

#include <array>
#include <cstddef>

namespace bedplate {
namespace {

constexpr std::array<std::string_view, 5> kIsaNames = {"scalar", "avx2", "avx512", "avx512vnni", "avx512bf16"};

bool CpuHas(Isa isa) {
  // __builtin_cpu_supports also asks XGETBV whether the system saves the registers.
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2") &&
                    __builtin_cpu_supports("f16c");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  switch (isa) {
    case Isa::kScalar:
      return true;
    case Isa::kAvx2:
      return avx2;
    case Isa::kAvx512:
      return avx512;
    case Isa::kAvx512Vnni:
      return avx512 && __builtin_cpu_supports("avx512vnni");
    case Isa::kAvx512Bf16:
      return avx512 && __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bf16");
  }
  return false;
}

struct Supported {
  std::array<Isa, kIsaNames.size()> isas{};
  size_t count = 0;
};

const Supported& FindSupported() {
  static const Supported supported = [] {
    Supported found;
    for (const Isa isa : {Isa::kScalar, Isa::kAvx2, Isa::kAvx512, Isa::kAvx512Vnni, Isa::kAvx512Bf16}) {
      if (CpuHas(isa)) found.isas[found.count++] = isa;
    }
    return found;
  }();
  return supported;
}

}  // namespace

std::string_view IsaName(Isa isa) {
  return kIsaNames[static_cast<size_t>(isa)];
}

std::optional<Isa> ParseIsa(std::string_view name) {
  for (size_t i = 0; i < kIsaNames.size(); ++i) {
    if (kIsaNames[i] == name) return static_cast<Isa>(i);
  }
  return std::nullopt;
}

std::span<const Isa> SupportedIsas() {
  return {FindSupported().isas.data(), FindSupported().count};
}

Isa BestIsa() {
  return SupportedIsas().back();
}

}  // namespace bedplate
