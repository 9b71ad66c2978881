// Fuzzes the reader of key files: whatever the bytes, an error or a file whose keys are found by each of their names.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "ledger/key_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using bedplate::Key;
  const auto file = bedplate::KeyFile::Parse({reinterpret_cast<const char*>(data), size}, "keys.toml");
  if (!file.ok()) {
    BP_CHECK(!file.status().message().empty());
    return 0;
  }
  for (const Key& key : file->keys()) {
    BP_CHECK(file->FindByName(key.principal.key) == &key);
    BP_CHECK(key.bearer_sha256.has_value() || !key.access_key_id.empty());
    if (!key.access_key_id.empty()) BP_CHECK(file->FindAccessKey(key.access_key_id) == &key);
  }
  return 0;
}
