// Lines as a request (method, path, query, body, then fields): never accepted as it came, for nobody here knows the
// secret; accepted once it bears the signature that it should; and not with a byte of its body or path changed.
#include <cstdint>
#include <string>

#include "base/cat.h"
#include "base/check.h"
#include "serve/sigv4.h"

namespace {

std::string_view Line(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bedplate;
  constexpr int64_t kNow = 1'795'543'200;  // 20261124T180000Z
  constexpr std::string_view kSecret = "a secret that no input has";
  std::string_view text(reinterpret_cast<const char*>(data), size);
  HttpRequest request;
  request.method = Line(text);
  request.path = Cat("/", Line(text));
  request.query = Line(text);
  request.body = Line(text);
  while (!text.empty()) {
    const std::string_view line = Line(text);
    const size_t colon = std::min(line.find(':'), line.size());
    request.fields.push_back(
        {std::string(line.substr(0, colon)), std::string(line.substr(std::min(colon + 1, line.size())))});
  }
  const Result<SigV4Claim> claim = ReadSigV4(request, kNow);
  if (!claim.ok()) {
    BP_CHECK(claim.status().code() == StatusCode::kPermissionDenied && !claim.status().reason().empty());
    return 0;
  }
  BP_CHECK(!VerifySigV4(*claim, kSecret, request).ok());
  SigV4Claim right = *claim;
  right.signature = *SigV4Signature(right, kSecret, request);
  const bool ok = VerifySigV4(right, kSecret, request).ok();
  BP_CHECK(ok || request.Find("x-amz-content-sha256") != nullptr);
  if (!ok) return 0;
  HttpRequest changed = request;
  changed.body += 'x';
  BP_CHECK(!VerifySigV4(right, kSecret, changed).ok());
  changed = request;
  changed.path += 'x';
  BP_CHECK(!VerifySigV4(right, kSecret, changed).ok());
  return 0;
}
