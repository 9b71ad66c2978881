#include "ledger/tenancy/secret_file.h"

#include <fcntl.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/cat.h"
#include "base/descriptor.h"
#include "base/file.h"
#include "ledger/secret_toml.h"

namespace bedplate {
namespace {

constexpr size_t kSecretFileBytesMax = size_t{1} << 20;
constexpr size_t kVersionIdMax = 32;
constexpr std::string_view kHead =
    "# Bedplate's secrets. Without this file no key of the data folder works, and with both anyone can make some.\n"
    "# Keep a copy where you keep passwords. The last version is the present one.\n";

Result<SecretVersion> NewVersion(std::string id, int64_t now_unix_seconds) {
  SecretVersion version{.id = std::move(id), .created_unix_seconds = now_unix_seconds};
  for (Sha256::Digest* bytes : {&version.pepper, &version.encryption_key}) {
    if (RAND_bytes(bytes->data(), static_cast<int>(bytes->size())) != 1) {
      return Status::Internal("OpenSSL gives no random bytes");
    }
  }
  return version;
}

bool IsVersionId(std::string_view id) {
  return !id.empty() && id.size() <= kVersionIdMax &&
         std::ranges::all_of(id, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); });
}

Result<SecretVersion> ReadVersion(const toml::table& table, std::string_view name) {
  const auto wrong = [&](std::string_view rule) {
    return Status::InvalidArgument(Cat(name, ", line ", table.source().begin.line, ": a version has ", rule));
  };
  for (const auto& [field, node] : table) {
    constexpr std::string_view kKnown[] = {"id", "created_at", "pepper", "encryption_key"};
    if (std::ranges::find(kKnown, field.str()) == std::end(kKnown)) {
      return wrong("id, created_at, pepper and encryption_key, and nothing else");
    }
  }
  SecretVersion version;
  version.id = table["id"].value_exact<std::string>().value_or("");
  if (!IsVersionId(version.id)) return wrong("an id of 1 to 32 lower-case letters and digits");
  const auto created = table["created_at"].value_exact<int64_t>();
  if (!created) return wrong("created_at in Unix seconds");
  version.created_unix_seconds = *created;
  const auto pepper = DigestFromHex(table["pepper"].value_exact<std::string>().value_or(""));
  const auto encryption_key = DigestFromHex(table["encryption_key"].value_exact<std::string>().value_or(""));
  if (!pepper || !encryption_key) return wrong("a pepper and an encryption_key of 64 lower-case hex digits each");
  version.pepper = *pepper;
  version.encryption_key = *encryption_key;
  return version;
}

// Both as they are once every link is followed: what isn't there yet is taken as it is written.
Status CheckOutside(const std::filesystem::path& path, const std::filesystem::path& data_folder) {
  std::error_code error;
  const auto file = std::filesystem::weakly_canonical(std::filesystem::absolute(path, error), error);
  if (error) return Status::IoError(Cat("cannot resolve ", path.string(), ": ", error.message()));
  const auto folder = std::filesystem::weakly_canonical(std::filesystem::absolute(data_folder, error), error);
  if (error) return Status::IoError(Cat("cannot resolve ", data_folder.string(), ": ", error.message()));
  const auto [in_folder, in_file] = std::ranges::mismatch(folder, file);
  const bool inside = in_folder == folder.end() || (std::next(in_folder) == folder.end() && in_folder->empty());
  if (!inside) return Status::Ok();
  return Status(
      StatusCode::kPermissionDenied,
      Cat("the secret file ", path.string(), " lies inside the data folder ", data_folder.string(),
          ", whose copies would then let their readers in; move it elsewhere and name it with --secret-file"));
}

}  // namespace

Result<SecretFile> SecretFile::Parse(std::string_view text, std::string_view name) {
  BP_ASSIGN_OR_RETURN(const toml::table parsed, ParseSecretToml(text, name));
  const toml::array* const tables = parsed["versions"].as_array();
  if (tables == nullptr || tables->empty() || !tables->is_homogeneous<toml::table>() || parsed.size() != 1) {
    return Status::InvalidArgument(Cat(name, " must have [[versions]] tables, at least one, and nothing else"));
  }
  if (tables->size() > kVersionsMax) {
    return Status::TooLarge(Cat(name, " has ", tables->size(), " versions; allowed: ", kVersionsMax));
  }
  SecretFile file;
  for (const toml::node& node : *tables) {
    BP_ASSIGN_OR_RETURN(SecretVersion version, ReadVersion(*node.as_table(), name));
    if (file.Find(version.id) != nullptr) {
      return Status::InvalidArgument(Cat(name, " has two versions with the id ", version.id));
    }
    file.versions_.push_back(std::move(version));
  }
  return file;
}

Result<SecretFile> SecretFile::Load(const std::filesystem::path& path, const std::filesystem::path& data_folder) {
  BP_RETURN_IF_ERROR(CheckOutside(path, data_folder));
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  struct stat about = {};
  if (file.get() < 0 || ::fstat(file.get(), &about) != 0) {
    const int error = errno;
    const std::string what =
        Cat("the secret file ", path.string(), " cannot be opened: ", std::generic_category().message(error));
    if (error == ENOENT) {
      return Status::NotFound(Cat(what, "; name the one that `bedplate tenant init` made with --secret-file"));
    }
    return Status::IoError(what);
  }
  if (!S_ISREG(about.st_mode)) return Status::InvalidArgument(Cat("the secret file ", path.string(), " is no file"));
  if (about.st_uid != ::geteuid()) {
    return Status(StatusCode::kPermissionDenied, Cat("the secret file ", path.string(), " belongs to another user"));
  }
  if ((about.st_mode & 07777) != 0600) {
    return Status(StatusCode::kPermissionDenied, Cat("the secret file ", path.string(),
                                                     " must be for its owner's eyes alone, and is not; mend it: "
                                                     "chmod 600 ",
                                                     path.string()));
  }
  BP_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kSecretFileBytesMax));
  return Parse(text, path.string());
}

Result<SecretFile> SecretFile::Create(const std::filesystem::path& path, const std::filesystem::path& data_folder,
                                      int64_t now_unix_seconds) {
  BP_RETURN_IF_ERROR(CheckOutside(path, data_folder));
  std::error_code error;
  if (std::filesystem::exists(path, error)) {
    return Status{StatusCode::kConflict,
                  Cat("there is a secret file ", path.string(),
                      " already: name another one with --secret-file, or remove it where no data folder needs it")};
  }
  if (path.has_parent_path()) {
    std::filesystem::create_directories(path.parent_path(), error);
    if (error) return Status::IoError(Cat("cannot make ", path.parent_path().string(), ": ", error.message()));
  }
  SecretFile file;
  BP_ASSIGN_OR_RETURN(SecretVersion version, NewVersion("v1", now_unix_seconds));
  file.versions_.push_back(std::move(version));
  BP_RETURN_IF_ERROR(file.Save(path));
  return file;
}

const SecretVersion* SecretFile::Find(std::string_view id) const {
  const auto found = std::ranges::find(versions_, id, &SecretVersion::id);
  return found == versions_.end() ? nullptr : &*found;
}

Result<SecretFile> SecretFile::WithNewVersion(int64_t now_unix_seconds) const {
  if (versions_.size() >= kVersionsMax) {
    return Status{StatusCode::kConflict, Cat("the secret file has its ", kVersionsMax,
                                             " versions; rotate the keys that still need the oldest, then try again")};
  }
  size_t number = versions_.size() + 1;
  while (Find(Cat("v", number)) != nullptr) ++number;
  BP_ASSIGN_OR_RETURN(SecretVersion version, NewVersion(Cat("v", number), now_unix_seconds));
  SecretFile file = *this;
  file.versions_.push_back(std::move(version));
  return file;
}

SecretFile SecretFile::WithOnly(const std::vector<std::string>& ids) const {
  SecretFile file;
  for (const SecretVersion& version : versions_) {
    if (&version == &present() || std::ranges::find(ids, version.id) != ids.end()) file.versions_.push_back(version);
  }
  return file;
}

Status SecretFile::Save(const std::filesystem::path& path) const {
  std::string text(kHead);
  for (const SecretVersion& version : versions_) {
    text +=
        Cat("\n[[versions]]\nid = \"", version.id, "\"\ncreated_at = ", version.created_unix_seconds, "\npepper = \"",
            HexOf(version.pepper), "\"\nencryption_key = \"", HexOf(version.encryption_key), "\"\n");
  }
  return WriteFileAtomically(path, text, 0600);
}

std::optional<Sha256::Digest> PepperedHash(const SecretVersion& version, std::string_view key_text) {
  return HmacSha256({reinterpret_cast<const char*>(version.pepper.data()), version.pepper.size()}, key_text);
}

}  // namespace bedplate
