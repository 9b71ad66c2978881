#include "base/random.h"

#include <cstdio>
#include <cstdlib>

namespace bedplate {

uint64_t TestSeed() {
  static const uint64_t seed = [] {
    const char* text = std::getenv("TEST_SEED");
    const uint64_t value = text != nullptr ? std::strtoull(text, nullptr, 0) : 20261124u;
    std::fprintf(stderr, "TEST_SEED=%llu\n", static_cast<unsigned long long>(value));
    return value;
  }();
  return seed;
}

}  // namespace bedplate
