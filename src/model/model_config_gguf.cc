// ModelConfig from GGUF metadata. Keys are "ARCHITECTURE.name"; what a converter leaves out is said beside the default.
#include <algorithm>
#include <cmath>

#include "model/model_config_fields.h"
#include "model/model_file.h"

namespace bedplate {
namespace {

class GgufFields final : public ConfigFields {
 public:
  GgufFields(const GgufMetadata& metadata, std::string architecture)
      : ConfigFields("the GGUF metadata"), metadata_(metadata), architecture_(std::move(architecture)) {}

  [[nodiscard]] bool Has(std::string_view key) const override { return metadata_.Find(Full(key)) != nullptr; }
  [[nodiscard]] std::string Name(std::string_view key) const override { return Quoted(Full(key)); }

  /// sliding_window_pattern: one number n (every n-th layer is full), or a bool for each layer (true: sliding).
  std::vector<bool> SlidingLayers(uint32_t layers, uint32_t pattern_default) {
    constexpr std::string_view kKey = "attention.sliding_window_pattern";
    const GgufValue* value = metadata_.Find(Full(kKey));
    if (value != nullptr && value->type == GgufType::kArray) {
      const std::optional<std::vector<int64_t>> list = Keep(metadata_.Ints(Full(kKey)));
      if (list.has_value() && list->size() != layers) {
        Fail(Status::DataLoss(Cat("metadata ", Name(kKey), " has ", list->size(), " values for ", layers, " layers")));
      }
      std::vector<bool> out(layers);
      for (size_t i = 0; list.has_value() && i < std::min<size_t>(layers, list->size()); ++i) out[i] = (*list)[i] != 0;
      return out;
    }
    const uint32_t pattern = UintOr(kKey, pattern_default, {1, 1024});
    std::vector<bool> out(layers);
    for (uint32_t i = 0; i < layers; ++i) out[i] = (i + 1) % pattern != 0;
    return out;
  }

 protected:
  Result<std::optional<uint64_t>> FindUint(std::string_view key) const override {
    const std::string full = Full(key);
    const GgufValue* value = metadata_.Find(full);
    if (value == nullptr || value->type != GgufType::kArray) return metadata_.Uint(full);
    // Some writers give one number for each layer; equal ones are one number.
    BP_ASSIGN_OR_RETURN(const std::optional<std::vector<int64_t>> list, metadata_.Ints(full));
    if (list->empty()) return Status::DataLoss(Cat("metadata ", Quoted(full), " is an empty array"));
    for (const int64_t number : *list) {
      if (number != list->front()) {
        return Status::Unimplemented(
            Cat("metadata ", Quoted(full), " differs between layers, which this build can't run"));
      }
    }
    if (list->front() < 0) return Status::DataLoss(Cat("metadata ", Quoted(full), " is negative"));
    return std::optional(static_cast<uint64_t>(list->front()));
  }
  Result<std::optional<double>> FindFloat(std::string_view key) const override { return metadata_.Float(Full(key)); }
  Result<std::optional<bool>> FindBool(std::string_view key) const override { return metadata_.Bool(Full(key)); }
  Result<std::optional<std::string>> FindString(std::string_view key) const override {
    BP_ASSIGN_OR_RETURN(const std::optional<std::string_view> text, metadata_.String(Full(key)));
    return text.has_value() ? std::optional<std::string>(*text) : std::nullopt;
  }

 private:
  [[nodiscard]] std::string Full(std::string_view key) const {
    return key.starts_with("general.") ? std::string(key) : Cat(architecture_, ".", key);
  }
  const GgufMetadata& metadata_;
  std::string architecture_;
};

std::optional<Architecture> ArchitectureOf(std::string_view name) {
  for (const Architecture a :
       {Architecture::kLlama, Architecture::kQwen2, Architecture::kQwen3, Architecture::kGemma3}) {
    if (ArchitectureName(a) == name) return a;
  }
  return std::nullopt;
}

RopeConfig ReadRope(GgufFields& f, const ModelConfig& c, RopeConfig::Style style) {
  RopeConfig rope;
  rope.style = style;
  rope.theta = f.FloatOr("rope.freq_base", c.architecture == Architecture::kGemma3 ? 1e6 : 1e4, kThetaRange);
  rope.dims = f.UintOr("rope.dimension_count", c.head_dim, {2, c.head_dim});
  const std::string type = f.StringOr("rope.scaling.type", f.Has("rope.scale_linear") ? "linear" : "none");
  if (type == "linear") {
    rope.factor =
        f.FloatOr(f.Has("rope.scaling.factor") ? "rope.scaling.factor" : "rope.scale_linear", 1.0, kFactorRange);
    rope.scaling = rope.factor == 1.0f ? RopeConfig::kNone : RopeConfig::kLinear;
  } else if (type == "yarn") {
    rope.scaling = RopeConfig::kYarn;
    rope.factor = f.Float("rope.scaling.factor", kFactorRange);
    rope.original_context = f.UintOr("rope.scaling.original_context_length", c.context_length, kContextRange);
    rope.yarn_attn_factor = f.FloatOr("rope.scaling.yarn_attn_factor",
                                      f.FloatOr("rope.scaling.attn_factor", 1.0, kPositiveRange), kPositiveRange);
    rope.beta_fast = f.FloatOr("rope.scaling.yarn_beta_fast", 32.0, kPositiveRange);
    rope.beta_slow = f.FloatOr("rope.scaling.yarn_beta_slow", 1.0, kPositiveRange);
    rope.ext_factor = f.FloatOr("rope.scaling.yarn_ext_factor", 1.0, {0.0, 1.0});
    rope.yarn_magnitude = rope.yarn_attn_factor * YarnMagnitude(rope.factor);
  } else if (type != "none") {
    f.Fail(Status::Unimplemented(Cat("metadata ", f.Name("rope.scaling.type"), " is ", Quoted(type),
                                     ", which this build can't run; it runs none, linear and yarn")));
  }
  return rope;
}

}  // namespace

Result<ModelConfig> ReadGgufConfig(const ModelFile& file) {
  const GgufMetadata& metadata = file.metadata();
  BP_ASSIGN_OR_RETURN(const std::optional<std::string_view> stated, metadata.String("general.architecture"));
  if (!stated.has_value()) return Status::DataLoss("the GGUF metadata lacks the required key \"general.architecture\"");
  const std::optional<Architecture> architecture = ArchitectureOf(*stated);
  if (!architecture.has_value()) return UnknownArchitecture(*stated);

  GgufFields f(metadata, std::string(*stated));
  ModelConfig c;
  c.architecture = *architecture;
  c.name = f.StringOr("general.name", "");
  c.license = f.StringOr("general.license", "");
  c.layers = f.Uint("block_count", kLayersRange);
  c.width = f.Uint("embedding_length", kWidthRange);
  c.heads = f.Uint("attention.head_count", kHeadsRange);
  c.kv_heads = f.UintOr("attention.head_count_kv", c.heads, kHeadsRange);
  if (!f.status().ok()) return f.status();
  if (c.width % c.heads != 0 && !f.Has("attention.key_length")) {
    return Status::DataLoss(Cat("the GGUF metadata gives width ", c.width, " and ", c.heads,
                                " heads, which don't divide it, and lacks ", f.Name("attention.key_length")));
  }
  c.head_dim = f.UintOr("attention.key_length", c.width / c.heads, kHeadDimRange);
  c.value_head_dim = f.UintOr("attention.value_length", c.width / c.heads, kHeadDimRange);
  c.ffn_width = f.Uint("feed_forward_length", kFfnWidthRange);
  c.context_length = f.Uint("context_length", kContextRange);
  c.vocabulary = f.UintOr("vocab_size", 0, kVocabularyRange);
  c.norm_epsilon = f.Float("attention.layer_norm_rms_epsilon", kEpsilonRange);
  c.experts = f.UintOr("expert_count", 0, {0, 65536});
  c.experts_used = f.UintOr("expert_used_count", 0, {0, 65536});

  // Converters permute the Q and K rows of llama-architecture models so that rotary pairs lie side by side.
  c.rope = ReadRope(f, c, c.architecture == Architecture::kLlama ? RopeConfig::kInterleaved : RopeConfig::kHalves);
  c.rope_local = c.rope;
  c.attention_scale = f.FloatOr("attention.scale", 1.0 / std::sqrt(static_cast<double>(c.head_dim)), kPositiveRange);
  c.sliding_window = f.UintOr("attention.sliding_window", 0, {0, kContextRange.max});
  c.layer_is_sliding.assign(c.layers, c.sliding_window != 0);

  if (c.architecture == Architecture::kGemma3) {
    c.activation = Activation::kGeluTanh;
    c.post_norms = true;
    c.embedding_scale = std::sqrt(static_cast<float>(c.width));
    c.attention_softcap = f.FloatOr("attn_logit_softcapping", 0.0, kCapRange);
    c.final_softcap = f.FloatOr("final_logit_softcapping", 0.0, kCapRange);
    // Files lack the base of the sliding layers and their pattern: 10000, and every sixth layer full.
    c.rope_local = {
        .theta = f.FloatOr("rope.freq_base_swa", 1e4, kThetaRange), .dims = c.rope.dims, .style = c.rope.style};
    if (c.sliding_window != 0) c.layer_is_sliding = f.SlidingLayers(c.layers, 6);
    // The 27B alone scales by its width per head (Gemma 3 report, query_pre_attn_scalar 168), and its files don't say
    // so.
    if (c.layers == 62 && !f.Has("attention.scale")) {
      c.attention_scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(c.width) / c.heads));
    }
  }
  if (!f.status().ok()) return f.status();
  if (c.rope.scaling == RopeConfig::kYarn) {
    const double scaled = static_cast<double>(c.rope.original_context) * c.rope.factor;
    c.context_length = std::max(c.context_length, static_cast<uint32_t>(std::min(scaled, 0x1p27)));
  }
  return c;
}

}  // namespace bedplate
