#pragma once
/// The folder with the files of cached runs (page_file.h), one for each identity, named after it. Only files with the
/// ending .pages are ever removed: the longest unused go when a file needs their room; one that a process uses stays.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/random_access_file.h"
#include "pages/page_key.h"

namespace bedplate {

struct PageFolder {
  std::filesystem::path folder;
  uint64_t bytes_max = 0;  // of all files together
};

/// The file of this identity, locked, with room for `bytes`; made if it is not there. bytes is lowered to what the disk
/// has room for, beside what should stay free. kUnavailable: another process uses it.
Result<std::unique_ptr<RandomAccessFile>> OpenPageFile(const PageFolder& folder, const PageKey& identity,
                                                       uint64_t& bytes);

struct PageFileEntry {
  std::filesystem::path path;
  std::string label;   // the model's name when it was made
  uint64_t bytes = 0;  // on the disk
  int64_t used_unix_ns = 0;
};
/// Most recently used first. A folder that is not there holds none.
std::vector<PageFileEntry> ListPageFiles(const std::filesystem::path& folder);
/// Removes those that no process uses; returns their bytes.
uint64_t ClearPageFiles(const std::filesystem::path& folder);

}  // namespace bedplate
