#include "pages/page_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/cat.h"
#include "base/log.h"
#include "pages/page_file.h"

namespace bedplate {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".pages";
constexpr uint64_t kDiskLeftFree = uint64_t{256} << 20;  // a cache must not be what fills a disk

std::string NameOf(const PageKey& identity) {
  std::string name;
  for (size_t i = 0; i < 16; ++i) name += fmt::format("{:02x}", identity.digest[i]);
  return name + std::string(kSuffix);
}

/// Files are sparse: what counts is what they take.
uint64_t BytesOnDisk(const fs::path& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 ? static_cast<uint64_t>(info.st_blocks) * 512 : 0;
}

bool RemoveUnused(const fs::path& path) {
  const auto file = OpenLockedFile(path);
  return file.ok() && ::unlink(path.c_str()) == 0;
}

void MakeRoom(const PageFolder& folder, const fs::path& own, uint64_t bytes) {
  std::vector<PageFileEntry> others = ListPageFiles(folder.folder);
  std::erase_if(others, [&](const PageFileEntry& entry) { return entry.path == own; });
  uint64_t sum = bytes;
  for (const PageFileEntry& entry : others) sum += entry.bytes;
  for (; sum > folder.bytes_max && !others.empty(); others.pop_back()) {
    const PageFileEntry& oldest = others.back();
    if (!RemoveUnused(oldest.path)) continue;
    LogInfo("removed a file of cached pages to make room",
            {{"path", oldest.path.string()}, {"model", oldest.label}, {"bytes", Cat(oldest.bytes)}});
    sum -= oldest.bytes;
  }
}

}  // namespace

Result<std::unique_ptr<RandomAccessFile>> OpenPageFile(const PageFolder& folder, const PageKey& identity,
                                                       uint64_t& bytes) {
  std::error_code error;
  fs::create_directories(folder.folder, error);
  if (error) return Status::IoError(Cat("cannot create ", folder.folder.string(), ": ", error.message()));
  const fs::path path = folder.folder / NameOf(identity);
  BP_ASSIGN_OR_RETURN(std::unique_ptr<RandomAccessFile> file, OpenLockedFile(path));
  MakeRoom(folder, path, bytes);
  const fs::space_info space = fs::space(folder.folder, error);
  if (!error) {
    const uint64_t room = BytesOnDisk(path) + space.available;
    const uint64_t most = room - std::min(room, kDiskLeftFree);
    if (most < bytes) {
      LogWarning("the disk has less room than the file of cached pages was given",
                 {{"path", path.string()}, {"asked", Cat(bytes)}, {"room", Cat(most)}});
      bytes = most;
    }
  }
  ::utimensat(AT_FDCWD, path.c_str(), nullptr, 0);  // the order of use
  return file;
}

std::vector<PageFileEntry> ListPageFiles(const fs::path& folder) {
  std::vector<PageFileEntry> entries;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const fs::path& path = it->path();
    struct stat info{};
    if (path.extension() != kSuffix || ::lstat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
    const auto file = OpenForReading(path);
    entries.push_back({path, file.ok() ? PageFile::LabelOf(**file) : "", static_cast<uint64_t>(info.st_blocks) * 512,
                       int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec});
  }
  std::ranges::sort(entries, [](const PageFileEntry& a, const PageFileEntry& b) {
    return std::pair(b.used_unix_ns, a.path) < std::pair(a.used_unix_ns, b.path);
  });
  return entries;
}

uint64_t ClearPageFiles(const fs::path& folder) {
  uint64_t bytes = 0;
  for (const PageFileEntry& entry : ListPageFiles(folder)) bytes += RemoveUnused(entry.path) ? entry.bytes : 0;
  return bytes;
}

}  // namespace bedplate
