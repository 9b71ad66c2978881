// Fuzzes the reader of chain heads: whatever the bytes, an error or heads that are written as the same text.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "ledger/hash_chain.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto heads = bedplate::ParseHeads(text);
  if (!heads.ok()) {
    BP_CHECK(!heads.status().message().empty());
    return 0;
  }
  const auto again = bedplate::ParseHeads(bedplate::HeadsText(*heads));
  BP_CHECK(again.ok() && *again == *heads);
  return 0;
}
