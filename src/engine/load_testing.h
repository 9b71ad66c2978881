#pragma once
/// What the tests of an engine core under load share: requests of so many tokens, their clients, and a core on
/// simulated time.

#include <memory>

#include "engine/sim_testing.h"

namespace bedplate {

/// It ends at that many output tokens, no sooner.
inline PreparedRequest SimRequest(uint32_t prompt, uint32_t output) {
  PreparedRequest p;
  p.tokens.assign(prompt, TokenId{1});
  p.output_tokens_max = output;
  p.request.sampling.seed = 1;
  p.request.ignore_end_of_generation = true;
  return p;
}

class SimClient {
 public:
  SimClient(EngineCore& core, const PreparedRequest& prepared)
      : prompt_tokens_(static_cast<uint32_t>(prepared.tokens.size())),
        stream_(std::make_shared<EventStream>([] {})),
        reader_(*stream_, prepared.request.choices),
        status_(core.Submit(prepared, stream_)) {}
  [[nodiscard]] bool taken() const { return status_.ok(); }
  /// Has a first token, or all.
  bool begun() {
    reader_.Read();
    return reader_.prompt().has_value();
  }
  bool ended() {
    reader_.Read();
    return reader_.ended();
  }
  [[nodiscard]] uint32_t prompt_tokens() const { return prompt_tokens_; }
  [[nodiscard]] size_t output_tokens() const { return reader_.result().choices.front().tokens.size(); }

 private:
  const uint32_t prompt_tokens_;
  std::shared_ptr<EventStream> stream_;
  ResultReader reader_;
  Status status_;
};

inline std::unique_ptr<EngineCore> MakeSimCore(const EngineOptions& options, SimClock& clock,
                                               const SimModel::Options& model = {}) {
  auto made = EngineCore::Create(options, MakeSimLoadedModel(model), clock);
  EXPECT_TRUE(made.ok()) << made.status().message();
  return std::move(*made);
}

}  // namespace bedplate
