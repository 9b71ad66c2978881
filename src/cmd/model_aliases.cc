#include "cmd/model_aliases.h"

#include <algorithm>

#include "base/cat.h"

namespace bedplate {

Result<std::vector<ModelAlias>> ParseModelAliases(const std::vector<std::string>& texts,
                                                  const std::vector<std::string>& models) {
  const auto is_model = [&](const std::string& id) { return std::ranges::find(models, id) != models.end(); };
  std::vector<ModelAlias> aliases;
  for (const std::string& text : texts) {
    const size_t equals = text.rfind('=');
    ModelAlias alias{.name = text.substr(0, equals), .model = {}};
    if (equals != std::string::npos) {
      alias.model = text.substr(equals + 1);
    } else if (models.size() == 1) {
      alias.model = models.front();
    } else {
      return Status::InvalidArgument(
          Cat("the alias '", text, "' doesn't say of which model; with several it is ", text, "=MODEL"));
    }
    if (!is_model(alias.model)) {
      return Status::InvalidArgument(
          Cat("the alias '", text, "' is of a model that isn't served: '", alias.model, "'"));
    }
    const bool taken =
        is_model(alias.name) || std::ranges::find(aliases, alias.name, &ModelAlias::name) != aliases.end();
    if (alias.name.empty() || taken) {
      return Status::InvalidArgument(Cat("the alias '", text, "' ", taken ? "is taken" : "has no name"));
    }
    aliases.push_back(std::move(alias));
  }
  return aliases;
}

}  // namespace bedplate
