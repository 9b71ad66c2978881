#include "model/chunk_hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "kernels/isa.h"

namespace bedplate {

uint64_t ChunkHash(const void* bytes, size_t size) {
  static const bool has_avx2 = BestIsa() != Isa::kScalar;
  return has_avx2 ? ChunkHashAvx2(bytes, size) : XXH3_64bits(bytes, size);
}

}  // namespace bedplate
