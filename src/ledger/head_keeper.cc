#include "ledger/head_keeper.h"

#include <utility>

#include "base/log.h"

namespace bedplate {

HeadKeeper::HeadKeeper(std::filesystem::path path, const Clock& clock, Duration interval)
    : path_(std::move(path)), clock_(clock), interval_(interval) {}

Status HeadKeeper::Load() {
  const std::lock_guard lock(mutex_);
  Result<ChainHeads> heads = ReadHeads(path_);
  if (heads.status().code() == StatusCode::kNotFound) return Status::Ok();
  if (!heads.ok()) return std::move(heads).status();
  heads_ = *std::move(heads);
  return Status::Ok();
}

std::optional<ChainHead> HeadKeeper::Kept(std::string_view chain) const {
  const std::lock_guard lock(mutex_);
  const auto at = heads_.find(chain);
  if (at == heads_.end()) return std::nullopt;
  return at->second;
}

void HeadKeeper::Note(std::string_view chain, const ChainHead& head) {
  const std::lock_guard lock(mutex_);
  ChainHead& kept = heads_[std::string(chain)];
  if (kept == head) return;
  kept = head;
  changed_ = true;
}

void HeadKeeper::Keep() {
  const std::lock_guard lock(mutex_);
  if (changed_ && (!written_at_ || clock_.Now() - *written_at_ >= interval_)) Write();
}

void HeadKeeper::Flush() {
  const std::lock_guard lock(mutex_);
  if (changed_) Write();
}

Status HeadKeeper::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

void HeadKeeper::Write() {
  written_at_ = clock_.Now();
  Status written = WriteHeads(path_, heads_);
  if (!written.ok() && status_.ok()) LogError("the chain heads are not kept", {{"reason", written.message()}});
  changed_ = !written.ok();
  status_ = std::move(written);
}

}  // namespace bedplate
