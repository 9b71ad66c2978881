#pragma once
/// Requests in, tokens out, for one model: admission, scheduler, batch, sampler, on one engine thread.
///
/// Prepare on the caller's thread (template, tokens, limits), then Submit from any (kResourceExhausted when full), then
/// Take from the stream until RequestFinished or RequestFailed; Cancel it to stop early:
///
///     Result<PreparedRequest> prepared = engine.Prepare(std::move(request));
///     auto events = std::make_shared<EventStream>([&] { post to my loop });
///     Status queued = engine.Submit(std::move(*prepared), events);

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random_access_file.h"
#include "base/status.h"
#include "engine/event_stream.h"
#include "engine/metrics.h"
#include "model/step_model.h"
#include "request/output_allowance.h"
#include "request/request.h"
#include "text/chat_template.h"
#include "text/constraint/token_masks.h"
#include "text/output_parser.h"
#include "text/tokenizer.h"

namespace bedplate {

/// Guessing tokens and checking the guesses in one step. Output is the same bits whatever is set here.
struct Speculation {
  enum class Mode : uint8_t {
    kOff,
    kWhenItPays,  // as draft_choice.h decides
    kAlways,      // as many as fit: for tests
  };
  Mode mode = Mode::kWhenItPays;
  uint32_t drafts_max = 15;  // of one sequence in one step; with its certain row they are 16, a tile of the kernels
};

struct EngineOptions {
  size_t memory_bytes = 0;           // for pages and scratch together; fixed at start. 0 is refused
  uint32_t context_tokens_max = 0;   // per sequence; 0: the model's own, as far as the pages reach
  uint32_t step_tokens_max = 512;    // rows in one step: bounds how long a running stream waits for a prefill
  uint32_t prefill_chunk_max = 256;  // of one sequence, in a step that other sequences share
  uint32_t sequences_max = 64;       // running at once
  uint32_t queue_max = 256;          // waiting requests; one more is refused with kResourceExhausted and a retry time
  bool prefix_cache = true;
  size_t cache_memory_bytes = 0;  // of memory_bytes: for cached pages that the pool has no room for (page_tiers.h)
  uint64_t cache_disk_bytes = 0;  // of LoadedModel::page_file, for the same; also takes buffers from memory_bytes
  Duration pace =
      std::chrono::milliseconds(250);  // between a stream's tokens while prompts are read (step_pace.h); 0: any
  Speculation speculation{};
  std::optional<uint64_t> seed;  // draws the seeds of requests that bring none; none: from the system's entropy
};

/// A model with what belongs to its text side. Immutable but for model, which only the engine thread steps.
struct LoadedModel {
  std::string id;  // the name clients ask for
  int64_t created_unix_seconds = 0;
  std::unique_ptr<StepModel> model;
  std::unique_ptr<Tokenizer> tokenizer;
  std::optional<ChatTemplate> chat_template;  // none: chat requests are refused with kInvalidArgument
  bool tokenizer_from_cache = false;          // its tables were mapped rather than made
  std::string content;  // names the weights: a hash of the files; may be empty where there is no page_file
  std::unique_ptr<RandomAccessFile> page_file;  // where cached pages outlive the process; none: nowhere
  std::unique_ptr<LoadedModel> draft;  // a smaller one of the same vocabulary that guesses; none: only look-up does
};

/// A request whose prompt is tokens and whose limits have been checked.
struct PreparedRequest {
  Request request;
  std::vector<TokenId> tokens;
  std::vector<TokenId> prediction;  // of the output, each in the model's vocabulary; empty: none
  std::shared_ptr<TokenMasks>
      constraint;                  // what the output is held to; none: nothing. The engine thread's, as from now
  uint32_t output_tokens_max = 0;  // resolved; 0 only with echo or prompt_logprobs_top
  std::string prompt_text;         // what echo gives back
  std::optional<OutputParserOptions> output;  // how the output is read; none: it is text
  std::optional<Instant> deadline;  // after it the request fails with kDeadlineExceeded; the caller may set it
  std::shared_ptr<OutputAllowance> allowance = {};  // what else bounds the output; the caller may set it
  uint64_t cache_salt = 0;  // requests with different ones never share cached pages; the caller may set it
};

class Engine {
 public:
  virtual ~Engine() = default;  // stops: whatever still runs gets RequestFailed(kUnavailable)

  static Result<std::unique_ptr<Engine>> Create(EngineOptions options, LoadedModel model, const Clock& clock);

  [[nodiscard]] virtual const LoadedModel& model() const = 0;
  [[nodiscard]] virtual uint32_t context_tokens_max() const = 0;
  /// Errors name the field (Status::param) in the Request's terms: messages, prompt, max_tokens, temperature, ... ; a
  /// prompt that does not fit is kInvalidArgument with reason "context_length_exceeded" and the numbers. Any thread.
  virtual Result<PreparedRequest> Prepare(Request request) const = 0;
  /// How many tokens the prompt has, whether it fits or not (up to 16 million). Errors and threads as in Prepare.
  virtual Result<uint32_t> CountPrompt(Request request) const = 0;
  virtual Status Submit(PreparedRequest request, std::shared_ptr<EventStream> events) = 0;
  /// Refuses new requests from now on; returns at once. Idle() tells when the last one has ended.
  virtual void Drain() = 0;
  [[nodiscard]] virtual bool Idle() const = 0;
  [[nodiscard]] virtual EngineMetrics Metrics() const = 0;
};

}  // namespace bedplate
