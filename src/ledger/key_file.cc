// Plan: toml++ parses; each table of [[keys]] is read field by field through FieldsOf, which knows every field's name,
// so that a misspelt limit is an error and not a key without limits; then what must be unique is checked.
#include "ledger/key_file.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <unordered_map>
#include <utility>

#include "base/cat.h"
#include "base/descriptor.h"
#include "ledger/secret_toml.h"

namespace bedplate {
namespace {

constexpr size_t kFileBytesMax = size_t{16} << 20;
constexpr size_t kNameMax = 64;
constexpr std::string_view kFields[] = {"name",
                                        "tenant",
                                        "project",
                                        "weight",
                                        "sha256",
                                        "access_key_id",
                                        "secret_access_key",
                                        "expires",
                                        "models",
                                        "concurrent_requests",
                                        "requests_per_minute",
                                        "tokens_per_minute",
                                        "body_bytes_max",
                                        "output_tokens_max",
                                        "request_seconds_max"};

bool IsLetterOrDigit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool IsName(std::string_view text) {
  return !text.empty() && text.size() <= kNameMax &&
         std::ranges::all_of(text, [](char c) { return IsLetterOrDigit(c) || c == '.' || c == '_' || c == '-'; });
}

std::optional<Sha256::Digest> DigestOf(std::string_view text) {
  Sha256 hash;
  hash.Add(text.data(), text.size());
  return hash.Take();
}

// Reads the fields of one table of [[keys]].
class Fields {
 public:
  Fields(const toml::table& table, std::string where) : table_(table), where_(std::move(where)) {}

  void SetWhere(std::string where) { where_ = std::move(where); }
  [[nodiscard]] const toml::node* Find(std::string_view field) const { return table_.get(field); }
  [[nodiscard]] Status Wrong(std::string_view field, std::string_view rule) const {
    return Status::InvalidArgument(Cat(where_, ": ", field, " must be ", rule));
  }

  Status CheckNames() const {
    for (const auto& [name, node] : table_) {
      if (std::ranges::find(kFields, name.str()) != std::end(kFields)) continue;
      std::string known;
      for (const std::string_view field : kFields) known += Cat(known.empty() ? "" : ", ", field);
      return Status::InvalidArgument(
          Cat(where_, ": line ", node.source().begin.line, " has a field that is not known; known: ", known));
    }
    return Status::Ok();
  }

  // Empty when absent.
  Result<std::string> Text(std::string_view field) const {
    const toml::node* const node = Find(field);
    if (node == nullptr) return std::string();
    auto text = node->value_exact<std::string>();
    if (!text || text->empty()) return Wrong(field, "a string, and not empty");
    return *std::move(text);
  }

  Result<std::string> Name(std::string_view field, std::string_view otherwise) const {
    BP_ASSIGN_OR_RETURN(std::string text, Text(field));
    if (text.empty()) text = otherwise;
    if (!IsName(text)) return Wrong(field, "1 to 64 letters, digits, '.', '_' or '-'");
    return text;
  }

  // As it is when absent, which means what left_out says.
  template <class Number>
  Status Read(std::string_view field, uint64_t max, Number& out, std::string_view left_out = "no limit") const {
    const toml::node* const node = Find(field);
    if (node == nullptr) return Status::Ok();
    const auto number = node->value_exact<int64_t>();
    if (!number || *number < 1 || static_cast<uint64_t>(*number) > max) {
      return Wrong(field, Cat("an integer from 1 to ", max, "; leave it out for ", left_out));
    }
    out = static_cast<Number>(*number);
    return Status::Ok();
  }

  Result<std::vector<std::string>> Texts(std::string_view field) const {
    std::vector<std::string> texts;
    const toml::node* const node = Find(field);
    if (node == nullptr) return texts;
    constexpr std::string_view kRule = "an array of strings, none empty; leave it out for all";
    const toml::array* const array = node->as_array();
    if (array == nullptr || array->empty()) return Wrong(field, kRule);
    for (const toml::node& item : *array) {
      auto text = item.value_exact<std::string>();
      if (!text || text->empty()) return Wrong(field, kRule);
      texts.push_back(*std::move(text));
    }
    return texts;
  }

  Result<std::optional<int64_t>> Time(std::string_view field) const {
    const toml::node* const node = Find(field);
    if (node == nullptr) return std::optional<int64_t>();
    const auto date_time = node->value_exact<toml::date_time>();
    auto date = node->value_exact<toml::date>();
    int64_t seconds = 0;
    if (date_time && date_time->offset) {
      date = date_time->date;
      const toml::time& time = date_time->time;
      seconds = (time.hour * 60 + time.minute - date_time->offset->minutes) * 60 + time.second;
    } else if (!date) {
      return Wrong(field, "a time with an offset such as 2027-01-31T12:00:00Z, or a date such as 2027-01-31");
    }
    const auto day = std::chrono::year(date->year) / std::chrono::month(date->month) / std::chrono::day(date->day);
    const int64_t days = std::chrono::sys_days(day).time_since_epoch().count();
    return std::optional<int64_t>(days * 86'400 + seconds);
  }

 private:
  const toml::table& table_;
  std::string where_;
};

Status ReadCredentials(const Fields& fields, Key& key) {
  BP_ASSIGN_OR_RETURN(const std::string sha256, fields.Text("sha256"));
  BP_ASSIGN_OR_RETURN(key.access_key_id, fields.Text("access_key_id"));
  BP_ASSIGN_OR_RETURN(key.secret_access_key, fields.Text("secret_access_key"));
  if (!sha256.empty()) {
    key.bearer_sha256 = DigestFromHex(sha256);
    if (!key.bearer_sha256) return fields.Wrong("sha256", "64 hex digits, as `bedplate key new` prints them");
  }
  if (key.access_key_id.empty() != key.secret_access_key.empty()) {
    return fields.Wrong("access_key_id", "given together with secret_access_key");
  }
  if (key.access_key_id.empty()) {
    return key.bearer_sha256 ? Status::Ok() : fields.Wrong("sha256", "given, or access_key_id and secret_access_key");
  }
  const auto id_fits = [](char c) { return IsLetterOrDigit(c) || c == '_'; };
  if (key.access_key_id.size() < 16 || key.access_key_id.size() > 128 ||
      !std::ranges::all_of(key.access_key_id, id_fits)) {
    return fields.Wrong("access_key_id", "16 to 128 letters, digits or '_'");
  }
  const auto visible = [](char c) { return c > ' ' && c <= '~'; };
  if (key.secret_access_key.size() < 32 || key.secret_access_key.size() > 128 ||
      !std::ranges::all_of(key.secret_access_key, visible)) {
    return fields.Wrong("secret_access_key", "32 to 128 visible ASCII characters");
  }
  return Status::Ok();
}

Status ReadLimits(const Fields& fields, Key& key) {
  RequestCaps& caps = key.principal.caps;
  KeyLimits& limits = key.limits;
  BP_RETURN_IF_ERROR(fields.Read("concurrent_requests", 100'000, limits.concurrent_requests));
  BP_RETURN_IF_ERROR(fields.Read("requests_per_minute", 100'000, limits.requests_per_minute));
  BP_RETURN_IF_ERROR(fields.Read("tokens_per_minute", 100'000'000, limits.tokens_per_minute));
  BP_RETURN_IF_ERROR(fields.Read("body_bytes_max", uint64_t{1} << 40, caps.body_bytes_max));
  BP_RETURN_IF_ERROR(fields.Read("output_tokens_max", 10'000'000, caps.output_tokens_max));
  BP_RETURN_IF_ERROR(fields.Read("request_seconds_max", 86'400, caps.time_ms_max));
  caps.time_ms_max *= 1000;
  return Status::Ok();
}

// A function of the credentials too: a later key of the same name finds nothing that this one left in a cache on disk.
uint64_t CacheSaltOf(const Key& key) {
  const Principal& who = key.principal;
  const auto digest = DigestOf(Cat("bedplate prefix cache\n", who.tenant, "\n", who.project, "\n", who.key, "\n",
                                   key.bearer_sha256 ? HexOf(*key.bearer_sha256) : "", "\n", key.access_key_id));
  uint64_t salt = 0;
  if (digest) std::memcpy(&salt, digest->data(), sizeof salt);
  return salt;
}

Result<Key> ReadKey(const toml::table& table, std::string_view file, size_t number) {
  Fields fields(table, Cat(file, ": key ", number));
  BP_RETURN_IF_ERROR(fields.CheckNames());
  Key key;
  BP_ASSIGN_OR_RETURN(key.principal.key, fields.Name("name", ""));
  fields.SetWhere(Cat(file, ": key \"", key.principal.key, "\""));
  BP_ASSIGN_OR_RETURN(key.principal.tenant, fields.Name("tenant", "default"));
  BP_ASSIGN_OR_RETURN(key.principal.project, fields.Name("project", "default"));
  key.principal.shares_by_key = fields.Find("tenant") == nullptr;
  BP_RETURN_IF_ERROR(fields.Read("weight", 1000, key.principal.weight, "1"));
  BP_ASSIGN_OR_RETURN(key.principal.models, fields.Texts("models"));
  BP_ASSIGN_OR_RETURN(key.expires_unix_seconds, fields.Time("expires"));
  BP_RETURN_IF_ERROR(ReadCredentials(fields, key));
  BP_RETURN_IF_ERROR(ReadLimits(fields, key));
  key.principal.cache_salt = CacheSaltOf(key);
  return key;
}

// keys are by name.
Status CheckUnique(const std::vector<Key>& keys, std::string_view file) {
  const auto named = [&](const Key& key, std::string_view what) {
    return Status::InvalidArgument(Cat(file, ": two keys have the ", what, " of key \"", key.principal.key, "\""));
  };
  std::vector<const Key*> order;
  order.reserve(keys.size());
  for (const Key& key : keys) order.push_back(&key);
  const auto check = [&](auto of, std::string_view what) {
    std::ranges::sort(order, {}, [&](const Key* key) { return of(*key); });
    for (size_t i = 1; i < order.size(); ++i) {
      if (of(*order[i]) == of(*order[i - 1]) && of(*order[i]) != decltype(of(*order[i])){})
        return named(*order[i], what);
    }
    return Status::Ok();
  };
  BP_RETURN_IF_ERROR(check([](const Key& key) { return key.principal.key; }, "name"));
  BP_RETURN_IF_ERROR(check([](const Key& key) { return key.bearer_sha256; }, "sha256"));
  return check([](const Key& key) { return key.access_key_id; }, "access_key_id");
}

// keys are by name.
Status CheckWeights(const std::vector<Key>& keys, std::string_view file) {
  std::unordered_map<std::string_view, const Key*> first;  // of each tenant
  for (const Key& key : keys) {
    const Principal& who = key.principal;
    if (who.shares_by_key) continue;
    const Key& other = *first.emplace(who.tenant, &key).first->second;
    if (who.weight == other.principal.weight) continue;
    return Status::InvalidArgument(Cat(file, ": keys \"", other.principal.key, "\" and \"", who.key,
                                       "\" are of one tenant, whose weight must be the same in both"));
  }
  return Status::Ok();
}

std::string Reason() {
  return std::strerror(errno);
}

Status CheckMode(const std::filesystem::path& path, int fd) {
  struct stat state{};
  if (::fstat(fd, &state) != 0) return Status::IoError(Cat(path.string(), ": ", Reason()));
  if (!S_ISREG(state.st_mode))
    return Status::InvalidArgument(Cat(path.string(), ": the key file must be a plain file"));
  if ((state.st_mode & (S_IRWXG | S_IRWXO)) == 0) return Status::Ok();
  return Status(
      StatusCode::kPermissionDenied,
      fmt::format("{0}: others may read or write this key file (its mode is {1:04o}), and it holds secrets; run: "
                  "chmod 600 {0}",
                  path.string(), state.st_mode & 07777));
}

Result<std::string> ReadAll(const std::filesystem::path& path, int fd) {
  std::string text;
  char buffer[size_t{16} << 10];
  for (;;) {
    const ssize_t count = ::read(fd, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Status::IoError(Cat(path.string(), ": ", Reason()));
    if (count == 0) return text;
    text.append(buffer, static_cast<size_t>(count));
    if (text.size() > kFileBytesMax) {
      return Status::TooLarge(Cat(path.string(), ": the key file is over ", kFileBytesMax >> 20, " MiB"));
    }
  }
}

}  // namespace

Result<KeyFile> KeyFile::Load(const std::filesystem::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) {
    return Status(errno == ENOENT ? StatusCode::kNotFound : StatusCode::kIoError,
                  Cat("the key file ", path.string(), " can't be read: ", Reason()));
  }
  BP_RETURN_IF_ERROR(CheckMode(path, file.get()));
  BP_ASSIGN_OR_RETURN(const std::string text, ReadAll(path, file.get()));
  return Parse(text, path.string());
}

Result<KeyFile> KeyFile::Parse(std::string_view text, std::string_view name) {
  BP_ASSIGN_OR_RETURN(const toml::table table, ParseSecretToml(text, name));
  const toml::array* const tables = table.size() == 1 ? table["keys"].as_array() : nullptr;
  if (tables == nullptr || !tables->is_array_of_tables()) {
    return Status::InvalidArgument(
        Cat(name, ": a key file holds [[keys]] tables, at least one, and nothing else; `bedplate key new` prints one"));
  }
  if (tables->size() > kKeysMax) {
    return Status::TooLarge(Cat(name, " has ", tables->size(), " keys; allowed: ", kKeysMax));
  }
  std::vector<Key> keys;
  for (const toml::node& node : *tables) {
    BP_ASSIGN_OR_RETURN(Key key, ReadKey(*node.as_table(), name, keys.size() + 1));
    keys.push_back(std::move(key));
  }
  BP_RETURN_IF_ERROR(CheckUnique(keys, name));
  BP_RETURN_IF_ERROR(CheckWeights(keys, name));
  std::ranges::sort(keys, {}, [](const Key& key) -> const std::string& { return key.principal.key; });
  return KeyFile(std::move(keys));
}

// Every key is compared with, and each comparison takes the same time: what a client can learn by the clock is nothing.
const Key* KeyFile::FindBearer(std::string_view secret) const {
  const auto digest = DigestOf(secret);
  if (!digest) return nullptr;
  const Key* found = nullptr;
  for (const Key& key : keys_) {
    if (!key.bearer_sha256) continue;
    if (CRYPTO_memcmp(key.bearer_sha256->data(), digest->data(), digest->size()) == 0) found = &key;
  }
  return found;
}

const Key* KeyFile::FindAccessKey(std::string_view id) const {
  if (id.empty()) return nullptr;
  const auto found = std::ranges::find(keys_, id, [](const Key& key) -> std::string_view { return key.access_key_id; });
  return found == keys_.end() ? nullptr : &*found;
}

const Key* KeyFile::FindByName(std::string_view name) const {
  const auto found =
      std::ranges::lower_bound(keys_, name, {}, [](const Key& key) -> std::string_view { return key.principal.key; });
  return found == keys_.end() || found->principal.key != name ? nullptr : &*found;
}

}  // namespace bedplate
