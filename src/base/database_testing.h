#pragma once
/// A disk for tests of what is kept in SQLite: it writes where the system's does, until one of its calls fails.

#include <sqlite3.h>

#include <atomic>
#include <cstdint>
#include <string>

#include "base/cat.h"
#include "base/check.h"

namespace bedplate {

class FailingDisk {
 public:
  FailingDisk();
  ~FailingDisk();
  FailingDisk(const FailingDisk&) = delete;
  FailingDisk& operator=(const FailingDisk&) = delete;

  /// DatabaseOptions.vfs. Databases on it end before it does.
  [[nodiscard]] const char* name() const { return name_.c_str(); }
  /// The call'th write, sync or truncation from now on, 1 being the next, fails with this SQLITE_... code; all after
  /// it, too, unless `once`.
  void FailAt(int64_t call, int code, bool once);
  /// Nothing fails any more.
  void Mend() { fail_at_ = 0; }
  [[nodiscard]] bool failed() const { return failed_; }

  /// For the calls of its files: SQLITE_OK, or how this one fails.
  int Next();

 private:
  std::string name_;
  sqlite3_vfs vfs_{};
  std::atomic<int64_t> calls_ = 0, fail_at_ = 0;  // 0: never
  std::atomic<int> code_ = SQLITE_OK;
  std::atomic<bool> once_ = false, failed_ = false;
};

// A layer over SQLite's own for this system: each of its files has the real one behind it in the same piece of memory.
namespace failing_disk {

struct DiskFile {
  sqlite3_file base;
  FailingDisk* disk;
  sqlite3_file* real;
};

inline DiskFile& Disk(sqlite3_file* file) {
  return *reinterpret_cast<DiskFile*>(file);
}
inline sqlite3_file* Real(sqlite3_file* file) {
  return Disk(file).real;
}

inline int CloseFile(sqlite3_file* file) {
  return Real(file)->pMethods->xClose(Real(file));
}
inline int ReadFileAt(sqlite3_file* file, void* out, int size, sqlite3_int64 at) {
  return Real(file)->pMethods->xRead(Real(file), out, size, at);
}
inline int WriteFileAt(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 at) {
  const int code = Disk(file).disk->Next();
  return code != SQLITE_OK ? code : Real(file)->pMethods->xWrite(Real(file), bytes, size, at);
}
inline int TruncateFile(sqlite3_file* file, sqlite3_int64 size) {
  const int code = Disk(file).disk->Next();
  return code != SQLITE_OK ? code : Real(file)->pMethods->xTruncate(Real(file), size);
}
inline int SyncFile(sqlite3_file* file, int flags) {
  const int code = Disk(file).disk->Next();
  return code != SQLITE_OK ? code : Real(file)->pMethods->xSync(Real(file), flags);
}
inline int SizeOfFile(sqlite3_file* file, sqlite3_int64* size) {
  return Real(file)->pMethods->xFileSize(Real(file), size);
}
inline int LockFile(sqlite3_file* file, int level) {
  return Real(file)->pMethods->xLock(Real(file), level);
}
inline int UnlockFile(sqlite3_file* file, int level) {
  return Real(file)->pMethods->xUnlock(Real(file), level);
}
inline int CheckLock(sqlite3_file* file, int* held) {
  return Real(file)->pMethods->xCheckReservedLock(Real(file), held);
}
inline int ControlFile(sqlite3_file* file, int what, void* argument) {
  return Real(file)->pMethods->xFileControl(Real(file), what, argument);
}
inline int SectorSize(sqlite3_file* file) {
  return Real(file)->pMethods->xSectorSize(Real(file));
}
inline int Traits(sqlite3_file* file) {
  return Real(file)->pMethods->xDeviceCharacteristics(Real(file));
}
inline int MapShared(sqlite3_file* file, int page, int size, int extend, void volatile** out) {
  return Real(file)->pMethods->xShmMap(Real(file), page, size, extend, out);
}
inline int LockShared(sqlite3_file* file, int offset, int count, int flags) {
  return Real(file)->pMethods->xShmLock(Real(file), offset, count, flags);
}
inline void BarrierShared(sqlite3_file* file) {
  Real(file)->pMethods->xShmBarrier(Real(file));
}
inline int UnmapShared(sqlite3_file* file, int remove) {
  return Real(file)->pMethods->xShmUnmap(Real(file), remove);
}

// Version 2: with shared memory, which the write-ahead log needs; without mapped reading.
inline constexpr sqlite3_io_methods kMethods = {
    2,          CloseFile,     ReadFileAt,  WriteFileAt, TruncateFile, SyncFile, SizeOfFile,
    LockFile,   UnlockFile,    CheckLock,   ControlFile, SectorSize,   Traits,   MapShared,
    LockShared, BarrierShared, UnmapShared, nullptr,     nullptr};

inline sqlite3_vfs* SystemLayer() {
  return sqlite3_vfs_find(nullptr);
}

inline int OpenFileOn(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  DiskFile& opened = Disk(file);
  opened.disk = static_cast<FailingDisk*>(vfs->pAppData);
  opened.real = reinterpret_cast<sqlite3_file*>(&opened + 1);
  const int code = SystemLayer()->xOpen(SystemLayer(), name, opened.real, flags, out_flags);
  opened.base.pMethods = opened.real->pMethods != nullptr ? &kMethods : nullptr;
  return code;
}

}  // namespace failing_disk

inline FailingDisk::FailingDisk() {
  static std::atomic<int> made = 0;
  name_ = Cat("failing-disk-", ++made);
  vfs_ = *failing_disk::SystemLayer();
  vfs_.pNext = nullptr;
  vfs_.szOsFile = static_cast<int>(sizeof(failing_disk::DiskFile)) + failing_disk::SystemLayer()->szOsFile;
  vfs_.zName = name_.c_str();
  vfs_.pAppData = this;
  vfs_.xOpen = failing_disk::OpenFileOn;
  BP_CHECK(sqlite3_vfs_register(&vfs_, 0) == SQLITE_OK);
}

inline FailingDisk::~FailingDisk() {
  sqlite3_vfs_unregister(&vfs_);
}

inline void FailingDisk::FailAt(int64_t call, int code, bool once) {
  calls_ = 0;
  failed_ = false;
  code_ = code;
  once_ = once;
  fail_at_ = call;
}

inline int FailingDisk::Next() {
  const int64_t call = ++calls_, at = fail_at_;
  if (at == 0 || call < at || (call > at && once_)) return SQLITE_OK;
  failed_ = true;
  return code_;
}

}  // namespace bedplate
