#include "cmd/server_metering.h"

#include <algorithm>
#include <utility>

#include "base/cat.h"
#include "base/log.h"
#include "ledger/book_rows.h"
#include "serve/prometheus.h"

namespace bedplate {

Result<std::unique_ptr<ServerMetering>> ServerMetering::Open(Admission& inner, BookWriter& writer,
                                                             const LedgerFiles& files, const Clock& clock,
                                                             BudgetDesk* budgets) {
  std::unique_ptr<ServerMetering> made(new ServerMetering());
  const MeteringOptions options{.budgets = budgets};
  // A recorder that was lost, or is an older copy, must not number its events as known ones are.
  DatabaseOptions reading = LedgerFileOptions();
  reading.read_only = true;
  BP_ASSIGN_OR_RETURN(const std::unique_ptr<Database> books, Database::Open(files.books, std::move(reading)));
  BP_ASSIGN_OR_RETURN(const int64_t known, HighestEpoch(*books, options.producer));
  BP_ASSIGN_OR_RETURN(made->recorder_, FlightRecorder::Open(files.recorder, {.epoch_min = known + 1}));
  BP_ASSIGN_OR_RETURN(made->admission_, MeteredAdmission::Create(inner, writer, *made->recorder_, clock, options));
  const MeteredAdmission::Health health = made->admission_->health();
  LogInfo("requests are metered", {{"recorder", files.recorder.string()},
                                   {"start", Cat(made->recorder_->epoch())},
                                   {"recovered", Cat(health.recovered)},
                                   {"void", Cat(health.voided)},
                                   {"damaged", Cat(health.recorder.damaged)}});
  return made;
}

void ServerMetering::AppendMetrics(std::string& page) const {
  const MeteredAdmission::Health health = admission_->health();
  PrometheusWriter w(page);
  const auto gauge = [&](std::string_view name, std::string_view help, uint64_t value) {
    w.Family(name, "gauge", help);
    w.Sample({}, value);
  };
  const auto counter = [&](std::string_view name, std::string_view help, uint64_t value) {
    w.Family(name, "counter", help);
    w.Sample({}, value);
  };
  gauge("bedplate_ledger_waiting", "Entries that the books don't have yet.", health.writer.waiting);
  gauge("bedplate_ledger_places", "Places taken in the writer's queue, by entries and by requests that run.",
        health.writer.places);
  w.Family("bedplate_ledger_lag_seconds", "gauge", "Age of the oldest entry that the books don't have yet.");
  w.Sample({}, std::chrono::duration<double>(health.writer.lag).count());
  gauge("bedplate_ledger_writable", "0 while the books' file can't be written.",
        uint64_t{health.writer.file.ok() && !health.writer.stopped});
  counter("bedplate_ledger_entries_total", "Entries written since the start.", health.writer.entries);
  counter("bedplate_ledger_groups_total", "Groups written since the start, each one sync of the disk.",
          health.writer.groups);
  gauge("bedplate_metering_slots", "Slots of the flight recorder.", health.recorder.slots);
  gauge("bedplate_metering_slots_taken", "Slots taken by requests that run, or whose charge isn't on the disk yet.",
        health.recorder.taken);
  gauge("bedplate_metering_synced", "0 while the flight recorder can't be synced.",
        uint64_t{health.recorder.sync.ok()});
  counter("bedplate_metering_refused_total", "Requests refused since they could not have been charged.",
          health.refused);
  counter("bedplate_metering_recovered_total", "Requests that a start found cut, and charged.", health.recovered);
  counter("bedplate_metering_void_total", "Requests that a start found cut before they were answered.", health.voided);
  gauge("bedplate_metering_damaged", "Slots that the last start found damaged.", health.recorder.damaged);
  counter("bedplate_metering_unbooked_total", "Requests whose charge the books refuse.", health.unbooked);
}

}  // namespace bedplate
