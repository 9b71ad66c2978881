// Bytes to the HTTP reader: the same requests and the same error, whole or cut anywhere. The first byte picks the cuts.
#include <cstdint>

#include "base/check.h"
#include "base/random.h"
#include "serve/http_codec.h"
#include "serve/http_status.h"

namespace bedplate {
namespace {

struct Outcome {
  std::vector<HttpRequest> requests;
  int error = 200;
  bool operator==(const Outcome&) const = default;
};

Outcome ReadAll(std::string_view bytes, uint64_t cuts) {
  const HttpLimits limits{.head_bytes_max = 512, .head_fields_max = 8, .body_bytes_max = 256};
  Prng random(cuts);
  Outcome out;
  HttpRequestReader reader(limits);
  while (!bytes.empty()) {
    std::string_view piece = cuts == 0 ? bytes : bytes.substr(0, static_cast<size_t>(random.Range(1, 20)));
    bytes.remove_prefix(piece.size());
    while (!piece.empty()) {
      const Result<size_t> taken = reader.Take(piece);
      if (!taken.ok()) {
        out.error = HttpStatusOf(taken.status());
        return out;
      }
      piece.remove_prefix(*taken);
      if (!reader.done()) continue;
      BP_CHECK(reader.request().body.size() <= limits.body_bytes_max);
      BP_CHECK(reader.request().fields.size() <= limits.head_fields_max);
      out.requests.push_back(reader.request());
      reader = HttpRequestReader(limits);
    }
  }
  return out;
}

}  // namespace
}  // namespace bedplate

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  BP_CHECK(bedplate::ReadAll(bytes, 0) == bedplate::ReadAll(bytes, data[0] + 1u));
  return 0;
}
