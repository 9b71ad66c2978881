#pragma once
/// The books of a data folder, open to be written: the file, the heads that are kept outside the folder, and the thread
/// that writes both.
///
/// Errors:  those of Books::Open and HeadKeeper::Load. Threads: as BookWriter.
/// Ends:    with what was submitted written, and the heads after it.

#include <filesystem>
#include <memory>

#include "base/clock.h"
#include "base/status.h"
#include "ledger/book_writer.h"
#include "ledger/head_keeper.h"

namespace bedplate {

class KeptBooks {
 public:
  /// clock outlives this.
  static Result<std::unique_ptr<KeptBooks>> Open(const std::filesystem::path& file, const std::filesystem::path& heads,
                                                 const Clock& clock);
  ~KeptBooks();
  KeptBooks(const KeptBooks&) = delete;
  KeptBooks& operator=(const KeptBooks&) = delete;

  [[nodiscard]] BookWriter& writer() { return *writer_; }

 private:
  KeptBooks(const std::filesystem::path& heads, const Clock& clock) : heads_(heads, clock) {}
  HeadKeeper heads_;
  std::unique_ptr<BookWriter> writer_;
};

}  // namespace bedplate
