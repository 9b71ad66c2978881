// Fuzzes the reader of bearer keys: whatever the bytes, what is taken for a key has a key's form, and no secret of one
// is shown in the form that logs get.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "ledger/tenancy/key_text.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bedplate;  // NOLINT: one function
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto id = KeyIdOf(text);
  const std::string shown = WithoutKeys(text);
  BP_CHECK(shown.size() <= text.size() + 3 * (text.size() / kKeyPrefix.size()));
  if (!id) return 0;
  BP_CHECK(IsKeyId(*id) && text.size() == kKeyTextLength && text.substr(kKeyPrefix.size(), kKeyIdLength) == *id);
  BP_CHECK(shown.find(text.substr(kKeyTextLength - kKeySecretLength)) == std::string::npos);
  return 0;
}
