#pragma once
/// ListFoundationModels and GetFoundationModel, of Bedrock's control plane. Source: the service's model in botocore
/// (bedrock/2023-04-20).

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "serve/server.h"

namespace bedplate::bedrock {

std::string EncodeFoundationModel(const ServedModel& model);
/// query: the URL's: byProvider, byOutputModality, byInferenceType, byCustomizationType.
Result<std::string> EncodeFoundationModels(const std::vector<ServedModel>& models, std::string_view query);

}  // namespace bedplate::bedrock
