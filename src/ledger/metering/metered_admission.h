#pragma once
/// Admission with books: another admission says who may, and this one that nothing runs which could not be charged.
///
///   BP_ASSIGN_OR_RETURN(auto metered, MeteredAdmission::Create(inner, writer, recorder, clock, options));
///
/// Admit:    the inner one first; then a place in the writer's queue and a slot of the flight recorder, and a hold of
/// the
///           budgets. Without one of them the answer is Refusal::kBooksBusy (a 503 with when to come back), or the
///           budgets' own.
/// Note:     the usage is in the slot before the client gets what it is for. So after a kill a request is charged for
/// what
///           was handed to its socket, or for what was about to be: at most one event more, never less.
/// Settle:   the event goes to the writer under the key that is in the slot, and the slot is free once that is durable.
///           What was never noted nor settled didn't run, and is charged to nobody.
/// Start:    Create posts what earlier processes left in the recorder, under the same keys: what is in the books
/// already
///           stays as it is. What nobody had been told anything of is void.
/// Threads:  any; a permit one at a time. No call waits or reads the books. Everything given outlives this and its
/// permits. Cost:     some microseconds a request; a Note some tens of nanoseconds.

#include <atomic>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "ledger/book_writer.h"
#include "ledger/metering/budget_desk.h"
#include "ledger/metering/flight_recorder.h"
#include "request/admission.h"

namespace bedplate {

struct MeteringOptions {
  std::string producer = "gateway-1";  // of the events
  BudgetDesk* budgets = nullptr;       // none: nothing is held back
};

class MeteredAdmission final : public Admission {
 public:
  /// Posts what is left. kUnavailable where the writer takes nothing.
  static Result<std::unique_ptr<MeteredAdmission>> Create(Admission& inner, BookWriter& writer,
                                                          FlightRecorder& recorder, const Clock& clock,
                                                          MeteringOptions options = {});

  Result<Principal> Authenticate(std::string_view credentials) override { return inner_.Authenticate(credentials); }
  Result<AccessKey> FindAccessKey(std::string_view id) override { return inner_.FindAccessKey(id); }
  Admitted Admit(const Principal& principal, const Estimate& estimate) override;

  struct Health {
    FlightRecorder::Health recorder;
    BookWriter::Health writer;
    uint64_t refused = 0;    // for want of a place or a slot
    uint64_t recovered = 0;  // events that earlier processes left
    uint64_t voided = 0;     // requests that they left untold
    uint64_t unbooked = 0;   // events that the books refuse: they stay in their slots
  };
  [[nodiscard]] Health health() const;

 private:
  class MeteredPermit;
  struct Flight;
  struct Counts {
    std::atomic<uint64_t> refused{0}, recovered{0}, voided{0}, unbooked{0};
  };

  MeteredAdmission(Admission& inner, BookWriter& writer, FlightRecorder& recorder, const Clock& clock,
                   MeteringOptions options);
  Status PostFound();
  [[nodiscard]] Refusal Busy(uint32_t retry_after_ms);
  void Submit(BookWriter::Place place, std::shared_ptr<Flight> flight, std::shared_ptr<const UsageEvent> event);

  Admission& inner_;
  BookWriter& writer_;
  FlightRecorder& recorder_;
  const Clock& clock_;
  const MeteringOptions options_;
  std::atomic<int64_t> sequence_{0};
  const std::shared_ptr<Counts> counts_ = std::make_shared<Counts>();  // shared with entries that may end after this
};

}  // namespace bedplate
