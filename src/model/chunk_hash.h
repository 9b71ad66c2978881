#pragma once
/// XXH3 (64 bits) of large chunks, the same number with every instruction set. Two cores read memory at 20 to 30 GB/s;
/// xxHash compiled for any x86-64 hashes 11 GB/s a core, which is the slower of the two, and with AVX2 more.

#include <cstddef>
#include <cstdint>

namespace bedplate {

uint64_t ChunkHash(const void* bytes, size_t size);

/// Only where the processor has AVX2.
uint64_t ChunkHashAvx2(const void* bytes, size_t size);

}  // namespace bedplate
