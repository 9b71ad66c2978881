#include "model/packed_cache.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>

#include "base/cat.h"
#include "base/caught.h"
#include "base/descriptor.h"
#include "base/log.h"
#include "base/sha256.h"

namespace bedplate {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPartialSuffix = ".partial";
constexpr std::string_view kNoteSuffix = ".source";
constexpr std::string_view kTablesSuffix = ".tokens";
constexpr size_t kContentDigits = 64;
constexpr size_t kHashChunk = size_t{4} << 20;

// ---- A model's content ---------------------------------------------------------------------------------------------

/// Gives pages back as it goes: hashing must not make the whole file resident.
std::optional<std::string> HashFile(const MappedFile& file, const std::atomic<bool>& stop) {
  Sha256 sum;
  for (size_t at = 0; at < file.bytes().size(); at += kHashChunk) {
    if (stop.load()) return std::nullopt;
    const size_t bytes = std::min(kHashChunk, file.bytes().size() - at);
    file.ReadAhead(at + bytes, kHashChunk);
    sum.Add(file.bytes().data() + at, bytes);
    file.Release(at, bytes);
  }
  return sum.Hex();
}

std::optional<std::string> HashContent(const ModelFile& model, const std::atomic<bool>& stop) {
  if (model.files().size() == 1) return HashFile(model.files().front(), stop);
  Sha256 all;
  for (const MappedFile& file : model.files()) {
    const std::optional<std::string> one = HashFile(file, stop);
    if (!one) return std::nullopt;
    all.Add(one->data(), one->size());
  }
  return all.Hex();
}

// ---- The note of a model's content ---------------------------------------------------------------------------------

fs::path NotePath(const fs::path& folder, const ModelFile& model) {
  std::error_code ignored;
  const std::string path = fs::weakly_canonical(model.path(), ignored).string();
  const XXH128_hash_t hash = XXH3_128bits(path.data(), path.size());
  return folder / Cat(fmt::format("{:016x}{:016x}", hash.high64, hash.low64), kNoteSuffix);
}

/// All of the note but the sum itself.
std::string NoteHead(const ModelFile& model) {
  std::string text = "bedplate source 1\n";
  for (const MappedFile& file : model.files()) {
    const FileIdentity& id = file.identity();
    text += Cat(id.device, " ", id.inode, " ", id.size, " ", id.modified_ns, " ", id.changed_ns, "\n");
  }
  return text;
}

bool IsContent(std::string_view text) {
  return text.size() == kContentDigits && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::optional<std::string> NotedContent(const fs::path& folder, const ModelFile& model) {
  const std::string head = NoteHead(model);
  const Result<std::string> note = ReadFile(NotePath(folder, model), head.size() + kContentDigits);
  if (!note.ok() || !note->starts_with(head)) return std::nullopt;
  const std::string content = note->substr(head.size());
  return IsContent(content) ? std::optional(content) : std::nullopt;
}

bool IsSettled(const PackedCacheOptions& options, const ModelFile& model) {
  const int64_t now =
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  return std::ranges::all_of(model.files(), [&](const MappedFile& file) {
    return std::max(file.identity().modified_ns, file.identity().changed_ns) + options.settled_after.count() < now;
  });
}

/// Whether the files that were mapped are still those under their names, and unchanged.
bool IsUnchanged(const ModelFile& model) {
  return std::ranges::all_of(model.files(), [](const MappedFile& file) {
    const Result<FileIdentity> now = IdentityOf(file.path());
    return now.ok() && *now == file.identity();
  });
}

// ---- Room ----------------------------------------------------------------------------------------------------------

bool HasEnding(const fs::path& path, std::string_view ending) {
  return path.filename().string().ends_with(ending);
}

std::vector<fs::path> FilesEnding(const fs::path& folder, std::string_view ending) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    if (HasEnding(it->path(), ending) && it->is_regular_file(ignored)) files.push_back(it->path());
  }
  return files;
}

/// Opens and locks the file at this path; another process may rename or remove it in between, hence the look at what
/// the name means once the lock is ours. -1: somebody else is writing it, or errno says why not.
int OpenLocked(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (fd < 0) return -1;
  struct stat here{}, named{};
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0 && ::fstat(fd, &here) == 0 && ::stat(path.c_str(), &named) == 0 &&
      here.st_ino == named.st_ino && here.st_dev == named.st_dev) {
    return fd;
  }
  errno = EWOULDBLOCK;
  ::close(fd);
  return -1;
}

/// What killed writers have left: nobody holds its lock.
void RemoveAbandoned(const fs::path& folder) {
  for (const fs::path& path : FilesEnding(folder, kPartialSuffix)) {
    const Descriptor fd(OpenLocked(path));
    if (fd.get() >= 0) ::unlink(path.c_str());
  }
}

std::optional<uint64_t> DiskFree(const PackedCacheOptions& options) {
  if (options.disk_free) return options.disk_free(options.folder);
  std::error_code error;
  const fs::space_info space = fs::space(options.folder, error);
  return error ? std::nullopt : std::optional<uint64_t>(space.available);
}

/// How many bytes must go before `bytes` more fit, by the cache's own limit and by the disk's.
struct Excess {
  uint64_t cache = 0, disk = 0;
};
Excess ExcessWith(const PackedCacheOptions& options, uint64_t bytes, uint64_t kept) {
  const uint64_t wanted = bytes + options.disk_left_free;
  const uint64_t available = DiskFree(options).value_or(wanted);
  return {.cache = kept + bytes - std::min(kept + bytes, options.bytes_max),
          .disk = wanted - std::min(wanted, available)};
}

/// Removes the longest unused until `bytes` more fit; nothing, if all of them would not be enough. A file that another
/// process has mapped frees the disk only when that one ends, so the disk is asked again after each.
Status MakeRoom(const PackedCacheOptions& options, uint64_t bytes) {
  if (bytes > options.bytes_max) {
    return Status::ResourceExhausted(Cat(bytes, " bytes are more than the cache's ", options.bytes_max));
  }
  std::vector<KeptFile> files = ListPackedCache(options.folder);
  uint64_t kept = 0;
  for (const KeptFile& file : files) kept += file.bytes;
  Excess excess = ExcessWith(options, bytes, kept);
  const auto no_room = [&] {
    return Status::IoError(Cat("no room on the disk: ", bytes, " bytes are needed and ", options.disk_left_free,
                               " should stay free, ", DiskFree(options).value_or(0), " are free"));
  };
  if (excess.disk > kept) return no_room();
  for (; (excess.cache > 0 || excess.disk > 0) && !files.empty(); files.pop_back()) {
    const KeptFile& oldest = files.back();
    ::unlink(oldest.path.c_str());
    LogInfo("removed from the cache to make room", {{"path", oldest.path.string()}, {"model", oldest.label}});
    kept -= oldest.bytes;
    excess = ExcessWith(options, bytes, kept);
  }
  return excess.disk > 0 ? no_room() : Status::Ok();
}

Status WriteThroughPartial(const fs::path& path, const std::function<Status(int)>& write) {
  const fs::path partial = path.string() + std::string(kPartialSuffix);
  const Descriptor fd(OpenLocked(partial));
  if (fd.get() < 0) {
    if (errno == EWOULDBLOCK) return Status::Cancelled("another process is writing it");
    return Status::IoError(Cat("cannot create ", partial.string(), ": ", std::strerror(errno)));
  }
  Status status;
  if (::ftruncate(fd.get(), 0) != 0) status = Status::IoError(Cat("cannot shorten: ", std::strerror(errno)));
  if (status.ok()) status = write(fd.get());
  if (status.ok() && ::rename(partial.c_str(), path.c_str()) != 0) {
    status = Status::IoError(Cat("cannot rename into ", path.string(), ": ", std::strerror(errno)));
  }
  if (!status.ok()) {
    ::unlink(partial.c_str());
    return status;
  }
  const Descriptor folder(::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() >= 0) ::fsync(folder.get());  // a rename that is lost costs a packing, not more
  return Status::Ok();
}

/// Adds a file of so many bytes. One that is there already belongs to the same content under another name; it is
/// checked when it is next used.
Status Keep(const PackedCacheOptions& options, const std::string& name, uint64_t bytes,
            const std::function<Status(int)>& write) {
  const fs::path path = options.folder / name;
  std::error_code ignored;
  if (fs::exists(path, ignored)) return Status::Ok();
  BP_RETURN_IF_ERROR(MakeRoom(options, bytes));
  return WriteThroughPartial(path, write);
}

Status KeepAll(const PackedCacheOptions& options, const std::string& content, const std::string& label,
               const PackedCacheWriter::Work& work, const std::atomic<bool>& stop) {
  if (const std::span<const std::byte> tables = work.tables.bytes.bytes; !tables.empty()) {
    const KeptKey key{content, work.tables.fingerprint};
    BP_RETURN_IF_ERROR(Keep(options, key.FileName(kTablesSuffix), KeptFileBytes(tables.size()),
                            [&](int fd) { return WriteKeptFile(fd, key, tables, label); }));
  }
  if (work.plan == nullptr) return Status::Ok();
  const KeptKey key{content, PackingFingerprint(*work.plan)};
  return Keep(options, key.FileName(kPackedFileSuffix), PackedFileBytes(*work.plan),
              [&](int fd) { return WritePackedFile(fd, key, *work.plan, work.weights, label, stop); });
}

Status Store(const PackedCacheOptions& options, const ModelFile& model, const PackedCacheWriter::Work& work,
             const std::atomic<bool>& stop) {
  std::optional<std::string> content = NotedContent(options.folder, model);
  const bool noted = content.has_value();
  const bool settled = noted || IsSettled(options, model);  // before its bytes are summed
  if (!noted) content = HashContent(model, stop);
  if (!content) return Status::Cancelled("the program is ending");
  if (!IsUnchanged(model)) return Status::Cancelled("the model's file was changed in the meantime");
  std::error_code error;
  fs::create_directories(options.folder, error);
  if (error) return Status::IoError(Cat("cannot create ", options.folder.string(), ": ", error.message()));
  RemoveAbandoned(options.folder);
  BP_RETURN_IF_ERROR(KeepAll(options, *content, model.path().filename().string(), work, stop));
  if (settled && !noted) {
    BP_RETURN_IF_ERROR(WriteFileAtomically(NotePath(options.folder, model), NoteHead(model) + *content));
  }
  LogInfo(settled ? "cached; the next start maps what this one made"
                  : "cached; the model's file is too new for the next start to trust what was made from it",
          {{"model", model.path().filename().string()}, {"folder", options.folder.string()}});
  return Status::Ok();
}

/// Whether what a look at a kept file came to is good. A file that is of no use to anyone is removed.
bool IsGood(const fs::path& path, const Status& looked, std::string_view what) {
  if (looked.ok()) {
    ::utimensat(AT_FDCWD, path.c_str(), nullptr, 0);  // the order of use; a read-only folder keeps its own
    return true;
  }
  if (looked.code() == StatusCode::kNotFound) return false;
  LogWarning(Cat("cached ", what, " are not usable; they are made anew"), {{"why", looked.message()}});
  // Damaged, or another model's. Any other failure may be this process's own.
  if (looked.code() == StatusCode::kDataLoss) ::unlink(path.c_str());
  return false;
}

}  // namespace

std::optional<OpenedPackedFile> FindPacked(const PackedCacheOptions& options, const ModelFile& model,
                                           const PackedPlan& plan, ThreadTeam& team) {
  if (options.folder.empty()) return std::nullopt;
  const std::optional<std::string> content = NotedContent(options.folder, model);
  if (!content) return std::nullopt;
  const KeptKey key{*content, PackingFingerprint(plan)};
  const fs::path path = options.folder / key.FileName(kPackedFileSuffix);
  Result<OpenedPackedFile> found = OpenPackedFile(path, key, plan, team);
  if (!IsGood(path, found.status(), "packed weights")) return std::nullopt;
  return std::move(*found);
}

bool UseTables(const PackedCacheOptions& options, const ModelFile& model, uint64_t fingerprint,
               const std::function<Status(SharedBytes)>& use) {
  if (options.folder.empty()) return false;
  const std::optional<std::string> content = NotedContent(options.folder, model);
  if (!content) return false;
  const KeptKey key{*content, fingerprint};
  const fs::path path = options.folder / key.FileName(kTablesSuffix);
  Result<SharedBytes> found = OpenKeptFile(path, key);
  return IsGood(path, found.ok() ? use(*std::move(found)) : found.status(), "tables");
}

Result<std::string> ModelContent(const PackedCacheOptions& options, const ModelFile& model) {
  if (!options.folder.empty()) {
    if (std::optional<std::string> noted = NotedContent(options.folder, model)) return *std::move(noted);
  }
  const bool settled = IsSettled(options, model);  // before its bytes are summed
  const std::atomic<bool> never{false};
  std::optional<std::string> content = HashContent(model, never);
  if (!content) return Status::Unavailable("this system's OpenSSL has no SHA-256");
  if (!IsUnchanged(model)) {
    return Status::Unavailable(Cat(model.path().string(), " was changed while its content was being summed"));
  }
  if (settled && options.write && !options.folder.empty()) {
    std::error_code ignored;
    fs::create_directories(options.folder, ignored);
    const Status noted = WriteFileAtomically(NotePath(options.folder, model), NoteHead(model) + *content);
    if (!noted.ok()) LogWarning("a model's content is not noted", {{"why", noted.message()}});
  }
  return *std::move(content);
}

PackedCacheWriter::PackedCacheWriter(PackedCacheOptions options, const ModelFile& model, Work work)
    : options_(std::move(options)), model_(model), work_(std::move(work)), thread_([this]() noexcept {
        Status stored;
        try {
          stored = Store(options_, model_, work_, stop_);
        } catch (...) {
          stored = CaughtStatus();
        }
        if (stored.ok() || stop_.load()) return;
        LogWarning("not cached; the next start makes it again", {{"why", stored.message()}});
      }) {}

PackedCacheWriter::~PackedCacheWriter() {
  const uint64_t weights = work_.plan == nullptr ? 0 : work_.plan->bytes;
  if (weights + work_.tables.bytes.bytes.size() > options_.finish_bytes_max) stop_.store(true);
  thread_.join();
}

std::vector<KeptFile> ListPackedCache(const fs::path& folder) {
  std::vector<KeptFile> files;
  for (const auto& [kind, suffix] :
       {std::pair(KeptFile::Kind::kWeights, kPackedFileSuffix), std::pair(KeptFile::Kind::kTables, kTablesSuffix)}) {
    for (const fs::path& path : FilesEnding(folder, suffix)) {
      struct stat info{};
      if (::stat(path.c_str(), &info) != 0) continue;
      files.push_back({kind, path, kind == KeptFile::Kind::kWeights ? PackedFileLabel(path) : KeptFileLabel(path),
                       static_cast<uint64_t>(info.st_size),
                       int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec});
    }
  }
  std::ranges::sort(files, [](const KeptFile& a, const KeptFile& b) {
    return std::pair(b.used_unix_ns, a.path) < std::pair(a.used_unix_ns, b.path);
  });
  return files;
}

uint64_t ClearPackedCache(const fs::path& folder) {
  uint64_t bytes = 0;
  for (const KeptFile& file : ListPackedCache(folder)) {
    if (::unlink(file.path.c_str()) == 0) bytes += file.bytes;
  }
  for (const fs::path& note : FilesEnding(folder, kNoteSuffix)) ::unlink(note.c_str());
  RemoveAbandoned(folder);
  return bytes;
}

}  // namespace bedplate
