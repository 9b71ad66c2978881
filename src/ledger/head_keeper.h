#pragma once
/// Keeps the heads of chains in a file outside the data folder, so that whoever cuts off the end of a table, or puts an
/// older copy of the folder in its place, is found out. The file is behind the tables by at most `interval`, as long as
/// somebody calls Keep so often.
///
///   HeadKeeper keeper(path, clock);
///   BP_RETURN_IF_ERROR(keeper.Load());
///   keeper.Note("transfers", head);      // each chain, after each commit
///   keeper.Keep();                       // then, and while nothing is committed
///   keeper.Flush();                      // when all is over
///
/// Threads: any; Keep and Flush may wait for the disk. Errors: what keeps the file from being written is logged once,
/// and told by status() until it is written again; the rows themselves are safe, so work goes on.

#include <filesystem>
#include <mutex>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "ledger/hash_chain.h"

namespace bedplate {

class HeadKeeper {
 public:
  /// interval: 0 writes at each Keep. clock outlives this.
  HeadKeeper(std::filesystem::path path, const Clock& clock, Duration interval = std::chrono::seconds(1));
  /// What the file says; none of it where there is no file yet.
  Status Load();
  [[nodiscard]] std::optional<ChainHead> Kept(std::string_view chain) const;
  void Note(std::string_view chain, const ChainHead& head);
  void Keep();  // writes what was noted, once the interval since the last writing is over
  void Flush();
  [[nodiscard]] Status status() const;

 private:
  void Write();

  const std::filesystem::path path_;
  const Clock& clock_;
  const Duration interval_;
  mutable std::mutex mutex_;  // guards the rest
  ChainHeads heads_;
  bool changed_ = false;
  std::optional<Instant> written_at_;
  Status status_;
};

}  // namespace bedplate
