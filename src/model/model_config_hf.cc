// ModelConfig from a Hugging Face config.json. Newer files put everything rotary into "rope_parameters", older ones
// into "rope_theta" and "rope_scaling"; both are read.
#include <algorithm>
#include <array>
#include <cmath>

#include "model/model_config_fields.h"
#include "model/model_file.h"

namespace bedplate {
namespace {

class JsonFields final : public ConfigFields {
 public:
  JsonFields(const Json& object, std::string what) : ConfigFields(std::move(what)), object_(object) {}

  [[nodiscard]] bool Has(std::string_view key) const override { return Member(key) != nullptr; }
  [[nodiscard]] std::string Name(std::string_view key) const override { return Quoted(key); }
  /// The member, or nullptr when it is absent or null: Python writes None for "not set".
  [[nodiscard]] const Json* Member(std::string_view key) const {
    const Json* value = object_.Find(key);
    return value == nullptr || value->is_null() ? nullptr : value;
  }

 protected:
  Result<std::optional<uint64_t>> FindUint(std::string_view key) const override {
    const Json* value = Member(key);
    if (value == nullptr) return std::optional<uint64_t>();
    if (!value->is_int() || value->as_int() < 0) return Wrong(key, *value, "an integer that is not negative");
    return std::optional(static_cast<uint64_t>(value->as_int()));
  }
  Result<std::optional<double>> FindFloat(std::string_view key) const override {
    const Json* value = Member(key);
    if (value == nullptr) return std::optional<double>();
    if (!value->is_number()) return Wrong(key, *value, "a number");
    return std::optional(value->as_double());
  }
  Result<std::optional<bool>> FindBool(std::string_view key) const override {
    const Json* value = Member(key);
    if (value == nullptr) return std::optional<bool>();
    if (!value->is_bool()) return Wrong(key, *value, "true or false");
    return std::optional(value->as_bool());
  }
  Result<std::optional<std::string>> FindString(std::string_view key) const override {
    const Json* value = Member(key);
    if (value == nullptr) return std::optional<std::string>();
    if (!value->is_string()) return Wrong(key, *value, "a string");
    return std::optional(value->as_string());
  }

 private:
  static Status Wrong(std::string_view key, const Json& value, std::string_view wanted) {
    return Status::DataLoss(Cat("config.json: ", Quoted(key), " is ", value.kind(), "; ", wanted, " is needed"));
  }
  const Json& object_;
};

/// What a config class fills in when config.json leaves the key out; 0: required.
struct ModelType {
  std::string_view name;
  Architecture architecture;
  double theta;
  uint32_t kv_heads;
  uint32_t context;
  bool tied;
};
constexpr std::array kModelTypes = {
    ModelType{"llama", Architecture::kLlama, 1e4, 0, 2048, false},
    ModelType{"mistral", Architecture::kLlama, 1e4, 8, 131072, false},
    ModelType{"qwen2", Architecture::kQwen2, 1e4, 32, 32768, false},
    ModelType{"qwen3", Architecture::kQwen3, 1e4, 32, 32768, false},
    ModelType{"gemma3_text", Architecture::kGemma3, 1e6, 4, 131072, true},
    ModelType{"gemma3", Architecture::kGemma3, 1e6, 4, 131072, true},
};

/// One set of rotary parameters out of its JSON object (which may be null) and the theta stated beside it.
RopeConfig ReadRope(JsonFields& f, const Json& parameters, double theta, const ModelConfig& c) {
  RopeConfig rope;
  rope.style = RopeConfig::kHalves;
  JsonFields p(parameters, "config.json, rope parameters");
  rope.theta = p.FloatOr("rope_theta", theta, kThetaRange);
  const double partial =
      p.FloatOr("partial_rotary_factor", f.FloatOr("partial_rotary_factor", 1.0, {0.01, 1.0}), {0.01, 1.0});
  rope.dims = static_cast<uint32_t>(static_cast<double>(c.head_dim) * partial);
  const std::string type = p.StringOr("rope_type", p.StringOr("type", "default"));
  if (type == "linear") {
    rope.scaling = RopeConfig::kLinear;
    rope.factor = p.Float("factor", kFactorRange);
  } else if (type == "llama3") {
    rope.scaling = RopeConfig::kLlama3;
    rope.factor = p.Float("factor", kFactorRange);
    rope.low_freq_factor = p.Float("low_freq_factor", kPositiveRange);
    rope.high_freq_factor = p.Float("high_freq_factor", kPositiveRange);
    rope.original_context = p.Uint("original_max_position_embeddings", kContextRange);
    if (rope.high_freq_factor <= rope.low_freq_factor) {
      p.Fail(Status::DataLoss("config.json: \"high_freq_factor\" is not above \"low_freq_factor\""));
    }
  } else if (type == "yarn") {
    rope.scaling = RopeConfig::kYarn;
    rope.factor = p.Float("factor", kFactorRange);
    rope.original_context = p.UintOr("original_max_position_embeddings", c.context_length, kContextRange);
    rope.beta_fast = p.FloatOr("beta_fast", 32.0, kPositiveRange);
    rope.beta_slow = p.FloatOr("beta_slow", 1.0, kPositiveRange);
    rope.ext_factor = 1.0f;
    rope.yarn_magnitude = p.FloatOr("attention_factor", YarnMagnitude(rope.factor), kPositiveRange);
    if (p.Has("mscale") || !p.BoolOr("truncate", true)) {
      p.Fail(
          Status::Unimplemented("config.json: yarn with \"mscale\" or without \"truncate\" is not run by this build"));
    }
  } else if (type != "default") {
    p.Fail(Status::Unimplemented(Cat("config.json: rope type ", Quoted(type),
                                     " is not run by this build; it runs default, linear, llama3 and yarn")));
  }
  f.Fail(p.status());
  return rope;
}

void ReadRopes(JsonFields& f, const ModelType& type, ModelConfig* c) {
  static const Json kNull;
  const Json* parameters = f.Member("rope_parameters");
  const Json* scaling = f.Member("rope_scaling");
  const double theta = f.FloatOr("rope_theta", type.theta, kThetaRange);
  const double local_theta = f.FloatOr("rope_local_base_freq", 1e4, kThetaRange);
  const auto part = [&](const char* name) {
    const Json* found = parameters == nullptr ? nullptr : parameters->Find(name);
    return found == nullptr || found->is_null() ? nullptr : found;
  };
  if (c->architecture == Architecture::kGemma3) {
    const Json* full = part("full_attention");
    const Json* sliding = part("sliding_attention");
    c->rope = ReadRope(f, full != nullptr ? *full : scaling != nullptr ? *scaling : kNull, theta, *c);
    c->rope_local = ReadRope(f, sliding != nullptr ? *sliding : kNull, local_theta, *c);
    return;
  }
  c->rope = ReadRope(f, parameters != nullptr ? *parameters : scaling != nullptr ? *scaling : kNull, theta, *c);
  c->rope_local = c->rope;
}

/// Which layers slide: "layer_types" where the file has it, else the rule of the model's class.
void ReadSliding(JsonFields& f, std::string_view model_type, ModelConfig* c) {
  const bool qwen = c->architecture == Architecture::kQwen2 || c->architecture == Architecture::kQwen3;
  const bool slides = model_type != "llama" && (!qwen || f.BoolOr("use_sliding_window", false));
  const uint64_t window_default = c->architecture == Architecture::kGemma3 ? 4096 : 0;
  c->sliding_window = slides ? f.UintOr("sliding_window", window_default, {1, kContextRange.max}) : 0;
  c->layer_is_sliding.assign(c->layers, false);
  if (c->sliding_window == 0) return;
  if (const Json* types = f.Member("layer_types"); types != nullptr) {
    if (!types->is_array() || types->as_array().size() != c->layers) {
      return f.Fail(Status::DataLoss(Cat("config.json: \"layer_types\" is not an array of ", c->layers, " strings")));
    }
    for (uint32_t i = 0; i < c->layers; ++i) {
      const Json& type = types->as_array()[i];
      const bool sliding = type == Json("sliding_attention");
      if (!sliding && !(type == Json("full_attention"))) {
        return f.Fail(
            Status::Unimplemented(Cat("config.json: layer type ", WriteJson(type), " is not run by this build")));
      }
      c->layer_is_sliding[i] = sliding;
    }
  } else if (c->architecture == Architecture::kGemma3) {
    const uint32_t pattern = f.UintOr("sliding_window_pattern", 6, {1, 1024});
    for (uint32_t i = 0; i < c->layers; ++i) c->layer_is_sliding[i] = (i + 1) % pattern != 0;
  } else if (qwen) {
    const uint32_t first = f.UintOr("max_window_layers", 28, {0, 1024});
    for (uint32_t i = 0; i < c->layers; ++i) c->layer_is_sliding[i] = i >= first;
  } else {
    c->layer_is_sliding.assign(c->layers, true);  // Mistral 7B v0.1
  }
}

void ReadGemma3(JsonFields& f, ModelConfig* c) {
  c->activation = Activation::kGeluTanh;
  c->post_norms = true;
  c->norm_plus_one = true;
  c->embedding_scale = std::sqrt(static_cast<float>(c->width));
  c->attention_scale = static_cast<float>(1.0 / std::sqrt(f.FloatOr("query_pre_attn_scalar", 256.0, kPositiveRange)));
  c->attention_softcap = f.FloatOr("attn_logit_softcapping", 0.0, kCapRange);
  c->final_softcap = f.FloatOr("final_logit_softcapping", 0.0, kCapRange);
  if (f.BoolOr("use_bidirectional_attention", false)) {
    f.Fail(Status::Unimplemented("config.json: \"use_bidirectional_attention\" is not run by this build"));
  }
}

}  // namespace

Result<ModelConfig> ReadHfConfig(const ModelFile& file) {
  const std::string stated = StatedArchitecture(file);
  const auto* type =
      std::find_if(kModelTypes.begin(), kModelTypes.end(), [&](const ModelType& t) { return t.name == stated; });
  if (type == kModelTypes.end()) return UnknownArchitecture(stated);
  JsonFields f(file.hf().config, "config.json");
  const bool gemma3 = type->architecture == Architecture::kGemma3;

  ModelConfig c;
  c.architecture = type->architecture;
  c.name = f.StringOr("_name_or_path", "");
  if (c.name.empty()) c.name = std::filesystem::absolute(file.path() / "config.json").parent_path().filename().string();
  c.license = file.hf().license;
  c.layers = f.Uint("num_hidden_layers", kLayersRange);
  c.width = f.Uint("hidden_size", kWidthRange);
  c.heads = gemma3 ? f.UintOr("num_attention_heads", 8, kHeadsRange) : f.Uint("num_attention_heads", kHeadsRange);
  c.kv_heads = f.UintOr("num_key_value_heads", type->kv_heads != 0 ? type->kv_heads : c.heads, kHeadsRange);
  if (!f.status().ok()) return f.status();
  if (c.width % c.heads != 0 && !f.Has("head_dim") && !gemma3) {
    return Status::DataLoss(Cat("config.json gives \"hidden_size\" ", c.width, " and ", c.heads,
                                " heads, which don't divide it, and lacks \"head_dim\""));
  }
  // Qwen 3's class has 128 where the others divide.
  const uint32_t head_dim = gemma3 ? 256 : type->architecture == Architecture::kQwen3 ? 128 : c.width / c.heads;
  c.head_dim = f.UintOr("head_dim", head_dim, kHeadDimRange);
  c.value_head_dim = c.head_dim;
  c.ffn_width = f.Uint("intermediate_size", kFfnWidthRange);
  c.vocabulary = f.UintOr("vocab_size", 0, kVocabularyRange);
  c.context_length = f.UintOr("max_position_embeddings", type->context, kContextRange);
  c.norm_epsilon = f.FloatOr("rms_norm_eps", 1e-6, kEpsilonRange);
  c.attention_scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(c.head_dim)));
  c.tied_embeddings = f.BoolOr("tie_word_embeddings", type->tied);
  c.experts = f.UintOr("num_local_experts", f.UintOr("num_experts", 0, {0, 65536}), {0, 65536});

  const std::string activation =
      f.StringOr(gemma3 ? "hidden_activation" : "hidden_act", gemma3 ? "gelu_pytorch_tanh" : "silu");
  if (activation != (gemma3 ? "gelu_pytorch_tanh" : "silu")) {
    f.Fail(Status::Unimplemented(
        Cat("config.json: activation ", Quoted(activation), " is not run by this build for ", stated)));
  }
  if (f.BoolOr("mlp_bias", false)) f.Fail(Status::Unimplemented("config.json: \"mlp_bias\" is not run by this build"));
  if (f.Has("quantization_config")) {
    f.Fail(Status::Unimplemented(
        "config.json: this folder holds quantised weights (\"quantization_config\"); this build runs "
        "quantised models from GGUF files, and folders in F32, F16 and BF16"));
  }
  if (gemma3) ReadGemma3(f, &c);
  ReadRopes(f, *type, &c);
  ReadSliding(f, stated, &c);
  if (!f.status().ok()) return f.status();
  if (c.rope.scaling == RopeConfig::kYarn) {
    const double scaled = static_cast<double>(c.rope.original_context) * c.rope.factor;
    c.context_length = std::max(c.context_length, static_cast<uint32_t>(std::min(scaled, 0x1p27)));
  }
  return c;
}

}  // namespace bedplate
