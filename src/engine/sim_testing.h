#pragma once
/// For tests of the engine: a model that computes nothing but notices everything, a tokenizer of a few tokens, a reader
/// of event streams, and the oracle that says what a request gets when it is alone.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "engine/constraint.h"
#include "engine/engine_core.h"
#include "engine/sampler.h"
#include "kernels/isa.h"

namespace bedplate {

/// Ids: 0 to 19 the letters a to t, 20 the two letters "uv", 21 and 22 the halves of "é", 23 poison (the model has no
/// usable logits after it), 24 <eos>. The model has two rows more than that.
inline constexpr int32_t kSimLetters = 20, kSimPoison = 23, kSimEos = 24;
inline constexpr uint32_t kSimVocabulary = 27;
inline constexpr size_t kSimPageBytes = 1u << 20;

inline std::unique_ptr<Tokenizer> MakeSimTokenizer() {
  TokenizerSpec spec;
  spec.model = "gpt2";
  spec.pre = "default";
  for (char c = 'a'; c < 'a' + kSimLetters; ++c) spec.tokens.emplace_back(1, c);
  for (const char* more : {"uv", "Ã", "©", "w", "<eos>"}) spec.tokens.emplace_back(more);
  spec.kinds.assign(spec.tokens.size(), TokenKind::kNormal);
  spec.kinds.back() = TokenKind::kControl;
  spec.eos = TokenId{kSimEos};
  auto made = Tokenizer::Create(spec);
  if (!made.ok()) {
    ADD_FAILURE() << made.status().message();
    std::abort();
  }
  return std::move(*made);
}

/// The logits after a history, all that the simulated model knows. repetition: how much more than by all that came
/// before they are swayed by the last token alone; 0 gives an output without any pattern, 100 one that goes in circles.
inline std::vector<float> SimLogits(uint64_t history, TokenId last, float repetition) {
  std::vector<float> row(kSimVocabulary);
  for (uint32_t i = 0; i < kSimVocabulary; ++i) {
    row[i] = UnitFloat(HashWords(history, i, 1)) * 6.0f - 3.0f;
    row[i] += repetition * UnitFloat(HashWords(static_cast<uint64_t>(last.value), i, 3));
  }
  row[kSimPoison] -= 9.0f;  // seldom drawn
  if (last.value == kSimPoison) std::ranges::fill(row, std::numeric_limits<float>::quiet_NaN());
  return row;
}
inline uint64_t SimHistory(uint64_t before, TokenId token) {
  return HashWords(before, static_cast<uint64_t>(token.value), 2);
}

/// Keeps in each page, for each position, the hash of the history that led there. Every position that a row may look at
/// must be there and continue one history, the same in all groups: a wrong page, a page given back too early or written
/// over by another sequence is noticed here or by the tokens that come out.
class SimModel final : public StepModel {
 public:
  struct Options {
    std::vector<uint32_t> windows = {0};  // by group; 0: full; else at least 2
    uint32_t context_length = 4096;
    size_t page_bytes = kSimPageBytes;  // claimed, not taken: so that a budget in MiB is one in pages
    uint64_t no_memory_at = 0;          // this call of Forward (from 1) throws std::bad_alloc
    float repetition = 0;
    SimClock* clock = nullptr;  // moved on by this much a step and a row, where there is one
    int64_t step_time_ns = 0;
    int64_t row_time_ns = 0;
    float noise = 0;  // of a draft model: how far its logits are from those of the model that it drafts for
  };
  explicit SimModel(const Options& options) : options_(options) {
    for (const uint32_t window : options.windows) {
      groups_.push_back({.sliding_window = window, .page_bytes = options.page_bytes});
    }
  }

  [[nodiscard]] uint32_t vocabulary() const override { return kSimVocabulary; }
  [[nodiscard]] uint32_t context_length() const override { return options_.context_length; }
  [[nodiscard]] std::span<const PageGroup> page_groups() const override { return groups_; }
  [[nodiscard]] size_t ScratchBytes(const StepLimits&) const override { return 0; }
  Status Reserve(const StepLimits& limits, std::span<const uint32_t> pages_per_group) override {
    limits_ = limits;
    for (const uint32_t pages : pages_per_group) cells_.emplace_back(size_t{pages} * kPageTokens);
    return Status::Ok();
  }

  [[nodiscard]] std::span<std::byte> PageBytes(size_t group, PageId page) override {
    return std::as_writable_bytes(std::span(cells_[group]).subspan(size_t{page.value} * kPageTokens, kPageTokens));
  }
  [[nodiscard]] std::string KvIdentity() const override { return "sim"; }

  void Forward(const BatchView& batch, float* logits) override {
    if (++calls_ == options_.no_memory_at) throw std::bad_alloc();
    ASSERT_LE(batch.tokens.size(), limits_.rows_max);
    ASSERT_LE(batch.logit_rows.size(), limits_.logit_rows_max);
    uint32_t row = 0;
    size_t wish = 0;
    for (const SequenceSlice& slice : batch.sequences) {
      ASSERT_GE(slice.rows, 1u);
      for (uint32_t i = 0; i < slice.rows; ++i, ++row) {
        const uint64_t history = ComputeRow(slice, slice.start + i, batch.tokens[row]);
        if (wish == batch.logit_rows.size() || batch.logit_rows[wish] != row) continue;
        std::vector<float> values = SimLogits(history, batch.tokens[row], options_.repetition);
        for (uint32_t v = 0; v < kSimVocabulary; ++v) values[v] += options_.noise * UnitFloat(HashWords(history, v, 4));
        std::ranges::copy(values, logits + wish * kSimVocabulary);
        ++wish;
      }
    }
    ASSERT_EQ(row, batch.tokens.size());
    ASSERT_EQ(wish, batch.logit_rows.size());
    rows_ += row;
    if (options_.clock != nullptr)
      options_.clock->Advance(Duration(options_.step_time_ns + options_.row_time_ns * row));
  }
  [[nodiscard]] uint64_t rows() const { return rows_; }

 private:
  struct Cell {
    uint32_t position = 0xFFFFFFFFu;
    uint64_t before = 0, history = 0;
  };

  Cell* At(const SequenceSlice& slice, size_t group, uint32_t position) {
    const auto table = slice.page_tables[group];
    if (position / kPageTokens >= table.size()) return nullptr;
    const PageId page = table[position / kPageTokens];
    const size_t cell = size_t{page.value} * kPageTokens + position % kPageTokens;
    return page == kNoPage || cell >= cells_[group].size() ? nullptr : &cells_[group][cell];
  }

  uint64_t ComputeRow(const SequenceSlice& slice, uint32_t position, TokenId token) {
    uint64_t before = 0;
    for (size_t g = 0; g < groups_.size(); ++g) {
      if (position > 0) before = CheckSeen(slice, g, position, g == 0 ? std::nullopt : std::optional(before));
    }
    const uint64_t history = SimHistory(before, token);
    for (size_t g = 0; g < groups_.size(); ++g) {
      Cell* cell = At(slice, g, position);
      if (cell == nullptr) {
        ADD_FAILURE() << "group " << g << " has no page for position " << position;
        continue;
      }
      *cell = {.position = position, .before = before, .history = history};
    }
    return history;
  }

  /// The hash up to the position before this one, after a look at every page that this position sees.
  uint64_t CheckSeen(const SequenceSlice& slice, size_t g, uint32_t position, std::optional<uint64_t> other_groups) {
    const uint32_t window = groups_[g].sliding_window;
    const uint32_t first = window == 0 || position + 1 < window ? 0 : position - window + 1;
    const Cell* last = nullptr;
    for (uint32_t q = first; q < position; ++q) {
      const Cell* cell = At(slice, g, q);
      if (cell == nullptr || cell->position != q || (last != nullptr && cell->before != last->history)) {
        ADD_FAILURE() << "group " << g << " position " << q << " seen from " << position << ": "
                      << (cell == nullptr ? "no page" : "another history");
        return 0;
      }
      last = cell;
    }
    if (other_groups.has_value() && last->history != *other_groups) ADD_FAILURE() << "groups differ at " << position;
    return last->history;
  }

  const Options options_;
  std::vector<PageGroup> groups_;
  StepLimits limits_;
  std::vector<std::vector<Cell>> cells_;
  uint64_t rows_ = 0;
  uint64_t calls_ = 0;
};

/// What one choice of a request comes to.
struct ChoiceResult {
  std::vector<TokenId> tokens;
  std::string text;
  std::vector<float> logprobs;
  std::optional<FinishReason> reason;
  std::string stop_string;
  bool operator==(const ChoiceResult&) const = default;
};

struct RequestResult {
  std::vector<ChoiceResult> choices;
  std::vector<float> prompt_logprobs;  // without the first token's
  bool failed = false;
  bool operator==(const RequestResult&) const = default;
};

/// Reads a stream's events as its consumer would, and checks their order.
class ResultReader {
 public:
  ResultReader(EventStream& stream, uint32_t choices) : stream_(stream) { result_.choices.resize(choices); }

  void Read() {
    for (Event& event : stream_.Take()) {
      ASSERT_FALSE(ended()) << "an event after the end";
      std::visit([this](auto& e) { On(e); }, event);
    }
  }
  [[nodiscard]] bool ended() const { return finished_.has_value() || failed_.has_value(); }
  [[nodiscard]] const RequestResult& result() const { return result_; }
  [[nodiscard]] const std::optional<Status>& failure() const { return failed_; }
  [[nodiscard]] const std::optional<Usage>& usage() const { return finished_; }
  [[nodiscard]] const std::optional<PromptRead>& prompt() const { return prompt_; }

 private:
  void On(PromptRead& e) {
    ASSERT_FALSE(prompt_.has_value());
    for (size_t i = 0; i < e.prompt_logprobs.size(); ++i) {
      ASSERT_EQ(e.prompt_logprobs[i].has_value(), i > 0);
      if (i > 0) result_.prompt_logprobs.push_back(e.prompt_logprobs[i]->chosen.logprob);
    }
    prompt_ = std::move(e);
  }
  void On(OutputDelta& e) {
    ASSERT_TRUE(prompt_.has_value());
    ASSERT_LT(e.choice, result_.choices.size());
    ChoiceResult& choice = result_.choices[e.choice];
    ASSERT_FALSE(choice.reason.has_value());
    choice.tokens.insert(choice.tokens.end(), e.tokens.begin(), e.tokens.end());
    choice.text += TextOf(e);
    ASSERT_TRUE(e.logprobs.empty() || e.logprobs.size() == e.tokens.size());
    for (const TokenLogprob& l : e.logprobs) choice.logprobs.push_back(l.chosen.logprob);
  }
  void On(ChoiceFinished& e) {
    ASSERT_TRUE(prompt_.has_value());
    ASSERT_FALSE(result_.choices.at(e.choice).reason.has_value());
    result_.choices[e.choice].reason = e.reason;
    result_.choices[e.choice].stop_string = e.stop_string;
  }
  void On(RequestFinished& e) {
    for (const ChoiceResult& choice : result_.choices) ASSERT_TRUE(choice.reason.has_value());
    uint32_t tokens = 0;
    for (const ChoiceResult& choice : result_.choices) tokens += static_cast<uint32_t>(choice.tokens.size());
    ASSERT_EQ(e.usage.output_tokens, tokens);
    finished_ = e.usage;
  }
  void On(RequestFailed& e) {
    failed_ = e.status;
    result_.failed = true;
  }

  EventStream& stream_;
  RequestResult result_;
  std::optional<PromptRead> prompt_;
  std::optional<Usage> finished_;
  std::optional<Status> failed_;
};

/// What the request gets when it is alone: straight from the simulated model's definition, token after token.
class SimOracle {
 public:
  explicit SimOracle(float repetition = 0)
      : repetition_(repetition),
        tokenizer_(MakeSimTokenizer()),
        sampler_(VectorKernelsFor(BestIsa()), kSimVocabulary, kSimEos + 1) {}

  RequestResult Run(const PreparedRequest& prepared) {
    RequestResult result;
    result.choices.resize(prepared.request.choices);
    for (size_t i = 1; prepared.request.prompt_logprobs_top.has_value() && i < prepared.tokens.size(); ++i) {
      std::vector<float> row = RowAfter(prepared.tokens, i);
      result.prompt_logprobs.push_back(sampler_.Score(row, prepared.tokens[i], 0).logprob);
    }
    for (uint32_t c = 0; c < prepared.request.choices; ++c) {
      if (!RunChoice(prepared, c, result.choices[c])) result.failed = true;
    }
    return result;
  }

 private:
  [[nodiscard]] std::vector<float> RowAfter(const std::vector<TokenId>& tokens, size_t count) const {
    uint64_t history = 0;
    for (size_t i = 0; i < count; ++i) history = SimHistory(history, tokens[i]);
    std::vector<float> row = SimLogits(history, tokens[count - 1], repetition_);
    Sampler::Clean(row);
    return row;
  }

  bool RunChoice(const PreparedRequest& prepared, uint32_t choice, ChoiceResult& out) {
    const Request& request = prepared.request;
    std::vector<TokenId> tokens = prepared.tokens;
    TokenCounts counts;
    counts.AddPrompt(tokens, tokens.size());
    std::string bytes;
    out.reason = FinishReason::kLength;
    std::shared_ptr<TokenMasks> masks;
    std::optional<TokenMasks::Cursor> constraint;
    if (request.constraint.has_value()) {
      masks = *CompileConstraint(*request.constraint, std::make_shared<const TokenTrie>(*tokenizer_));
      constraint.emplace(*masks);
    }
    while (out.tokens.size() < prepared.output_tokens_max) {
      const std::vector<float> row = RowAfter(tokens, tokens.size());
      const DrawKey key{
          .seed = *request.sampling.seed, .choice = choice, .position = static_cast<uint32_t>(tokens.size())};
      const auto token = sampler_.Draw(row, request.sampling, counts, key, AllowedBy(constraint, request));
      if (!token.has_value()) return false;
      const bool stop_token = std::ranges::find(request.stop_tokens, *token) != request.stop_tokens.end();
      if (stop_token || (token->value == kSimEos && !request.ignore_end_of_generation)) {
        out.reason = FinishReason::kStop;
        break;
      }
      tokens.push_back(*token);
      counts.AddOutput(*token);
      out.tokens.push_back(*token);
      if (request.logprobs_top.has_value()) out.logprobs.push_back(sampler_.Score(row, *token, 0).logprob);
      bytes += tokenizer_->TokenBytes(*token);
      if (CutAtStop(request.stop_strings, bytes, out)) return true;
      if (!constraint.has_value()) continue;
      EXPECT_TRUE(constraint->Accept(*token));
      if (!constraint->MustEnd()) continue;
      out.reason = FinishReason::kStop;
      break;
    }
    out.text = ToValidUtf8(bytes);
    return true;
  }

  std::vector<uint64_t> AllowedBy(std::optional<TokenMasks::Cursor>& constraint, const Request& request) const {
    if (!constraint.has_value()) return {};
    const auto allowed = constraint->Allowed();
    std::vector<uint64_t> mask(allowed->begin(), allowed->end());
    std::vector<int32_t> ends{kSimEos};
    for (const TokenId token : request.stop_tokens) ends.push_back(token.value);
    for (const int32_t end : ends) {
      mask[0] = constraint->MayEnd() ? mask[0] | uint64_t{1} << end : mask[0] & ~(uint64_t{1} << end);
    }
    return mask;
  }

  /// Brute force: the shortest beginning of the bytes that ends with a stop string.
  static bool CutAtStop(const std::vector<std::string>& stops, const std::string& bytes, ChoiceResult& out) {
    for (size_t end = 1; end <= bytes.size(); ++end) {
      const std::string_view begun = std::string_view(bytes).substr(0, end);
      const std::string* longest = nullptr;
      for (const std::string& stop : stops) {
        if (begun.ends_with(stop) && (longest == nullptr || stop.size() > longest->size())) longest = &stop;
      }
      if (longest == nullptr) continue;
      out.text = ToValidUtf8(begun.substr(0, end - longest->size()));
      out.reason = FinishReason::kStop;
      out.stop_string = *longest;
      return true;
    }
    return false;
  }

  const float repetition_;
  std::unique_ptr<Tokenizer> tokenizer_;
  Sampler sampler_;
};

inline LoadedModel MakeSimLoadedModel(const SimModel::Options& options) {
  LoadedModel loaded;
  loaded.id = "sim";
  loaded.model = std::make_unique<SimModel>(options);
  loaded.tokenizer = MakeSimTokenizer();
  return loaded;
}

struct Together {
  std::vector<RequestResult> results;
  std::vector<Usage> usages;
  EngineMetrics metrics;
  uint64_t rows = 0;   // that a SimModel computed
  double seconds = 0;  // by the models' clock
};

/// What the thread of the cache's file might do while the engine makes a step: anything from nothing to all there is.
inline void WorkOnCacheFile(EngineCore& core, Prng& rng) {
  if (core.tiers() == nullptr) return;
  while (rng.Chance(0.8) && core.tiers()->Work()) {
  }
}

/// Runs the requests in one engine, arriving at times drawn from the seed, or all before the first step where there is
/// none; with a look at integrity after each step. clock: the models', where they move one.
inline Together RunTogether(const EngineOptions& options, LoadedModel model,
                            const std::vector<PreparedRequest>& requests, std::optional<uint64_t> arrival_seed,
                            SimClock* models_clock = nullptr) {
  SimClock own_clock;
  SimClock& clock = models_clock == nullptr ? own_clock : *models_clock;
  const Instant start = clock.Now();
  auto made = EngineCore::Create(options, std::move(model), clock);
  EXPECT_TRUE(made.ok()) << made.status().message();
  EngineCore& core = **made;
  Prng rng(arrival_seed.value_or(0));
  std::vector<std::shared_ptr<EventStream>> streams;
  std::vector<std::unique_ptr<ResultReader>> readers;
  for (size_t next = 0; next < requests.size() || !core.Idle();) {
    while (next < requests.size() && (!arrival_seed.has_value() || rng.Chance(0.4))) {
      streams.push_back(std::make_shared<EventStream>([] {}));
      readers.push_back(std::make_unique<ResultReader>(*streams.back(), requests[next].request.choices));
      EXPECT_TRUE(core.Submit(requests[next++], streams.back()).ok());
    }
    core.Step();
    core.CheckIntegrity();
    WorkOnCacheFile(core, rng);
    for (auto& reader : readers) reader->Read();
  }
  Together together{.results = {}, .usages = {}, .metrics = core.Metrics()};
  together.seconds = std::chrono::duration<double>(clock.Now() - start).count();
  if (const auto* sim = dynamic_cast<const SimModel*>(core.model().model.get())) together.rows = sim->rows();
  for (auto& reader : readers) {
    together.results.push_back(reader->result());
    together.usages.push_back(reader->usage().value_or(Usage()));
  }
  return together;
}

}  // namespace bedplate
