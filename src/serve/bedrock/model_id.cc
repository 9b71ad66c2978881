#include "serve/bedrock/model_id.h"

#include "serve/http_codec.h"

namespace bedplate::bedrock {

Result<std::string> ModelIdOf(std::string_view path) {
  constexpr std::string_view kModel = "/model/", kFoundationModels = "/foundation-models/";
  std::string_view encoded;
  if (path.starts_with(kModel)) {
    encoded = path.substr(kModel.size());
    encoded = encoded.substr(0, encoded.rfind('/'));
  } else if (path.starts_with(kFoundationModels)) {
    encoded = path.substr(kFoundationModels.size());
  }
  std::optional<std::string> id = PercentDecode(encoded);
  if (!id || id->empty()) {
    return Status::InvalidArgument("modelId: the path must have one, percent-encoded").WithParam("modelId");
  }
  if (!id->starts_with("arn:")) return *std::move(id);
  for (const std::string_view kind : {":foundation-model/", ":inference-profile/"}) {
    const size_t at = id->find(kind);
    if (at != std::string::npos) return id->substr(at + kind.size());
  }
  return *std::move(id);
}

}  // namespace bedplate::bedrock
