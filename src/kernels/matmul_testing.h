#pragma once
/// Matrices for the matmul tests and benchmarks.

#include <sys/mman.h>

#include <cstring>
#include <string_view>
#include <vector>

#include "base/buffer.h"
#include "base/check.h"
#include "base/random.h"
#include "kernels/dequantize.h"
#include "kernels/matmul.h"
#include "kernels/quantized_rows.h"

namespace bedplate::test {

inline std::vector<WeightType> AllTypes() {
  std::vector<WeightType> types;
  for (size_t i = 0; i < kWeightTypeCount; ++i) types.push_back(static_cast<WeightType>(i));
  return types;
}

/// kRandom: any code bits, scales of about 2^-10. kHigh: all bits set (largest codes, sub-scales -1 or largest). kLow:
/// all code and sub-scale bits clear. kMost: the codes and sub-scales of the largest magnitude that signed fields have.
/// kFarthest: Q4_K's and Q5_K's codes as far below their centre as they go, with the largest sub-scales; others as
/// kLow.
enum class Fill { kRandom, kHigh, kLow, kMost, kFarthest };

/// GGUF rows, and the same packed.
struct Matrix {
  WeightType type;
  uint32_t outputs, inputs, experts;
  std::vector<std::byte> rows;
  Buffer packed;

  [[nodiscard]] PackedMatrix View() const { return {type, outputs, inputs, experts, packed.data()}; }
};

inline uint32_t RandomInputs(Prng& rng, WeightType type) {
  const uint32_t unit = InfoOf(type).block_elements;
  return unit * static_cast<uint32_t>(unit == 1 ? rng.Range(1, 300) : unit == 32 ? rng.Range(1, 20) : rng.Range(1, 4));
}

/// Sets the f16 scales of a block to finite values, since random bits may spell NaN.
inline void SetScales(WeightType type, std::byte* block, uint16_t d, uint16_t m) {
  using enum WeightType;
  const auto put = [&](size_t at, uint16_t v) { std::memcpy(block + at, &v, 2); };
  switch (type) {
    case kF32:
    case kF16:
    case kBF16:
      return;
    case kQ4_0:
    case kQ5_0:
    case kQ8_0:
    case kIQ4_NL:
    case kIQ4_XS:
      return put(0, d);
    case kQ4_1:
    case kQ5_1:
    case kQ4_K:
    case kQ5_K:
      put(0, d);
      return put(2, m);
    case kQ2_K:
      put(80, d);
      return put(82, m);
    case kQ3_K:
      return put(108, d);
    case kQ6_K:
      return put(208, d);
  }
}

inline Matrix RandomMatrix(Prng& rng, WeightType type, uint32_t outputs, uint32_t inputs, Fill fill,
                           uint32_t experts = 1, float scale = 0x1p-10f) {
  const size_t row_bytes = RowBytes(type, inputs);
  Matrix m{type, outputs, inputs, experts, std::vector<std::byte>(row_bytes * outputs * experts), {}};
  const WeightTypeInfo& info = InfoOf(type);
  for (size_t at = 0; at < m.rows.size(); at += info.block_bytes) {
    std::byte* block = m.rows.data() + at;
    for (size_t i = 0; i < info.block_bytes; ++i) {
      const uint64_t bits = fill == Fill::kRandom ? rng.Next()
                            : fill == Fill::kHigh ? 0xFF
                            : fill == Fill::kMost ? 0x80
                                                  : 0;
      block[i] = static_cast<std::byte>(bits);
    }
    if (fill == Fill::kFarthest && (type == WeightType::kQ4_K || type == WeightType::kQ5_K)) {
      std::memset(block + 4, 0xFF, 12);
    }
    const auto value = [&] { return (rng.Unit() * 2.0f - 1.0f) * scale; };
    SetScales(type, block, F32ToF16(value()), F32ToF16(value()));
    const float weight = value();
    const uint16_t f16 = F32ToF16(weight), bf16 = F32ToBf16(weight);
    if (type == WeightType::kF32) std::memcpy(block, &weight, 4);
    if (type == WeightType::kF16) std::memcpy(block, &f16, 2);
    if (type == WeightType::kBF16) std::memcpy(block, &bf16, 2);
  }
  const size_t bytes = PackedBytes(type, outputs, inputs);
  Result<Buffer> packed = Buffer::Allocate(bytes * experts);
  BP_CHECK(packed.ok());
  m.packed = std::move(packed.value());
  for (uint32_t e = 0; e < experts; ++e) {
    PackTiles(type, outputs, inputs, m.rows.data() + e * row_bytes * outputs, 0, m.View().tiles(),
              m.packed.data() + e * bytes);
  }
  return m;
}

/// Rows of x in both forms.
struct Rows {
  uint32_t rows, inputs;
  std::vector<float> values;
  std::vector<std::byte> quantized;

  [[nodiscard]] MatmulInput View() const { return {rows, inputs, values.data(), quantized.data()}; }
  /// Row r as a matmul sees it.
  [[nodiscard]] std::vector<double> Dequantized(uint32_t r) const {
    std::vector<double> x(inputs);
    const auto* row = reinterpret_cast<const QuantizedBlock*>(quantized.data());
    for (size_t i = 0; i < inputs; ++i) {
      const size_t at = static_cast<size_t>(r) * inputs + i;
      if (row == nullptr) {
        x[i] = static_cast<double>(values[at]);
      } else {
        const size_t block = at / kInputBlock;
        x[i] = static_cast<double>(row[block].scale) * row[block].q[i % kInputBlock];
      }
    }
    return x;
  }
};

inline Rows QuantizedOf(std::vector<float> values, uint32_t rows, uint32_t inputs, WeightType type) {
  Rows x{rows, inputs, std::move(values), {}};
  if (!NeedsQuantizedInput(type)) return x;
  x.quantized.resize(QuantizedBytes(rows, inputs));
  MatmulKernelsFor(Isa::kScalar).quantize_rows(x.values.data(), inputs, rows, inputs, x.quantized.data(), inputs);
  return x;
}

/// Bytes that end where a page without access begins, so that a store or load past them stops the program.
class Guarded {
 public:
  explicit Guarded(size_t size) : size_(size), mapped_((size + 2 * kPage - 1) / kPage * kPage) {
    base_ = static_cast<std::byte*>(mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    BP_CHECK(base_ != MAP_FAILED);
    BP_CHECK(mprotect(base_ + mapped_ - kPage, kPage, PROT_NONE) == 0);
  }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;
  ~Guarded() { munmap(base_, mapped_); }

  [[nodiscard]] std::byte* data() const { return base_ + mapped_ - kPage - size_; }
  [[nodiscard]] size_t size() const { return size_; }

 private:
  static constexpr size_t kPage = 4096;
  size_t size_, mapped_;
  std::byte* base_ = nullptr;
};

struct NamedKernels {
  std::string_view name;
  const MatmulKernels* table;
};

/// Every vector version: those this CPU runs, and those for other CPUs in emulation. In matmul_emulated_test.cc.
std::vector<NamedKernels> VectorMatmuls();

}  // namespace bedplate::test
