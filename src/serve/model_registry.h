#pragma once
/// The models that clients can name, and those that are still loading. Any thread.

#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "request/admission.h"
#include "serve/server.h"

namespace bedplate {

class ModelRegistry {
 public:
  /// A further name, of a model that comes later.
  void AddAlias(ModelAlias alias);
  /// kConflict when one of the model's names is taken.
  Status Add(ServedModel model);
  void AnnounceLoading(std::string id);
  void ReportFailure(const std::string& id, const Status& why);

  /// By id or alias. kNotFound names what there is; kUnavailable for one that is loading or failed to.
  Result<ServedModel> Find(std::string_view name) const;
  [[nodiscard]] std::vector<ServedModel> All() const;
  /// The same for one who may use some models alone. What he may not use is kPermissionDenied, reason
  /// "model_not_found", whether it exists or not.
  Result<ServedModel> FindFor(const Principal& principal, std::string_view name) const;
  [[nodiscard]] std::vector<ServedModel> AllFor(const Principal& principal) const;
  /// Ok when at least one model is loaded and none is loading.
  Status Ready() const;

 private:
  struct Pending {
    std::string id;
    Status failure;  // ok: still loading
  };
  [[nodiscard]] bool IsAliasOf(std::string_view name, const std::string& id) const;

  mutable std::mutex mutex_;  // guards all
  std::vector<ModelAlias> aliases_;
  std::vector<ServedModel> models_;
  std::vector<Pending> pending_;
};

}  // namespace bedplate
