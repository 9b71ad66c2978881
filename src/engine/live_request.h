#pragma once
/// A request while the engine has it, and its sequences. Made by the caller's thread in Submit(), then owned and
/// touched by the engine thread alone.

#include <algorithm>
#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "engine/acceptance.h"
#include "engine/engine.h"
#include "engine/fair_share.h"
#include "engine/kv_pages.h"
#include "engine/output.h"
#include "engine/token_counts.h"
#include "engine/token_lookup.h"

namespace bedplate {

/// Room for the prompt and this many output tokens is taken when a sequence is made; long outputs grow by doubling.
inline constexpr uint32_t kOutputReserve = 1024;

/// A level of priority is worth having come so much earlier.
inline constexpr std::chrono::seconds kPriorityWorth{10};

/// Who goes first of a flow: earlier arrival, where each level of priority counts as kPriorityWorth; then the lower
/// choice. Total, and fixed for a sequence's life, so whoever is first can always get what it needs. And nothing waits
/// forever: who is n levels higher goes first only if it comes within n times kPriorityWorth.
struct Rank {
  Instant due{};
  uint64_t arrival = 0;
  uint32_t choice = 0;

  /// Less means more important.
  friend std::strong_ordering operator<=>(const Rank& a, const Rank& b) {
    if (a.due != b.due) return a.due <=> b.due;
    if (a.arrival != b.arrival) return a.arrival <=> b.arrival;
    return a.choice <=> b.choice;
  }
  friend bool operator==(const Rank&, const Rank&) = default;
};

struct LiveRequest;

/// One stream of tokens being computed. Known tokens are prompt and output; the first `computed` of them have their
/// keys and values in pages. A step lets the second catch up with the first; then one more is drawn.
struct Sequence {
  enum class State : uint8_t { kWaiting, kRunning, kEnded };

  Sequence(LiveRequest& owner, uint32_t choice_index, const Tokenizer& tokenizer);

  LiveRequest& request;
  const Rank rank;
  const uint32_t output_tokens_max;
  State state = State::kWaiting;
  uint64_t yielded_in = 0;  // the last step in which another flow took its place
  double depth = 0;         // how many of its flow run before it, by weight (see GoesBefore)
  std::vector<TokenId> tokens;
  uint32_t computed = 0;
  uint32_t counted = 0;        // the first so many tokens were cached, or its flow's share has been charged for them
  bool planned = false;        // has rows in the step being planned
  std::vector<TokenId> draft;  // guessed to follow the known tokens; only while a step is planned and computed
  SequencePages pages;
  TokenCounts counts;  // only kept while penalties ask for it
  ChoiceOutput output;
  std::unique_ptr<TokenMasks::Cursor> constraint;  // where the output stands; none: it is free. See Constrain()
  std::optional<TokenLookup> lookup;               // none: nothing is drafted for it
  /// What a draft model has of the sequence (draft_model.h): keys and values of the first `computed` known tokens, then
  /// of tokens it guessed.
  struct Drafting {
    SequencePages pages;
    uint32_t computed = 0;
    uint32_t not_before = 0;  // known tokens until it is tried again
    std::vector<TokenId> guessed;
    Acceptance acceptance{0.8};  // hopeful, or it would never be tried
  };
  Drafting drafting;
  bool draft_is_models = false;  // the draft was guessed by the draft model
  uint32_t draft_from = 0;       // the position of its first token
  Instant last_token_at{};

  /// The cursor, made on the engine thread, which the masks belong to; nullptr where nothing constrains the output.
  TokenMasks::Cursor* Constrain();

  [[nodiscard]] uint32_t choice() const { return rank.choice; }
  [[nodiscard]] int32_t priority() const;
  [[nodiscard]] Flow& flow() const;
  [[nodiscard]] uint32_t known() const { return static_cast<uint32_t>(tokens.size()); }
  [[nodiscard]] uint32_t missing() const { return known() - computed; }
  [[nodiscard]] uint32_t output_left() const { return output_tokens_max - output.tokens(); }
};

struct LiveRequest {
  LiveRequest(PreparedRequest prepared_request, std::shared_ptr<EventStream> event_stream, uint64_t arrival_number,
              uint64_t salt_value, uint64_t seed_value, Instant now)
      : prepared(std::move(prepared_request)),
        stream(std::move(event_stream)),
        arrival(arrival_number),
        salt(salt_value),
        seed(seed_value),
        arrived_at(now),
        choices_left(prepared.request.choices) {
    usage.prompt_tokens = prompt_tokens();
  }

  const PreparedRequest prepared;
  const std::shared_ptr<EventStream> stream;
  const uint64_t arrival;
  const uint64_t salt;  // of its pages in the prefix tree
  const uint64_t seed;
  const Instant arrived_at;
  Flow* flow = nullptr;                              // the scheduler's, while it has the request
  std::vector<std::unique_ptr<Sequence>> sequences;  // choice 0 first; the others follow when the prompt is computed
  uint32_t choices_left;
  bool started = false;      // has had pages at some time
  bool preempted = false;    // has lost them: what it finds in the cache from now on it may have computed itself
  bool prompt_read = false;  // PromptRead was emitted
  bool ended = false;
  Usage usage;
  std::vector<std::optional<TokenLogprob>> prompt_logprobs;
  std::vector<Event> events;  // not yet delivered

  [[nodiscard]] const Request& request() const { return prepared.request; }
  [[nodiscard]] uint32_t prompt_tokens() const { return static_cast<uint32_t>(prepared.tokens.size()); }
  [[nodiscard]] bool wants_prompt_logprobs() const { return request().prompt_logprobs_top.has_value(); }
  /// Prompt tokens whose log-probability is known or not wanted; the first has none. Scores come in order.
  [[nodiscard]] uint32_t prompt_scored() const {
    if (!wants_prompt_logprobs() || prompt_read) return prompt_tokens();
    return std::max(1u, static_cast<uint32_t>(prompt_logprobs.size()));
  }
};

inline int32_t Sequence::priority() const {
  return request.request().priority;
}
inline Flow& Sequence::flow() const {
  return *request.flow;
}

/// Among running sequences, whose pages and places are kept: each flow's first before anybody's second, where a flow of
/// weight w has w for one of weight 1; then the flow that goes first; inside a flow by rank. Fixed during a step. With
/// one flow it is the rank.
inline bool GoesBefore(const Sequence* a, const Sequence* b) {
  if (a->depth != b->depth) return a->depth < b->depth;
  if (a->flow().place != b->flow().place) return a->flow().place < b->flow().place;
  return a->rank < b->rank;
}

}  // namespace bedplate
