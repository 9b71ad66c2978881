#pragma once
/// Kernels' small functions are inlined whatever the compiler thinks: they share registers with what calls them.

#define BP_INLINE inline __attribute__((always_inline))
