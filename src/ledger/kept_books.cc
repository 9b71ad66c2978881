#include "ledger/kept_books.h"

namespace bedplate {

Result<std::unique_ptr<KeptBooks>> KeptBooks::Open(const std::filesystem::path& file,
                                                   const std::filesystem::path& heads, const Clock& clock) {
  std::unique_ptr<KeptBooks> kept(new KeptBooks(heads, clock));
  BP_RETURN_IF_ERROR(kept->heads_.Load());
  BP_ASSIGN_OR_RETURN(std::unique_ptr<Books> books, Books::Open(file, clock, &kept->heads_));
  kept->writer_ = std::make_unique<BookWriter>(std::move(books), clock);
  return kept;
}

KeptBooks::~KeptBooks() {
  writer_.reset();
  heads_.Flush();
}

}  // namespace bedplate
