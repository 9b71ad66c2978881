#pragma once
/// What a packed tile holds (packed_format.h), read by the vector kernels: a line of a block as one byte a weight, and
/// the sub-scales and mins of a sub-block. Written over a vocabulary M of 16-lane operations, which is included first
/// (matmul_tiles.h); only for the files of one instruction set.

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/inline.h"
#include "kernels/packed_format.h"

namespace bedplate {
namespace {

alignas(16) constexpr int8_t kIq4Levels[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                               1,    13,   25,  38,  53,  69,  89,  113};

BP_INLINE __m128i Load16(const void* p) {
  return _mm_load_si128(static_cast<const __m128i*>(p));
}

template <WeightType kType>
constexpr PackedFormat kFormat = MakePackedFormat(kType);
template <WeightType kType>
constexpr Products kProducts = ProductsOf(kFormat<kType>);
template <WeightType kType>
constexpr int kCentre = CodeCentre(kFormat<kType>);

/// Weights with a sign of their own (bytes and table values), rather than unsigned codes with an offset.
template <WeightType kType>
constexpr bool kIsSigned = kFormat<kType>.has_bytes || kFormat<kType>.code_is_index;

// ---- Lines of a block
// ------------------------------------------------------------------------------------------------

template <class M, int kPosition, int kMask>
BP_INLINE typename M::Bytes BitsAt(typename M::Bytes v, Const<kPosition>, Const<kMask>) {
  // Moves the bits at kPosition.. (negative: up) down to the mask's place.
  if constexpr (kPosition > 0) v = M::template ShiftRight<kPosition>(v);
  if constexpr (kPosition < 0) v = M::template ShiftLeft<-kPosition>(v);
  return M::AndByte(v, kMask);
}

/// Line kLine of a packed block as one byte a weight: a signed weight, or an unsigned code.
template <class M, WeightType kType, int kLine>
BP_INLINE typename M::Bytes PackedLine(const std::byte* block) {
  constexpr PackedFormat f = kFormat<kType>;
  if constexpr (f.has_bytes) {
    return M::Load(block + 64 * kLine);
  } else {
    typename M::Bytes code;
    constexpr int kBase = f.has_nibbles ? 4 : f.has_twos ? 2 : 0;
    if constexpr (f.has_nibbles) {
      code = BitsAt<M>(M::Load(block + 64 * (kLine % 4)), Const<kLine / 4 * 4>{}, Const<15>{});
      if constexpr (f.has_twos) {
        const typename M::Bytes twos = M::Load(block + f.twos_at + 64 * (kLine / 4));
        code = M::Or(code, BitsAt<M>(twos, Const<2 * (kLine % 4) - 4>{}, Const<0x30>{}));
      }
    } else {
      code = BitsAt<M>(M::Load(block + f.twos_at + 64 * (kLine / 4)), Const<2 * (kLine % 4)>{}, Const<3>{});
    }
    if constexpr (f.has_bits) {
      const typename M::Bytes bits = M::Load(block + f.bits_at);
      code = M::Or(code, BitsAt<M>(bits, Const<kLine - kBase>{}, Const<(1 << kBase)>{}));
    }
    if constexpr (f.code_is_index) code = M::LookUp(Load16(kIq4Levels), code);
    return code;
  }
}

/// Where a row group finds a block's lines.
enum class Source {
  kPacked,     // in the packed block
  kUnpacking,  // there, and it leaves them unpacked for the groups after it
  kUnpacked,   // where such a group left them
};

/// A tile as a row group walks it.
struct TileCursor {
  const std::byte* header;  // of the chunk
  const std::byte* codes;   // of the packed block; not of kUnpacked
  std::byte* lines;         // of the unpacked block; not of kPacked
  std::byte* scales;        // beside them, what PairOf... below make of two blocks' scales; not of kPacked
};

constexpr size_t kPairScaleBytes = 128;  // two registers' worth

template <class M, WeightType kType, Source kSource, int kLine>
BP_INLINE typename M::Bytes Line(const TileCursor& tile) {
  if constexpr (kSource == Source::kUnpacked) return M::Load(tile.lines + 64 * kLine);
  const typename M::Bytes line = PackedLine<M, kType, kLine>(tile.codes);
  if constexpr (kSource == Source::kUnpacking) M::Store(tile.lines + 64 * kLine, line);
  return line;
}

/// Lines in the order 0 4 1 5 2 6 3 7 share the loads of nibble planes; used where all 8 make one sum.
constexpr int NibbleOrder(int i) {
  return i / 2 + i % 2 * 4;
}

// ---- Sub-scales
// ------------------------------------------------------------------------------------------------------

/// Sixteen sub-scale bytes of sub-block kSub (0, 1) of block k of a chunk.
template <WeightType kType, int kSub>
BP_INLINE __m128i SubBytes(const std::byte* header, uint32_t k) {
  constexpr PackedFormat f = kFormat<kType>;
  const std::byte* sub = header + f.sub_at;
  if constexpr (kType == WeightType::kQ3_K) {
    const __m128i low_bits = Load16(sub + 16 * k), high_bits = Load16(sub + 128 + 16 * (k / 2));
    const __m128i low = kSub == 0 ? low_bits : _mm_srli_epi16(low_bits, 4);
    const __m128i high = _mm_srl_epi16(high_bits, _mm_cvtsi32_si128(static_cast<int>(4 * (k % 2) + 2 * kSub)));
    const __m128i code =
        _mm_or_si128(_mm_and_si128(low, _mm_set1_epi8(15)), _mm_slli_epi16(_mm_and_si128(high, _mm_set1_epi8(3)), 4));
    return _mm_sub_epi8(code, _mm_set1_epi8(32));
  } else if constexpr (kType == WeightType::kQ2_K) {
    return _mm_and_si128(Load16(sub + 16 * (2 * k + kSub)), _mm_set1_epi8(15));
  } else if constexpr (f.sub == SubScales::kPer16) {
    return Load16(sub + 16 * (2 * k + kSub));
  } else {
    return Load16(sub + 16 * k);
  }
}

template <WeightType kType, int kSub>
BP_INLINE __m128i MinBytes(const std::byte* header, uint32_t k) {
  constexpr PackedFormat f = kFormat<kType>;
  if constexpr (kType == WeightType::kQ2_K) {
    const __m128i both = Load16(header + f.sub_at + 16 * (2 * k + kSub));
    return _mm_and_si128(_mm_srli_epi16(both, 4), _mm_set1_epi8(15));
  } else {
    return Load16(header + f.mins_at + 16 * k);
  }
}

template <WeightType kType>
constexpr bool kSubIsSigned = kType == WeightType::kQ3_K || kType == WeightType::kQ6_K || kType == WeightType::kIQ4_XS;

template <class M, WeightType kType, int kSub>
BP_INLINE typename M::Ints SubPairs(const std::byte* header, uint32_t k) {
  if constexpr (kFormat<kType>.sub == SubScales::kNone) {
    return M::Ones16();
  } else if constexpr (kSubIsSigned<kType>) {
    return M::PairsOfSigned(SubBytes<kType, kSub>(header, k));
  } else {
    return M::PairsOfUnsigned(SubBytes<kType, kSub>(header, k));
  }
}

template <class M, WeightType kType, int kSub>
BP_INLINE typename M::Floats SubFloats(const std::byte* header, uint32_t k) {
  if constexpr (kSubIsSigned<kType>) {
    return M::FloatsOfSigned(SubBytes<kType, kSub>(header, k));
  } else {
    return M::FloatsOfUnsigned(SubBytes<kType, kSub>(header, k));
  }
}

/// What a pair of blocks' scales become, for a tile as kSource says: made, left for other row groups, or found.
template <class M, Source kSource, int kAt, class Make>
BP_INLINE typename M::Ints PairScale(const TileCursor& tile, const Make& make) {
  if constexpr (kSource == Source::kUnpacked) return M::Load(tile.scales + kAt);
  const typename M::Ints made = make();
  if constexpr (kSource == Source::kUnpacking) M::Store(tile.scales + kAt, made);
  return made;
}

/// 16-bit halves of each lane: the sub-scale of block k + 1, then (the upper) that of k.
template <class M, WeightType kType, Source kSource>
BP_INLINE typename M::Ints PairSubs(const TileCursor& tile, uint32_t k) {
  return PairScale<M, kSource, 0>(tile, [&]() __attribute__((always_inline)) {
    return M::PairsOf(SubBytes<kType, 0>(tile.header, k + 1), SubBytes<kType, 0>(tile.header, k));
  });
}

/// What inputs times 1 meet, since codes count from their centre: centre * d * sub - m * min of blocks k and k + 1, as
/// bf16. centred: centre * d.
template <class M, WeightType kType, Source kSource>
BP_INLINE typename M::Ints PairMiddles(const TileCursor& tile, uint32_t k, typename M::Floats centred,
                                       typename M::Floats m) {
  const auto middle = [&](uint32_t block) __attribute__((always_inline)) {
    return M::NegMultiplyAdd(M::FloatsOfUnsigned(MinBytes<kType, 0>(tile.header, block)), m,
                             M::Multiply(M::FloatsOfUnsigned(SubBytes<kType, 0>(tile.header, block)), centred));
  };
  return PairScale<M, kSource, 64>(
      tile, [&]() __attribute__((always_inline)) { return M::PairsOfBf16(middle(k), middle(k + 1)); });
}

}  // namespace
}  // namespace bedplate
