#include "ledger/metering/flight_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/cat.h"
#include "base/check.h"
#include "base/file.h"
#include "base/log.h"

namespace bedplate {
namespace {

constexpr int kPopulateWrite = 23;   // MADV_POPULATE_WRITE, which older headers lack
constexpr size_t kPageBytes = 4096;  // a header, and what descriptors begin at
constexpr uint32_t kSlotsMax = 1 << 20;

struct FlightHeader {
  std::array<char, 8> magic;
  uint32_t form;
  uint32_t slots;
  int64_t epoch;
  uint64_t checksum;  // over what comes before
};
constexpr std::array<char, 8> kFlightMagic = {'B', 'P', 'F', 'L', 'I', 'G', 'H', 'T'};

uint64_t ChecksumOf(const FlightHeader& header) {
  return FlightChecksum(std::as_bytes(std::span(&header, 1)).first(offsetof(FlightHeader, checksum)));
}

size_t WholePages(size_t bytes) {
  return (bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
}

// A name of its own for each thing that is put aside.
std::filesystem::path AsidePath(const std::filesystem::path& path) {
  for (int number = 1;; ++number) {
    std::filesystem::path aside = Cat(path.string(), ".damaged-", number);
    std::error_code error;
    if (!std::filesystem::exists(aside, error)) return aside;
  }
}

Status SyncFolderOf(const std::filesystem::path& path) {
  const Descriptor folder(::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() >= 0 && ::fsync(folder.get()) == 0) return Status::Ok();
  return Status::IoError(Cat("cannot sync the folder of ", path.string(), ": ", std::strerror(errno)));
}

}  // namespace

Status FlightFile::Failed(std::string_view doing, int error) const {
  std::string message = Cat("the flight recorder ", path_.string(), " can't be ", doing, ": ", std::strerror(error));
  if (error == ENOSPC || error == EDQUOT) {
    return Status::ResourceExhausted(Cat(message, ". It needs ", Bytes() >> 20, " MiB, allocated before it is used"))
        .WithReason("disk_full");
  }
  return Status::IoError(std::move(message));
}

Result<std::unique_ptr<FlightFile>> FlightFile::OpenLocked(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  std::unique_ptr<FlightFile> file(new FlightFile(path, fd));
  if (fd < 0) return file->Failed("opened", errno);
  struct stat here{}, named{};
  // Between opening and locking, another process may have put it aside.
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0 || ::fstat(fd, &here) != 0 || ::stat(path.c_str(), &named) != 0 ||
      here.st_ino != named.st_ino || here.st_dev != named.st_dev) {
    return Status::Unavailable(Cat("the flight recorder ", path.string(), " is in use by another process"))
        .WithReason("in_use");
  }
  if (!S_ISREG(here.st_mode)) return Status::IoError(Cat(path.string(), " is not a regular file"));
  return file;
}

Result<std::unique_ptr<FlightFile>> FlightFile::Open(const std::filesystem::path& path, uint32_t slots,
                                                     int64_t epoch_min) {
  BP_ASSIGN_OR_RETURN(auto file, OpenLocked(path));
  BP_ASSIGN_OR_RETURN(const bool sound, file->ReadHeader());
  if (!sound) {
    const std::filesystem::path aside = AsidePath(path);
    if (::rename(path.c_str(), aside.c_str()) != 0) return file->Failed("put aside", errno);
    LogError("the flight recorder is damaged as a whole: what ran at the last end was not charged, and is kept aside",
             {{"file", aside.string()}});
    BP_ASSIGN_OR_RETURN(file, OpenLocked(path));
  }
  if (file->slots_ == 0) BP_RETURN_IF_ERROR(file->Make(slots));
  BP_RETURN_IF_ERROR(file->Allocate());
  BP_RETURN_IF_ERROR(file->Map());
  BP_RETURN_IF_ERROR(file->BeginEpoch(epoch_min));
  return file;
}

FlightFile::~FlightFile() {
  if (map_ != nullptr) ::munmap(map_, Bytes());
}

size_t FlightFile::DescriptorOffset(uint32_t slot) const {
  return kPageBytes + WholePages(size_t{slots_} * kCellBytes) + size_t{slot} * kDescriptorBytes;
}

size_t FlightFile::Bytes() const {
  return DescriptorOffset(slots_);
}

CellBytes FlightFile::CellOf(uint32_t slot) const {
  return CellBytes(map_ + kPageBytes + size_t{slot} * kCellBytes, kCellBytes);
}

DescriptorBytes FlightFile::DescriptorOf(uint32_t slot) const {
  return DescriptorBytes(map_ + DescriptorOffset(slot), kDescriptorBytes);
}

/// False: it makes no sense. A new file has no slots yet.
Result<bool> FlightFile::ReadHeader() {
  struct stat info{};
  if (::fstat(file_.get(), &info) != 0) return Failed("read", errno);
  const auto size = static_cast<size_t>(info.st_size);
  if (size == 0) return true;
  FlightHeader header{};
  const ssize_t got = ::pread(file_.get(), &header, sizeof header, 0);
  if (got < 0) return Failed("read", errno);
  const std::array<std::byte, sizeof header> nothing{};
  if (got == sizeof header && std::memcmp(&header, nothing.data(), sizeof header) == 0) return true;
  if (got != sizeof header || header.magic != kFlightMagic || header.checksum != ChecksumOf(header)) return false;
  if (header.form != kFlightForm) {
    return Status::DataLoss(Cat("the flight recorder ", path_.string(), " has form ", header.form,
                                ", which this version doesn't know (it knows ", kFlightForm,
                                "): start the version that wrote it, which books what it holds, and stop it"));
  }
  if (header.slots == 0 || header.slots > kSlotsMax || header.epoch < 0 || header.epoch >= kFlightEpochMax) {
    return false;
  }
  slots_ = header.slots;
  epoch_ = header.epoch;
  if (size >= Bytes()) return true;
  slots_ = 0;
  return false;
}

/// Its size first, its header last: a file whose header is all zeros is a new one whose making was cut short.
Status FlightFile::Make(uint32_t slots) {
  slots_ = slots;
  const Status allocated = Allocate();
  if (allocated.ok()) return SyncFolderOf(path_);
  (void)::ftruncate(file_.get(), 0);
  return allocated;
}

Status FlightFile::Allocate() const {
  const int error = ::posix_fallocate(file_.get(), 0, static_cast<off_t>(Bytes()));
  return error == 0 ? Status::Ok() : Failed("allocated", error);
}

Status FlightFile::Map() {
  void* const map = ::mmap(nullptr, Bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, file_.get(), 0);
  if (map == MAP_FAILED) return Failed("mapped", errno);
  map_ = static_cast<std::byte*>(map);
  return Status::Ok();
}

Status FlightFile::BeginEpoch(int64_t epoch_min) {
  epoch_ = std::max(epoch_ + 1, epoch_min);
  if (epoch_ > kFlightEpochMax) return Status::DataLoss(Cat("the number of starts, ", epoch_, ", makes no sense"));
  FlightHeader header{.magic = kFlightMagic, .form = kFlightForm, .slots = slots_, .epoch = epoch_, .checksum = 0};
  header.checksum = ChecksumOf(header);
  std::memcpy(map_, &header, sizeof header);
  if (::msync(map_, kPageBytes, MS_SYNC) != 0 || ::fsync(file_.get()) != 0) return Failed("synced", errno);
  return Status::Ok();
}

Result<std::vector<std::byte>> FlightFile::Read(size_t offset, size_t size) const {
  std::vector<std::byte> bytes(size);
  for (size_t done = 0; done < size;) {
    const ssize_t got = ::pread(file_.get(), bytes.data() + done, size - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return Failed("read", got < 0 ? errno : EIO);
    done += static_cast<size_t>(got);
  }
  return bytes;
}

Result<std::vector<std::byte>> FlightFile::ReadCells() const {
  return Read(kPageBytes, size_t{slots_} * kCellBytes);
}

Result<std::vector<std::byte>> FlightFile::ReadDescriptor(uint32_t slot) const {
  return Read(DescriptorOffset(slot), kDescriptorBytes);
}

Status FlightFile::Sync(uint32_t first, uint32_t count) const {
  const size_t cells = kPageBytes + size_t{first} * kCellBytes;
  BP_CHECK(cells % kPageBytes == 0);
  // Descriptors first: a cell that is newer than its descriptor has lost whose it is.
  const bool synced = ::msync(map_ + DescriptorOffset(first), size_t{count} * kDescriptorBytes, MS_SYNC) == 0 &&
                      ::msync(map_ + cells, WholePages(size_t{count} * kCellBytes), MS_SYNC) == 0;
  return synced ? Status::Ok() : Failed("synced", errno);
}

void FlightFile::MakeCellsReady(uint32_t first, uint32_t count) const {
  const size_t cells = kPageBytes + size_t{first} * kCellBytes;
  BP_CHECK(cells % kPageBytes == 0);
  (void)::madvise(map_ + cells, WholePages(size_t{count} * kCellBytes), kPopulateWrite);
}

void FlightFile::MakeDescriptorReady(uint32_t slot) const {
  (void)::madvise(map_ + DescriptorOffset(slot), kPageBytes, kPopulateWrite);  // few need more than their first page
}

Result<std::string> FlightFile::KeepAside(std::string_view bytes) const {
  const std::filesystem::path aside = AsidePath(path_);
  BP_RETURN_IF_ERROR(WriteFileAtomically(aside, bytes, 0600));
  return aside.string();
}

}  // namespace bedplate
