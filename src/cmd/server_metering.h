#pragma once
/// A server's metering, where its data folder has tenants: the flight recorder, and the admission that sees to it that
/// nothing runs which could not be charged. And what /metrics tells of them and of the books' writer.
///
/// Owns:    the recorder and the admission. `inner`, clock and budgets outlive this. Permits end before the writer, and
/// the writer
///          before this: its last entries free slots.
/// Threads: any.
/// Errors:  those of FlightRecorder::Open: a server that can't keep what runs doesn't start.

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "cmd/ledger_files.h"
#include "ledger/book_writer.h"
#include "ledger/metering/flight_recorder.h"
#include "ledger/metering/metered_admission.h"

namespace bedplate {

class ServerMetering {
 public:
  /// Hands the writer what an earlier process left before it returns, so before anything is served.
  static Result<std::unique_ptr<ServerMetering>> Open(Admission& inner, BookWriter& writer, const LedgerFiles& files,
                                                      const Clock& clock, BudgetDesk* budgets = nullptr);
  ServerMetering(const ServerMetering&) = delete;
  ServerMetering& operator=(const ServerMetering&) = delete;

  [[nodiscard]] Admission& admission() { return *admission_; }
  /// How many requests that began before the time run, or aren't booked yet.
  [[nodiscard]] size_t UnbookedBefore(int64_t unix_us) const { return recorder_->TakenBefore(unix_us); }
  /// What waits, how late it is, which slots are taken, what was refused.
  void AppendMetrics(std::string& page) const;

 private:
  ServerMetering() = default;
  std::unique_ptr<FlightRecorder> recorder_;
  std::unique_ptr<MeteredAdmission> admission_;
};

}  // namespace bedplate
