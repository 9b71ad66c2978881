#include "serve/bedrock/models.h"

#include <algorithm>
#include <optional>

#include "base/cat.h"
#include "base/json.h"
#include "serve/query.h"

namespace bedplate::bedrock {
namespace {

Json Summary(const ServedModel& served) {
  const std::string& id = served.engine->model().id;
  return Json::Object{{"modelArn", Cat("arn:aws:bedrock:local::foundation-model/", id)},
                      {"modelId", id},
                      {"modelName", id},
                      {"providerName", served.owned_by},
                      {"inputModalities", Json::Array{"TEXT"}},
                      {"outputModalities", Json::Array{"TEXT"}},
                      {"responseStreamingSupported", true},
                      {"customizationsSupported", Json::Array{}},
                      {"inferenceTypesSupported", Json::Array{"ON_DEMAND"}},
                      {"modelLifecycle", Json::Object{{"status", "ACTIVE"}}}};
}

// Absent, or the one value that a model here has. Another one that exists leaves no model.
Result<bool> Keeps(std::string_view query, std::string_view name, std::string_view has,
                   std::initializer_list<std::string_view> allowed) {
  const std::optional<std::string> value = QueryValue(query, name);
  if (!value.has_value() || *value == has) return true;
  if (std::ranges::find(allowed, *value) != allowed.end()) return false;
  std::string names;
  for (const std::string_view one : allowed) names += Cat(names.empty() ? "" : ", ", one);
  return Status::InvalidArgument(Cat(name, ": '", value->substr(0, 50), "'; allowed: ", names, "."))
      .WithParam(std::string(name));
}

}  // namespace

std::string EncodeFoundationModel(const ServedModel& model) {
  return WriteJson(Json::Object{{"modelDetails", Summary(model)}});
}

Result<std::string> EncodeFoundationModels(const std::vector<ServedModel>& models, std::string_view query) {
  BP_ASSIGN_OR_RETURN(const bool modality, Keeps(query, "byOutputModality", "TEXT", {"TEXT", "IMAGE", "EMBEDDING"}));
  BP_ASSIGN_OR_RETURN(const bool inference, Keeps(query, "byInferenceType", "ON_DEMAND", {"ON_DEMAND", "PROVISIONED"}));
  BP_ASSIGN_OR_RETURN(const bool customization, Keeps(query, "byCustomizationType", "",
                                                      {"FINE_TUNING", "CONTINUED_PRE_TRAINING", "DISTILLATION"}));
  const std::optional<std::string> provider = QueryValue(query, "byProvider");
  Json::Array summaries;
  for (const ServedModel& model : models) {
    const bool wanted = !provider.has_value() || *provider == model.owned_by;
    if (modality && inference && customization && wanted) summaries.push_back(Summary(model));
  }
  return WriteJson(Json::Object{{"modelSummaries", std::move(summaries)}});
}

}  // namespace bedplate::bedrock
