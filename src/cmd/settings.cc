#include "cmd/settings.h"

#include <toml++/toml.h>

#include <algorithm>

#include "base/cat.h"
#include "base/file.h"

namespace bedplate {
namespace {

constexpr Setting kSettings[] = {
    {"models", "what `serve` serves: names, .gguf files or Hugging Face folders"},
    {"aliases", "further names of the model that `serve` serves; NAME=MODEL where there are several"},
    {"listen", "address and port of `serve`"},
    {"keys", "the key file of `serve`: who may use it, and how much"},
    {"secret_file", "what the keys of tenants are worth nothing without; outside the data folder"},
    {"allowed_hosts", "host names that requests to `serve` may carry, beside the listen address"},
    {"tls", "true serves HTTPS with a certificate that signs itself, kept in the data folder"},
    {"tls_cert", "PEM file of the certificate that `serve` shows, and its chain"},
    {"tls_key", "PEM file of that certificate's key"},
    {"data", "folder of models and caches"},
    {"ledger_head", "file outside the data folder that keeps the heads of the books' chains"},
    {"budget_webhook", "https address that is told when a budget reaches 50, 80 or 100 % of its amount"},
    {"budget_webhook_secret_file", "file, mode 0600, of the secret that its messages are signed with"},
    {"budget_webhook_hosts", "hosts that the webhook may reach though their addresses are private"},
    {"memory", "budget for the whole process, such as 8GiB"},
    {"threads", "threads that compute"},
    {"isa", "instruction set: auto, scalar, avx2, avx512, avx512vnni, avx512bf16"},
    {"kv_type", "keys and values in memory: bf16, f16 or q8"},
    {"chat_template", "a Jinja file in place of the model's own chat template"},
    {"context", "longest sequence in tokens"},
    {"step_tokens", "tokens computed in one step over all sequences"},
    {"prefill_chunk", "tokens of one prompt in a step that others share"},
    {"pace", "milliseconds between a running stream's tokens while others' prompts are read; 0: no bound"},
    {"sequences", "sequences that run together"},
    {"queue", "requests that may wait; one more is refused with 429"},
    {"no_prefix_cache", "true computes every prompt anew"},
    {"cache_memory", "memory for cached pages that the pool has no room for, out of the budget; 0: none"},
    {"cache_disk", "disk space for cached pages, which outlive the process there; 0: none"},
    {"speculation", "lookup: guess tokens and check several in a step, where that is faster; off: one by one"},
    {"draft_model", "a smaller model of the same vocabulary that guesses tokens"},
    {"no_packed_cache", "true packs the weights and makes the tokenizer at every start"},
    {"packed_cache_max", "what packed weights and tokenizers may take on the disk"},
};

std::string VariableOf(std::string_view key) {
  std::string variable = "BEDPLATE_";
  for (const char c : key) variable += static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return variable;
}

Result<std::string> ScalarText(const toml::node& node, std::string_view key) {
  if (const auto text = node.value_exact<std::string>()) return *text;
  if (const auto number = node.value_exact<int64_t>()) return Cat(*number);
  if (const auto number = node.value_exact<double>()) return Cat(*number);
  if (const auto flag = node.value_exact<bool>()) return std::string(*flag ? "true" : "false");
  return Status::InvalidArgument(Cat(key, " must be a string, a number, a boolean or an array of these"));
}

Result<std::vector<std::string>> Texts(const toml::node& node, std::string_view key) {
  std::vector<std::string> texts;
  const toml::array* const array = node.as_array();
  if (array == nullptr) {
    BP_ASSIGN_OR_RETURN(std::string text, ScalarText(node, key));
    texts.push_back(std::move(text));
    return texts;
  }
  for (const toml::node& item : *array) {
    BP_ASSIGN_OR_RETURN(std::string text, ScalarText(item, key));
    texts.push_back(std::move(text));
  }
  return texts;
}

Result<toml::table> ParseToml(const std::filesystem::path& path) {
  BP_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, size_t{1} << 20));
  try {
    return static_cast<toml::table&&>(toml::parse(text));
  } catch (const toml::parse_error& error) {
    return Status::InvalidArgument(Cat(path.string(), ", line ", error.source().begin.line, ": ", error.description()));
  }
}

const char* NonEmpty(const char* value) {
  return value == nullptr || *value == '\0' ? nullptr : value;
}

std::filesystem::path ConfigFile(const std::filesystem::path& asked, const EnvironmentLookup& environment) {
  if (!asked.empty()) return asked;
  if (const char* named = NonEmpty(environment("BEDPLATE_CONFIG"))) return named;
  std::error_code ignored;
  return std::filesystem::exists("bedplate.toml", ignored) ? "bedplate.toml" : "";
}

}  // namespace

std::span<const Setting> KnownSettings() {
  return kSettings;
}

bool IsSetting(std::string_view key) {
  return std::ranges::any_of(kSettings, [&](const Setting& setting) { return setting.key == key; });
}

std::vector<std::string> SplitAtCommas(std::string_view text) {
  std::vector<std::string> parts;
  for (;;) {
    const size_t comma = text.find(',');
    parts.emplace_back(text.substr(0, comma));
    if (comma == std::string_view::npos) return parts;
    text.remove_prefix(comma + 1);
  }
}

Result<Settings> Settings::Load(const std::filesystem::path& path, const EnvironmentLookup& environment) {
  Settings settings;
  if (const std::filesystem::path file = ConfigFile(path, environment); !file.empty()) {
    BP_ASSIGN_OR_RETURN(const toml::table table, ParseToml(file));
    for (const auto& [key, node] : table) {
      const std::string_view name = key.str();
      const std::string origin = Cat(file.string(), ": ", name);
      if (!IsSetting(name)) {
        std::string names;
        for (const Setting& known : kSettings) names += Cat(names.empty() ? "" : ", ", known.key);
        return Status::InvalidArgument(Cat(file.string(), ": unknown key \"", name, "\"; known: ", names));
      }
      BP_ASSIGN_OR_RETURN(std::vector<std::string> texts, Texts(node, origin));
      settings.values_[std::string(name)] = {std::move(texts), origin};
    }
  }
  for (const Setting& known : kSettings) {
    const std::string variable = VariableOf(known.key);
    const char* const text = NonEmpty(environment(variable.c_str()));
    if (text == nullptr) continue;
    // These are lists; a path may hold a comma.
    const bool is_list = known.key == "models" || known.key == "aliases" || known.key == "allowed_hosts";
    settings.values_[std::string(known.key)] = {is_list ? SplitAtCommas(text) : std::vector<std::string>{text},
                                                variable};
  }
  return settings;
}

const Settings::Value* Settings::Find(std::string_view key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? nullptr : &found->second;
}

}  // namespace bedplate
