#include "ledger/metering/metered_admission.h"

#include <algorithm>
#include <utility>

#include "base/cat.h"
#include "base/check.h"
#include "base/log.h"
#include "ledger/metering/usage_booking.h"

namespace bedplate {
namespace {

constexpr uint32_t kSlotRetryMs = 1000;  // when a running request ends is anybody's guess

FlightUsage Flown(int64_t sequence, const Usage& usage) {
  return {.sequence = sequence,
          .prompt_tokens = usage.prompt_tokens,
          .cached_tokens = usage.cached_tokens,
          .output_tokens = usage.output_tokens,
          .reasoning_tokens = usage.reasoning_tokens};
}

}  // namespace

/// Shared between a permit and the entry that books it, which frees the slot; where there was none, the permit's end
/// does.
struct MeteredAdmission::Flight {
  std::optional<FlightRecorder::Slot> slot;
  std::shared_ptr<BudgetHold> hold = {};  // shared with the engine, which asks it for tokens; none without budgets
};

class MeteredAdmission::MeteredPermit final : public Permit {
 public:
  MeteredPermit(MeteredAdmission& owner, std::unique_ptr<Permit> inner, BookWriter::Place place,
                std::shared_ptr<Flight> flight, FlightDescriptor descriptor)
      : owner_(owner),
        inner_(std::move(inner)),
        place_(std::move(place)),
        flight_(std::move(flight)),
        descriptor_(std::move(descriptor)) {}
  MeteredPermit(const MeteredPermit&) = delete;
  MeteredPermit& operator=(const MeteredPermit&) = delete;
  ~MeteredPermit() override {
    if (!settled_ && noted_.sequence != 0) Book();
  }

  void Note(const Usage& usage) override {
    if (settled_) return;
    Keep(usage);
    inner_->Note(usage);
  }
  void Settle(const Usage& usage) override {
    if (settled_) return;
    Keep(usage);
    inner_->Settle(usage);
    Book();
  }
  [[nodiscard]] RateLimits Rates() const override { return inner_->Rates(); }
  [[nodiscard]] std::shared_ptr<OutputAllowance> Allowance() const override {
    return flight_ ? flight_->hold : nullptr;
  }

 private:
  /// The event's number is taken by what is first told: requests that are given up leave no gap.
  void Keep(const Usage& usage) {
    if (noted_.sequence == 0) noted_.sequence = owner_.sequence_.fetch_add(1, std::memory_order_relaxed) + 1;
    noted_ = Flown(noted_.sequence, usage);
    flight_->slot->Store(noted_);
  }
  void Book() {
    settled_ = true;
    auto event = std::make_shared<const UsageEvent>(EventOf(owner_.options_.producer, std::move(descriptor_), noted_));
    if (flight_->hold) flight_->hold->Settle(*event);
    owner_.Submit(std::move(place_), std::move(flight_), std::move(event));
  }

  MeteredAdmission& owner_;
  const std::unique_ptr<Permit> inner_;
  BookWriter::Place place_;
  std::shared_ptr<Flight> flight_;
  FlightDescriptor descriptor_;  // the event's, once it is booked
  FlightUsage noted_;
  bool settled_ = false;
};

Result<std::unique_ptr<MeteredAdmission>> MeteredAdmission::Create(Admission& inner, BookWriter& writer,
                                                                   FlightRecorder& recorder, const Clock& clock,
                                                                   MeteringOptions options) {
  std::unique_ptr<MeteredAdmission> made(new MeteredAdmission(inner, writer, recorder, clock, std::move(options)));
  BP_RETURN_IF_ERROR(made->PostFound());
  return made;
}

MeteredAdmission::MeteredAdmission(Admission& inner, BookWriter& writer, FlightRecorder& recorder, const Clock& clock,
                                   MeteringOptions options)
    : inner_(inner), writer_(writer), recorder_(recorder), clock_(clock), options_(std::move(options)) {}

Status MeteredAdmission::PostFound() {
  for (FlightRecorder::Found& found : recorder_.TakeFound()) {
    if (found.usage.sequence == 0) {  // its client had heard nothing of it
      counts_->voided.fetch_add(1);
      LogInfo("a request that was cut before its answer began is void", {{"request", found.descriptor.request}});
      continue;
    }
    Result<BookWriter::Place> place = writer_.TakePlace();
    if (!place.ok()) {
      found.slot.Leave();
      return std::move(place).status();
    }
    counts_->recovered.fetch_add(1);
    LogInfo("a request that was cut is booked",
            {{"request", found.descriptor.request}, {"output_tokens", Cat(found.usage.output_tokens)}});
    auto event =
        std::make_shared<const UsageEvent>(EventOf(options_.producer, std::move(found.descriptor), found.usage));
    Submit(*std::move(place), std::make_shared<Flight>(Flight{.slot = std::move(found.slot)}), std::move(event));
  }
  return Status::Ok();
}

Refusal MeteredAdmission::Busy(uint32_t retry_after_ms) {
  counts_->refused.fetch_add(1, std::memory_order_relaxed);
  return {.kind = Refusal::Kind::kBooksBusy, .retry_after_ms = retry_after_ms};
}

Admitted MeteredAdmission::Admit(const Principal& principal, const Estimate& estimate) {
  Admitted admitted = inner_.Admit(principal, estimate);
  auto* const inner = std::get_if<std::unique_ptr<Permit>>(&admitted);
  if (inner == nullptr) return admitted;
  Result<BookWriter::Place> place = writer_.TakePlace();
  if (!place.ok()) return Busy(std::max(place.status().retry_after_ms(), kSlotRetryMs));
  std::shared_ptr<BudgetHold> hold;
  if (options_.budgets != nullptr) {
    auto held = options_.budgets->Hold(principal, estimate);
    if (auto* const refusal = std::get_if<Refusal>(&held)) return std::move(*refusal);
    hold = std::get<std::shared_ptr<BudgetHold>>(std::move(held));
  }
  FlightDescriptor descriptor{.epoch = recorder_.epoch(),
                              .started_unix_us = clock_.UnixSeconds() * 1'000'000,
                              .streamed = estimate.streamed,
                              .request = estimate.request,
                              .tenant = principal.tenant,
                              .project = principal.project,
                              .api_key = principal.key,
                              .model = estimate.model,
                              .tier = estimate.attribution.tier,
                              .end_user = estimate.attribution.end_user,
                              .tags = estimate.attribution.tags};
  BP_CHECK(CheckShape(descriptor).ok());  // names are shorter where they are made
  std::optional<FlightRecorder::Slot> slot = recorder_.TryClaim(descriptor);
  if (!slot) return Busy(kSlotRetryMs);
  auto flight = std::make_shared<Flight>(Flight{.slot = *std::move(slot), .hold = std::move(hold)});
  return std::make_unique<MeteredPermit>(*this, std::move(*inner), *std::move(place), std::move(flight),
                                         std::move(descriptor));
}

void MeteredAdmission::Submit(BookWriter::Place place, std::shared_ptr<Flight> flight,
                              std::shared_ptr<const UsageEvent> event) {
  writer_.Submit(std::move(place),
                 {.write = [event, flight, budgets = options_.budgets](
                               Books& books) { return BookUsage(books, *event, budgets, flight->hold.get()); },
                  .done =
                      [event, counts = counts_, flight](const Status& durable) {
                        if (durable.ok()) {
                          if (flight->hold) flight->hold->Booked();
                          flight->hold.reset();
                          flight->slot.reset();
                          return;
                        }
                        flight->slot->Leave();
                        if (durable.code() == StatusCode::kUnavailable) return;  // for the next start
                        counts->unbooked.fetch_add(1);
                        LogError("a usage event could not be booked, and stays in the flight recorder",
                                 {{"request", event->request}, {"error", durable.message()}});
                      }});
}

MeteredAdmission::Health MeteredAdmission::health() const {
  return {.recorder = recorder_.health(),
          .writer = writer_.health(),
          .refused = counts_->refused.load(),
          .recovered = counts_->recovered.load(),
          .voided = counts_->voided.load(),
          .unbooked = counts_->unbooked.load()};
}

}  // namespace bedplate
