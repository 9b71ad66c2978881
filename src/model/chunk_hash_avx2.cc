#include "model/chunk_hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace bedplate {

uint64_t ChunkHashAvx2(const void* bytes, size_t size) {
  return XXH3_64bits(bytes, size);
}

}  // namespace bedplate
