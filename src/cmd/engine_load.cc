#include "cmd/engine_load.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "base/random.h"

namespace bedplate {
namespace {

// Ends are looked for this often: seldom enough to cost nothing, and little beside a round of seconds.
constexpr std::chrono::milliseconds kLookEvery{1};

double Seconds(Duration d) {
  return std::chrono::duration<double>(d).count();
}

struct Stream {
  std::shared_ptr<EventStream> events;
  Instant first_at{};  // written by the engine thread with the first events, read after the end
};

// The request's end among its events; an error if it failed.
Status CheckEnded(EventStream& events) {
  for (;;) {
    for (const Event& event : events.Take()) {
      if (std::holds_alternative<RequestFinished>(event)) return Status::Ok();
      if (const auto* failed = std::get_if<RequestFailed>(&event)) return failed->status;
    }
    std::this_thread::sleep_for(kLookEvery);  // the engine counts a request as ended just before it tells
  }
}

}  // namespace

Result<std::unique_ptr<EngineBench>> EngineBench::Create(const EngineLoad& load, size_t memory_bytes, LoadedModel model,
                                                         const Clock& clock) {
  EngineOptions options;
  options.memory_bytes = memory_bytes;
  options.sequences_max = std::max(options.sequences_max, load.streams);
  options.queue_max = std::max(options.queue_max, load.streams);
  options.seed = 1;
  std::unique_ptr<EngineBench> bench(new EngineBench(load, clock));
  BP_ASSIGN_OR_RETURN(bench->engine_, Engine::Create(options, std::move(model), clock));
  if (load.prompt + load.generate > bench->engine_->context_tokens_max()) {
    return Status::InvalidArgument("the prompt and what is generated are longer than the context");
  }
  return bench;
}

PreparedRequest EngineBench::MakeRequest() {
  PreparedRequest request;
  // The first half of the ids: merges come in the order of their frequency, special tokens mostly last.
  const uint32_t common = std::max(1u, engine_->model().tokenizer->size() / 2);
  for (uint32_t i = 0; i < load_.prompt; ++i) {
    request.tokens.push_back(TokenId{static_cast<int32_t>(HashWords(made_, i, 3) % common)});
  }
  ++made_;
  request.output_tokens_max = load_.generate;
  request.request.output_tokens_max = load_.generate;
  request.request.ignore_end_of_generation = true;
  request.request.sampling.temperature = 0;
  return request;
}

Result<EngineRound> EngineBench::Run() {
  std::vector<Stream> streams(load_.streams);
  std::vector<PreparedRequest> requests;
  for (Stream& stream : streams) {
    requests.push_back(MakeRequest());
    // Called when the outbox was empty: here that is the first time only.
    stream.events = std::make_shared<EventStream>([this, &stream] { stream.first_at = clock_.Now(); });
  }
  const Instant start = clock_.Now();
  for (size_t i = 0; i < streams.size(); ++i) {
    BP_RETURN_IF_ERROR(engine_->Submit(std::move(requests[i]), streams[i].events));
  }
  while (!engine_->Idle()) std::this_thread::sleep_for(kLookEvery);
  const double seconds = Seconds(clock_.Now() - start);
  std::vector<double> first;
  for (const Stream& stream : streams) {
    BP_RETURN_IF_ERROR(CheckEnded(*stream.events));
    first.push_back(Seconds(stream.first_at - start));
  }
  std::ranges::sort(first);
  return EngineRound{.seconds = seconds,
                     .tokens_per_second = double{1.0} * load_.streams * load_.generate / seconds,
                     .first_token_p50_seconds = first[first.size() / 2]};
}

}  // namespace bedplate
