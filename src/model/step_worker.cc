#include "model/step_worker.h"

#include <algorithm>

#include "base/check.h"
#include "kernels/rope.h"
#include "model/rope_scaling.h"

namespace bedplate {
namespace {

// Where so many rows go through a matrix, arithmetic takes longer than reading: weights can be asked for ahead.
constexpr uint32_t kRowsToReadAhead = 9;

// Tiles that a thread claims at once: small enough to balance, large enough that claiming costs nothing. A
// multiple of unit: tiles of many rows go in pairs, and some calls need more of them together. Who reads ahead holds
// two claims, so each is half as large.
uint32_t TilesAtOnce(uint32_t tiles, uint32_t threads, uint32_t rows, uint32_t unit = 2) {
  const uint32_t claims = threads * (rows < kRowsToReadAhead ? 12 : 24);
  return std::clamp((tiles / claims + unit / 2) / unit * unit, unit, 32u);
}

// Floats of outputs that are only passed on, a few tiles' of all rows: they stay in the second-level cache beside the
// tiles. (Stored whole, the gated hidden of 512 rows of a 1.5B model are 18 MB, thrice written and read in each layer.)
constexpr uint32_t kPassedOnFloats = 16384;
// Those that are quantised begin and end with a pair of blocks.
constexpr uint32_t kPairTiles = 2 * kInputBlock / kTileOutputs;

/// unit: a number of tiles that at_once is a multiple of.
uint32_t TilesPassedOn(uint32_t rows, uint32_t at_once, uint32_t unit) {
  return std::clamp(kPassedOnFloats / (rows * kTileOutputs) / unit * unit, unit, at_once);
}

// The part of a matrix whose turn comes when that of its first tiles does.
std::span<const std::byte> FirstOf(const PackedMatrix& m, uint32_t tile_begin, uint32_t tile_end) {
  return PackedTilesOf(m, tile_begin, std::min(tile_begin + 2, tile_end));
}

// Chunks of work as one thread claims them from the counter that all share. A thread that reads ahead claims one more
// before it works on the last, so that it knows what it will read.
class Claims {
 public:
  Claims(std::atomic<uint32_t>& counter, bool ahead) : counter_(counter), ahead_(ahead) {
    now_ = Claim();
    if (ahead_) next_ = Claim();
  }
  [[nodiscard]] uint32_t now() const { return now_; }
  /// A number that no chunk has where the next one isn't known.
  [[nodiscard]] uint32_t next() const { return next_; }
  void Advance() {
    now_ = ahead_ ? next_ : Claim();
    if (ahead_) next_ = Claim();
  }

 private:
  uint32_t Claim() { return counter_.fetch_add(1, std::memory_order_relaxed); }

  std::atomic<uint32_t>& counter_;
  const bool ahead_;
  uint32_t now_ = 0, next_ = UINT32_MAX;
};

// Room for the sums of segments that threads share: four rows as long as the context, or so many more shorter ones. 8
// MiB are four rows of 64 heads of 128 dims at 29,000 positions.
constexpr size_t kSharedRows = 4, kStatesFloatsMax = size_t{8} << 18;

constexpr size_t kScratchAlign = 64;
size_t Aligned(size_t bytes) {
  return (bytes + kScratchAlign - 1) / kScratchAlign * kScratchAlign;
}

// Hands out 64-byte aligned parts of one allocation; with no base it only adds up.
class Carver {
 public:
  explicit Carver(std::byte* base) : base_(base) {}
  template <class T>
  T* Take(size_t n) {
    std::byte* at = base_ == nullptr ? nullptr : base_ + used_;
    used_ += Aligned(n * sizeof(T));
    return reinterpret_cast<T*>(at);
  }
  [[nodiscard]] size_t used() const { return used_; }

 private:
  std::byte* base_;
  size_t used_ = 0;
};

size_t Carve(const ModelConfig& c, const StepLimits& limits, uint32_t inputs_max, uint32_t threads, std::byte* base,
             StepBuffers& b) {
  const size_t rows = std::max(limits.rows_max, limits.logit_rows_max);
  const size_t q_width = size_t{c.heads} * c.head_dim, kv_width = size_t{c.kv_heads} * c.head_dim;
  Carver carver(base);
  b.x = carver.Take<float>(rows * c.width);
  b.normed = carver.Take<float>(rows * c.width);
  b.branch = c.post_norms ? carver.Take<float>(rows * c.width) : nullptr;
  b.q = carver.Take<float>(rows * q_width);
  b.attended = carver.Take<float>(rows * q_width);
  b.k = carver.Take<float>(rows * kv_width);
  b.v = carver.Take<float>(rows * kv_width);
  b.hidden = carver.Take<float>(rows * c.ffn_width);
  b.quantized_hidden = reinterpret_cast<std::byte*>(b.hidden);  // which takes less
  b.rope[0] = carver.Take<float>(rows * c.rope.dims);
  b.rope[1] = carver.Take<float>(rows * c.rope_local.dims);
  const auto inputs = static_cast<uint32_t>(std::max(size_t{c.width}, q_width));
  b.quantized = carver.Take<std::byte>(QuantizedBytes(static_cast<uint32_t>(rows), inputs));
  b.matmul_scratch.resize(threads);
  b.attention_scratch.resize(threads);
  for (std::vector<float*>& each : b.passed_on) each.resize(threads);
  for (uint32_t t = 0; t < threads; ++t) {
    b.matmul_scratch[t] = carver.Take<std::byte>(MatmulScratchBytes(inputs_max));
    b.attention_scratch[t] = carver.Take<float>(AttentionScratchFloats(c.head_dim, c.heads / c.kv_heads));
    for (std::vector<float*>& each : b.passed_on) {
      each[t] = carver.Take<float>(std::max<size_t>(kPassedOnFloats, rows * kPairTiles * kTileOutputs));
    }
  }
  b.attention_states = carver.Take<float>(StepBuffers::PlanLimits(c, threads).states_floats);
  return carver.used();
}

}  // namespace

AttentionPlanLimits StepBuffers::PlanLimits(const ModelConfig& c, uint32_t threads) {
  AttentionPlanLimits limits{.threads = threads, .kv_heads = c.kv_heads, .row_state_floats = 0, .states_floats = 0};
  limits.row_state_floats = c.heads * AttentionStateFloats(c.head_dim);
  const size_t segments = (c.context_length + kAttentionSegment - 1) / kAttentionSegment;
  if (threads > 1) limits.states_floats = std::min(segments * kSharedRows * limits.row_state_floats, kStatesFloatsMax);
  return limits;
}

size_t StepBuffers::Bytes(const ModelConfig& config, const StepLimits& limits, uint32_t inputs_max, uint32_t threads) {
  StepBuffers none;
  return Carve(config, limits, inputs_max, threads, nullptr, none);
}

Result<std::unique_ptr<StepBuffers>> StepBuffers::Allocate(const ModelConfig& config, const StepLimits& limits,
                                                           uint32_t inputs_max, uint32_t threads) {
  auto buffers = std::make_unique<StepBuffers>();
  buffers->limits = limits;
  BP_ASSIGN_OR_RETURN(buffers->memory, Buffer::Allocate(Bytes(config, limits, inputs_max, threads)));
  Carve(config, limits, inputs_max, threads, buffers->memory.data(), *buffers);
  buffers->row_sequence.reserve(limits.rows_max);
  buffers->row_position.reserve(limits.rows_max);
  buffers->attention.Reserve(limits.rows_max, threads);
  return buffers;
}

StepWorker::StepWorker(const StepContext& context, ThreadTeam::Member member) : c_(context), member_(member) {}

StepWorker::Range StepWorker::Share(uint32_t n) const {
  const uint64_t i = member_.index(), count = member_.count();
  return {static_cast<uint32_t>(n * i / count), static_cast<uint32_t>(n * (i + 1) / count)};
}

void StepWorker::Finish() {
  // The other counter's users have all passed the barrier before; its next users come after this one.
  if (member_.index() == 0) c_.buffers.next_task[(call_ + 1) & 1].store(0, std::memory_order_relaxed);
  member_.Barrier();
  ++call_;
}

void StepWorker::Embed() {
  StepBuffers& b = c_.buffers;
  const Range share = Share(rows());
  for (uint32_t r = share.begin; r < share.end; ++r) {
    float* x = b.x + size_t{r} * c_.config.width;
    c_.weights.Embed(static_cast<uint32_t>(c_.batch.tokens[r].value), x);
    if (c_.config.embedding_scale != 1.0f) c_.vector.scale(x, c_.config.embedding_scale, c_.config.width, x);
    const RopeConfig* ropes[2] = {&c_.config.rope, &c_.config.rope_local};
    for (int i = 0; i < 2; ++i) {
      if (i == 1 && c_.config.sliding_window == 0) break;
      const uint32_t n = ropes[i]->dims / 2;
      float* cosines = b.rope[i] + size_t{r} * 2 * n;
      RopeAngles(b.row_position[r], c_.rope_frequencies[i], ropes[i]->yarn_magnitude, cosines, cosines + n);
    }
  }
  Finish();
}

void StepWorker::QuantizeRows(const float* values, uint32_t width, Range rows) {
  if (width % kInputBlock != 0) return;  // such only meet unquantised matrices: Weights::Load has checked
  c_.matmul.quantize_rows(values + size_t{rows.begin} * width, width, rows.end - rows.begin, width,
                          c_.buffers.quantized + QuantizedBytes(rows.begin, width), width);
}

void StepWorker::Quantize(const float* values, uint32_t n_rows, uint32_t width) {
  QuantizeRows(values, width, Share(n_rows));
  Finish();
}

MatmulInput StepWorker::Input(const float* values, uint32_t n_rows, uint32_t width) const {
  return {n_rows, width, values, c_.buffers.quantized};
}

MatmulInput StepWorker::HiddenInput() const {
  return {rows(), c_.config.ffn_width, c_.buffers.hidden, c_.buffers.quantized_hidden};
}

template <class Done>
void StepWorker::Project(std::span<const Linear* const> linears, std::span<float* const> outs, const MatmulInput& input,
                         Done done) {
  uint32_t total = 0;
  for (const Linear* linear : linears) total += linear->matrix.tiles();
  const uint32_t at_once = TilesAtOnce(total, member_.count(), input.rows);
  uint32_t chunks = 0;
  for (const Linear* linear : linears) chunks += (linear->matrix.tiles() + at_once - 1) / at_once;
  struct Chunk {
    size_t linear = 0;
    uint32_t begin = 0, end = 0;  // tiles
  };
  const auto at = [&](uint32_t chunk) {
    size_t i = 0;
    for (uint32_t n; chunk >= (n = (linears[i]->matrix.tiles() + at_once - 1) / at_once); ++i) chunk -= n;
    return Chunk{i, chunk * at_once, std::min((chunk + 1) * at_once, linears[i]->matrix.tiles())};
  };
  std::byte* scratch = c_.buffers.matmul_scratch[member_.index()];
  for (Claims claims(next_task(), input.rows >= kRowsToReadAhead); claims.now() < chunks; claims.Advance()) {
    const Chunk chunk = at(claims.now());
    const PackedMatrix& m = linears[chunk.linear]->matrix;
    const std::vector<float>& bias = linears[chunk.linear]->bias;
    std::span<const std::byte> after;
    if (claims.next() < chunks) {
      const Chunk then = at(claims.next());
      after = FirstOf(linears[then.linear]->matrix, then.begin, then.end);
    }
    const bool kept = outs[chunk.linear] != nullptr;
    const uint32_t step = kept ? at_once : TilesPassedOn(input.rows, at_once, 2);
    for (uint32_t begin = chunk.begin, end; begin < chunk.end; begin = end) {
      end = std::min(begin + step, chunk.end);
      const uint32_t first = begin * kTileOutputs, count = std::min(end * kTileOutputs, m.outputs) - first;
      float* const out = kept ? outs[chunk.linear] + first : c_.buffers.passed_on[0][member_.index()];
      const size_t stride = kept ? m.outputs : size_t{step} * kTileOutputs;
      c_.matmul.matmul(m, 0, input, begin, end, out, stride, scratch,
                       end < chunk.end ? FirstOf(m, end, chunk.end) : after);
      for (uint32_t r = 0; r < input.rows; ++r) {
        float* const row = out + r * stride;
        if (!bias.empty()) c_.vector.add(row, bias.data() + first, count, row);
        done(r, first, count, row);
      }
    }
  }
  Finish();
}

void StepWorker::Norm(const std::vector<float>& gain) {
  const uint32_t width = c_.config.width;
  const Range share = Share(rows());
  for (uint32_t r = share.begin; r < share.end; ++r) {
    c_.vector.rms_norm(c_.buffers.x + size_t{r} * width, gain.data(), width, c_.config.norm_epsilon,
                       c_.buffers.normed + size_t{r} * width);
    QuantizeRows(c_.buffers.normed, width, {r, r + 1});
  }
  Finish();
}

void StepWorker::ProjectQkv(const LayerWeights& layer) {
  const Linear* linears[] = {&layer.q, &layer.k, &layer.v};
  float* outs[] = {c_.buffers.q, c_.buffers.k, c_.buffers.v};
  Project(linears, outs, Input(c_.buffers.normed, rows(), c_.config.width),
          [](uint32_t, uint32_t, uint32_t, float*) {});
}

void StepWorker::NormHeads(const LayerWeights& layer) {
  const ModelConfig& c = c_.config;
  const Range share = Share(rows());
  const auto norm = [&](float* row, uint32_t heads, const std::vector<float>& gain) {
    for (uint32_t h = 0; h < heads; ++h) {
      float* head = row + size_t{h} * c.head_dim;
      c_.vector.rms_norm(head, gain.data(), c.head_dim, c.norm_epsilon, head);
    }
  };
  for (uint32_t r = share.begin; r < share.end; ++r) {
    norm(c_.buffers.q + size_t{r} * c.heads * c.head_dim, c.heads, layer.q_norm);
    norm(c_.buffers.k + size_t{r} * c.kv_heads * c.head_dim, c.kv_heads, layer.k_norm);
  }
  // No barrier: RotateAndStore takes the same share of rows.
}

void StepWorker::RotateAndStore(uint32_t layer) {
  const ModelConfig& c = c_.config;
  StepBuffers& b = c_.buffers;
  const bool sliding = c.layer_is_sliding[layer];
  const RopeConfig& rope = sliding ? c.rope_local : c.rope;
  const uint32_t n = rope.dims / 2;
  const KvLayout kv = c_.kv.Layer(layer);
  const uint32_t group = c_.kv.GroupOf(layer);
  const std::span<const float> offset = c_.key_offsets.empty() ? std::span<const float>() : c_.key_offsets[layer];
  const Range share = Share(rows());
  for (uint32_t r = share.begin; r < share.end; ++r) {
    const float* cosines = b.rope[sliding ? 1 : 0] + size_t{r} * 2 * n;
    float* q = b.q + size_t{r} * c.heads * c.head_dim;
    float* k = b.k + size_t{r} * c.kv_heads * c.head_dim;
    const float* v = b.v + size_t{r} * c.kv_heads * c.head_dim;
    Rotate(PairsOf(rope.style), cosines, cosines + n, n, c.heads, c.head_dim, q);
    Rotate(PairsOf(rope.style), cosines, cosines + n, n, c.kv_heads, c.head_dim, k);
    for (size_t i = 0; i < offset.size(); ++i) k[i] -= offset[i];
    const uint32_t position = b.row_position[r];
    const PageId page = c_.batch.sequences[b.row_sequence[r]].page_tables[group][position / kPageTokens];
    BP_DCHECK(page != kNoPage);
    c_.attention.store(kv, k, v, page.value, position % kPageTokens);
  }
  Finish();
}

void StepWorker::Attend(uint32_t layer) {
  const ModelConfig& c = c_.config;
  StepBuffers& b = c_.buffers;
  const KvLayout kv = c_.kv.Layer(layer);
  const uint32_t group = c_.kv.GroupOf(layer);
  const size_t stride = size_t{c.heads} * c.head_dim;
  const size_t row_states = c.heads * AttentionStateFloats(c.head_dim);
  const bool cut = !c.layer_is_sliding[layer] && !b.attention.cut.empty();
  const std::vector<AttentionTask>& tasks = cut ? b.attention.cut : b.attention.whole;
  const auto count = static_cast<uint32_t>(tasks.size()) * c.kv_heads;
  for (;;) {
    const uint32_t task = next_task().fetch_add(1, std::memory_order_relaxed);
    if (task >= count) break;
    const AttentionTask& t = tasks[task / c.kv_heads];
    const SequenceSlice& slice = c_.batch.sequences[t.sequence];
    AttentionRows a;
    a.queries = b.q + t.first_row * stride;
    a.out = b.attended + t.first_row * stride;
    a.row_stride = stride;
    a.rows = slice.rows;
    a.start = slice.start;
    a.group = c.heads / c.kv_heads;
    a.sliding_window = c.layer_is_sliding[layer] ? c.sliding_window : 0;
    a.scale = c.attention_scale;
    a.softcap = c.attention_softcap;
    a.pages = slice.page_tables[group].data();
    if (t.states != AttentionTask::kWhole) {
      BP_DCHECK(a.sliding_window == 0);
      a.states = b.attention_states + t.states;
      a.state_stride = slice.rows * row_states;
      a.segment_begin = t.segment_begin;
      a.segment_end = t.segment_end;
    }
    c_.attention.attend(kv, a, task % c.kv_heads, t.row_begin, t.row_end, b.attention_scratch[member_.index()]);
  }
  Finish();
  if (cut) MergeShared();
  Quantize(b.attended, rows(), static_cast<uint32_t>(stride));
}

void StepWorker::MergeShared() {
  const ModelConfig& c = c_.config;
  const StepBuffers& b = c_.buffers;
  const size_t state = AttentionStateFloats(c.head_dim);
  for (const SharedSequence& shared : b.attention.shared) {
    const uint32_t queries = shared.rows * c.heads;
    const float* const states = b.attention_states + shared.states;
    float* const out = b.attended + size_t{shared.first_row} * c.heads * c.head_dim;
    const Range share = Share(queries);
    for (uint32_t q = share.begin; q < share.end; ++q) {
      c_.attention.merge(states + q * state, queries * state, shared.segments, c.head_dim,
                         out + size_t{q} * c.head_dim);
    }
  }
  Finish();
}

void StepWorker::AddResidual(const Linear& linear, const MatmulInput& input) {
  const Linear* linears[] = {&linear};
  float* outs[] = {nullptr};
  const uint32_t width = c_.config.width;
  Project(linears, outs, input, [&](uint32_t r, uint32_t first, uint32_t count, const float* out) {
    float* x = c_.buffers.x + size_t{r} * width + first;
    c_.vector.add(x, out, count, x);
  });
}

void StepWorker::AddNormed(const Linear& linear, const MatmulInput& input, const std::vector<float>& post_norm) {
  const Linear* linears[] = {&linear};
  float* outs[] = {c_.buffers.branch};
  Project(linears, outs, input, [](uint32_t, uint32_t, uint32_t, float*) {});
  const uint32_t width = c_.config.width;
  const Range share = Share(rows());
  for (uint32_t r = share.begin; r < share.end; ++r) {
    float* branch = c_.buffers.branch + size_t{r} * width;
    float* x = c_.buffers.x + size_t{r} * width;
    c_.vector.rms_norm(branch, post_norm.data(), width, c_.config.norm_epsilon, branch);
    c_.vector.add(x, branch, width, x);
  }
  // No barrier: what follows is a Norm, which takes the same share of rows.
}

void StepWorker::AddAttention(const Linear& output) {
  AddResidual(output, Input(c_.buffers.attended, rows(), output.matrix.inputs));
}
void StepWorker::AddHidden(const Linear& down) {
  AddResidual(down, HiddenInput());
}
void StepWorker::AddAttention(const Linear& output, const std::vector<float>& post_norm) {
  AddNormed(output, Input(c_.buffers.attended, rows(), output.matrix.inputs), post_norm);
}
void StepWorker::AddHidden(const Linear& down, const std::vector<float>& post_norm) {
  AddNormed(down, HiddenInput(), post_norm);
}

void StepWorker::GatedHidden(const LayerWeights& layer) {
  StepBuffers& b = c_.buffers;
  const MatmulInput input = Input(b.normed, rows(), c_.config.width);
  const PackedMatrix& gate = layer.gate.matrix;
  const PackedMatrix& up = layer.up.matrix;
  const bool quantizes = NeedsQuantizedInput(layer.down.matrix.type);
  const auto activate = c_.config.activation == Activation::kSilu ? c_.vector.silu_multiply : c_.vector.gelu_multiply;
  const uint32_t at_once = TilesAtOnce(gate.tiles(), member_.count(), input.rows, kPairTiles);
  const uint32_t chunks = (gate.tiles() + at_once - 1) / at_once;
  const uint32_t step = TilesPassedOn(input.rows, at_once, kPairTiles);
  const size_t stride = size_t{step} * kTileOutputs;
  std::byte* scratch = b.matmul_scratch[member_.index()];
  float* const gates = b.passed_on[0][member_.index()];
  float* const ups = b.passed_on[1][member_.index()];
  for (Claims claims(next_task(), input.rows >= kRowsToReadAhead); claims.now() < chunks; claims.Advance()) {
    const uint32_t chunk_end = std::min((claims.now() + 1) * at_once, gate.tiles());
    std::span<const std::byte> after;
    if (claims.next() < chunks) after = FirstOf(gate, claims.next() * at_once, gate.tiles());
    for (uint32_t begin = claims.now() * at_once, end; begin < chunk_end; begin = end) {
      end = std::min(begin + step, chunk_end);
      c_.matmul.matmul(gate, 0, input, begin, end, gates, stride, scratch, FirstOf(up, begin, end));
      c_.matmul.matmul(up, 0, input, begin, end, ups, stride, scratch,
                       end < chunk_end ? FirstOf(gate, end, chunk_end) : after);
      const uint32_t first = begin * kTileOutputs, count = std::min(end * kTileOutputs, gate.outputs) - first;
      for (uint32_t r = 0; r < input.rows; ++r) {
        const size_t at = r * stride;
        activate(gates + at, ups + at, count, quantizes ? ups + at : b.hidden + size_t{r} * gate.outputs + first);
      }
      if (quantizes) {
        c_.matmul.quantize_rows(ups, stride, input.rows, count, b.quantized_hidden + QuantizedBytes(1, first),
                                gate.outputs);
      }
    }
  }
  Finish();
}

void StepWorker::Logits(float* logits) {
  const ModelConfig& c = c_.config;
  const auto n = static_cast<uint32_t>(c_.batch.logit_rows.size());
  if (n == 0) return;
  Finish();  // the last layer may have ended without a barrier, and rows are gathered across shares here
  const Range share = Share(n);
  for (uint32_t i = share.begin; i < share.end; ++i) {
    c_.vector.rms_norm(c_.buffers.x + size_t{c_.batch.logit_rows[i]} * c.width, c_.weights.output_norm().data(),
                       c.width, c.norm_epsilon, c_.buffers.normed + size_t{i} * c.width);
  }
  Quantize(c_.buffers.normed, n, c.width);
  const Linear* linears[] = {&c_.weights.head()};
  float* outs[] = {logits};
  Project(linears, outs, Input(c_.buffers.normed, n, c.width), [&](uint32_t, uint32_t, uint32_t count, float* out) {
    if (c.final_softcap != 0.0f) c_.vector.softcap(out, c.final_softcap, count, out);
  });
}

}  // namespace bedplate
