// Random bytes of every length around the algorithm's own steps: the number is xxHash's own.
#include "model/chunk_hash.h"

#include <gtest/gtest.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <vector>

#include "base/random.h"
#include "kernels/isa.h"

namespace bedplate {
namespace {

TEST(ChunkHash, IsTheSameNumberWithEveryInstructionSet) {
  Prng rng(TestSeed());
  std::vector<std::byte> bytes(70'000);
  for (std::byte& b : bytes) b = static_cast<std::byte>(rng.Next());
  for (size_t size = 0; size < bytes.size(); size += size < 1100 ? 1 : 997) {
    const std::byte* at = bytes.data() + rng.Range(0, static_cast<int64_t>(bytes.size() - size));
    const uint64_t want = XXH3_64bits(at, size);
    ASSERT_EQ(ChunkHash(at, size), want) << size;
    if (BestIsa() != Isa::kScalar) ASSERT_EQ(ChunkHashAvx2(at, size), want) << size;
  }
}

}  // namespace
}  // namespace bedplate
