#include "serve/model_registry.h"

#include <algorithm>

#include "base/cat.h"
#include "base/random.h"

namespace bedplate {
namespace {

constexpr uint32_t kLoadingRetryMs = 2000;

bool Answers(const ServedModel& model, std::string_view name) {
  return model.engine->model().id == name ||
         std::find(model.aliases.begin(), model.aliases.end(), name) != model.aliases.end();
}

// By any of its names.
bool MayUse(const Principal& principal, const ServedModel& model) {
  return principal.MayUse(model.engine->model().id) ||
         std::ranges::any_of(model.aliases, [&](const std::string& alias) { return principal.MayUse(alias); });
}

std::string DerivedFingerprint(const std::string& id, const std::string& numerics) {
  uint64_t hash = 0;
  for (const char c : Cat(id, "\n", numerics)) hash = Mix64(hash ^ static_cast<unsigned char>(c));
  return fmt::format("fp_{:012x}", hash >> 16);
}

}  // namespace

void ModelRegistry::AddAlias(ModelAlias alias) {
  const std::lock_guard lock(mutex_);
  aliases_.push_back(std::move(alias));
}

bool ModelRegistry::IsAliasOf(std::string_view name, const std::string& id) const {
  return std::ranges::any_of(aliases_, [&](const ModelAlias& one) { return one.name == name && one.model == id; });
}

Status ModelRegistry::Add(ServedModel model) {
  BP_CHECK(model.engine != nullptr);
  const std::string& id = model.engine->model().id;
  if (model.fingerprint.empty()) model.fingerprint = DerivedFingerprint(id, model.numerics);
  const std::lock_guard lock(mutex_);
  for (const ModelAlias& alias : aliases_) {
    if (alias.model == id) model.aliases.push_back(alias.name);
  }
  std::vector<std::string> names = model.aliases;
  names.push_back(id);
  for (const std::string& name : names) {
    for (const ServedModel& other : models_) {
      if (Answers(other, name)) return Status(StatusCode::kConflict, Cat("two models are named '", name, "'"));
    }
  }
  std::erase_if(pending_, [&](const Pending& pending) { return pending.id == id; });
  models_.push_back(std::move(model));
  return Status::Ok();
}

void ModelRegistry::AnnounceLoading(std::string id) {
  const std::lock_guard lock(mutex_);
  pending_.push_back({std::move(id), Status::Ok()});
}

void ModelRegistry::ReportFailure(const std::string& id, const Status& why) {
  const std::lock_guard lock(mutex_);
  for (Pending& pending : pending_) {
    if (pending.id == id) pending.failure = why;
  }
}

Result<ServedModel> ModelRegistry::Find(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  for (const ServedModel& model : models_) {
    if (Answers(model, name)) return model;
  }
  for (const Pending& pending : pending_) {
    if (pending.id != name && !IsAliasOf(name, pending.id)) continue;
    if (!pending.failure.ok()) {
      return Status::Unavailable(Cat("The model `", name, "` could not be loaded: ", pending.failure.message()))
          .WithParam("model")
          .WithReason("model_load_failed");
    }
    return Status::Unavailable(Cat("The model `", name, "` is still loading; try again shortly"))
        .WithParam("model")
        .WithReason("model_loading")
        .WithRetryAfterMs(kLoadingRetryMs);
  }
  std::string known;
  for (const ServedModel& model : models_) known += Cat(known.empty() ? "" : ", ", "`", model.engine->model().id, "`");
  return Status::NotFound(Cat("The model `", name.substr(0, 200), "` does not exist; this server has ",
                              known.empty() ? "none yet" : known))
      .WithParam("model")
      .WithReason("model_not_found");
}

std::vector<ServedModel> ModelRegistry::All() const {
  const std::lock_guard lock(mutex_);
  return models_;
}

Result<ServedModel> ModelRegistry::FindFor(const Principal& principal, std::string_view name) const {
  Result<ServedModel> found = Find(name);
  if (principal.models.empty()) return found;
  const bool coming = found.status().code() == StatusCode::kUnavailable && principal.MayUse(name);
  if (coming || (found.ok() && MayUse(principal, *found))) return found;
  return Status(StatusCode::kPermissionDenied,
                Cat("This key does not have access to the model `", name.substr(0, 200), "`."))
      .WithParam("model")
      .WithReason("model_not_found");
}

std::vector<ServedModel> ModelRegistry::AllFor(const Principal& principal) const {
  std::vector<ServedModel> models = All();
  std::erase_if(models, [&](const ServedModel& model) { return !MayUse(principal, model); });
  return models;
}

Status ModelRegistry::Ready() const {
  const std::lock_guard lock(mutex_);
  for (const Pending& pending : pending_) {
    if (!pending.failure.ok()) {
      return Status::Unavailable(Cat("the model `", pending.id, "` could not be loaded: ", pending.failure.message()))
          .WithReason("model_load_failed");
    }
    return Status::Unavailable(Cat("the model `", pending.id, "` is still loading"))
        .WithReason("model_loading")
        .WithRetryAfterMs(kLoadingRetryMs);
  }
  if (models_.empty()) return Status::Unavailable("no model is loaded").WithReason("no_model");
  return Status::Ok();
}

}  // namespace bedplate
