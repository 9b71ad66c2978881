#pragma once
/// Many requests at once handed to an engine in this process: what serving would reach if HTTP cost nothing.

#include <cstdint>
#include <memory>

#include "base/clock.h"
#include "base/status.h"
#include "engine/engine.h"

namespace bedplate {

struct EngineLoad {
  uint32_t streams = 32;
  uint32_t prompt = 128;    // tokens, drawn anew in every round, so that no cache helps
  uint32_t generate = 128;  // exactly: ends of generation are ignored
};

struct EngineRound {
  double seconds = 0;  // from the first submission to the last end
  double tokens_per_second = 0;
  double first_token_p50_seconds = 0;
};

class EngineBench {
 public:
  /// memory_bytes: for pages and scratch. The clock outlives it.
  static Result<std::unique_ptr<EngineBench>> Create(const EngineLoad& load, size_t memory_bytes, LoadedModel model,
                                                     const Clock& clock);
  Result<EngineRound> Run();

 private:
  EngineBench(const EngineLoad& load, const Clock& clock) : load_(load), clock_(clock) {}
  [[nodiscard]] PreparedRequest MakeRequest();

  const EngineLoad load_;
  const Clock& clock_;
  uint64_t made_ = 0;  // requests so far: seeds their prompts
  std::unique_ptr<Engine> engine_;
};

}  // namespace bedplate
