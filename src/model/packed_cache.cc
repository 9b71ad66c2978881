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
constexpr size_t kContentDigits = 64;
constexpr uint64_t kDiskLeftFree = uint64_t{256} << 20;  // a cache must not be what fills a disk
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

/// Removes the longest unused until `bytes` more fit. False: they don't, whatever is removed.
bool MakeRoom(const PackedCacheOptions& options, uint64_t bytes) {
  if (bytes > options.bytes_max) return false;
  std::vector<CachedPack> packs = ListPackedCache(options.folder);
  uint64_t sum = bytes;
  for (const CachedPack& pack : packs) sum += pack.bytes;
  for (; sum > options.bytes_max && !packs.empty(); packs.pop_back()) {
    ::unlink(packs.back().path.c_str());
    LogInfo("removed packed weights from the cache to make room",
            {{"path", packs.back().path.string()}, {"model", packs.back().label}});
    sum -= packs.back().bytes;
  }
  return true;
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

Status Store(const PackedCacheOptions& options, const ModelFile& model, const PackedPlan& plan, const std::byte* data,
             const std::atomic<bool>& stop) {
  const bool settled = IsSettled(options, model);  // before its bytes are summed
  const std::optional<std::string> content = HashContent(model, stop);
  if (!content) return Status::Cancelled("the program is ending");
  if (!IsUnchanged(model)) return Status::Cancelled("the model's file was changed in the meantime");
  std::error_code error;
  fs::create_directories(options.folder, error);
  if (error) return Status::IoError(Cat("cannot create ", options.folder.string(), ": ", error.message()));
  RemoveAbandoned(options.folder);

  const PackedFileKey key{*content, PackingFingerprint(plan)};
  const fs::path path = options.folder / key.FileName();
  // One that is there already belongs to the same content under another name; it is checked when it is next used.
  if (!fs::exists(path, error)) {
    const uint64_t bytes = PackedFileBytes(plan);
    const fs::space_info space = fs::space(options.folder, error);
    if (!error && space.available < bytes + kDiskLeftFree) {
      return Status::IoError(Cat("no room on the disk: ", bytes, " bytes are needed and ", kDiskLeftFree,
                                 " should stay free, ", space.available, " are free"));
    }
    if (!MakeRoom(options, bytes)) {
      return Status::ResourceExhausted(Cat(bytes, " bytes are more than the cache's ", options.bytes_max));
    }
    BP_RETURN_IF_ERROR(WriteThroughPartial(
        path, [&](int fd) { return WritePackedFile(fd, key, plan, data, model.path().filename().string(), stop); }));
  }
  if (settled) BP_RETURN_IF_ERROR(WriteFileAtomically(NotePath(options.folder, model), NoteHead(model) + *content));
  LogInfo(settled ? "packed weights are cached; the next start maps them"
                  : "packed weights are cached; the model's file is too new for the next start to trust them",
          {{"path", path.string()}});
  return Status::Ok();
}

}  // namespace

std::optional<OpenedPackedFile> FindPacked(const PackedCacheOptions& options, const ModelFile& model,
                                           const PackedPlan& plan, ThreadTeam& team) {
  if (options.folder.empty()) return std::nullopt;
  const std::optional<std::string> content = NotedContent(options.folder, model);
  if (!content) return std::nullopt;
  const PackedFileKey key{*content, PackingFingerprint(plan)};
  const fs::path path = options.folder / key.FileName();
  Result<OpenedPackedFile> found = OpenPackedFile(path, key, plan, team);
  if (found.ok()) {
    ::utimensat(AT_FDCWD, path.c_str(), nullptr, 0);  // the order of use; a read-only folder keeps its own
    return std::move(*found);
  }
  if (found.status().code() != StatusCode::kNotFound) {
    LogWarning("cached packed weights are not usable; packing anew", {{"why", found.status().message()}});
    // Damaged, or another model's: of no use to anyone. Any other failure may be this process's own.
    if (found.status().code() == StatusCode::kDataLoss) ::unlink(path.c_str());
  }
  return std::nullopt;
}

PackedCacheWriter::PackedCacheWriter(PackedCacheOptions options, const ModelFile& model, const PackedPlan& plan,
                                     const std::byte* data)
    : options_(std::move(options)), model_(model), plan_(plan), data_(data), thread_([this]() noexcept {
        Status stored;
        try {
          stored = Store(options_, model_, plan_, data_, stop_);
        } catch (...) {
          stored = CaughtStatus();
        }
        if (stored.ok() || stop_.load()) return;
        LogWarning("packed weights are not cached; the next start packs again", {{"why", stored.message()}});
      }) {}

PackedCacheWriter::~PackedCacheWriter() {
  if (plan_.bytes > options_.finish_bytes_max) stop_.store(true);
  thread_.join();
}

std::vector<CachedPack> ListPackedCache(const fs::path& folder) {
  std::vector<CachedPack> packs;
  for (const fs::path& path : FilesEnding(folder, kPackedFileSuffix)) {
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0) continue;
    packs.push_back({path, PackedFileLabel(path), static_cast<uint64_t>(info.st_size),
                     int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec});
  }
  std::ranges::sort(packs, [](const CachedPack& a, const CachedPack& b) {
    return std::pair(b.used_unix_ns, a.path) < std::pair(a.used_unix_ns, b.path);
  });
  return packs;
}

uint64_t ClearPackedCache(const fs::path& folder) {
  uint64_t bytes = 0;
  for (const CachedPack& pack : ListPackedCache(folder)) {
    if (::unlink(pack.path.c_str()) == 0) bytes += pack.bytes;
  }
  for (const fs::path& note : FilesEnding(folder, kNoteSuffix)) ::unlink(note.c_str());
  RemoveAbandoned(folder);
  return bytes;
}

}  // namespace bedplate
