// Method: metadata and config.json texts in the shapes that published models have, and one change at a time to each.
#include "model/model_config.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "model/model_file.h"
#include "model/test_files.h"

namespace bedplate {
namespace {

struct GgufKeys {
  std::string architecture = "llama";
  uint32_t layers = 2, width = 64, heads = 4, kv_heads = 2, ffn = 128, context = 2048;
  bool output = false;
  std::function<void(GgufBuilder&)> more = [](GgufBuilder&) {};
};

Result<ModelConfig> ConfigOf(const GgufKeys& k) {
  GgufBuilder b;
  const auto key = [&](std::string_view name) { return Cat(k.architecture, ".", name); };
  b.String("general.architecture", k.architecture);
  b.String("general.name", "Tiny");
  b.String("general.license", "apache-2.0");
  b.Uint(key("block_count"), k.layers);
  b.Uint(key("embedding_length"), k.width);
  b.Uint(key("attention.head_count"), k.heads);
  b.Uint(key("attention.head_count_kv"), k.kv_heads);
  b.Uint(key("feed_forward_length"), k.ffn);
  b.Uint(key("context_length"), k.context);
  b.Float(key("attention.layer_norm_rms_epsilon"), 1e-6f);
  k.more(b);
  b.Tensor("token_embd.weight", WeightType::kF32, {10, k.width});
  if (k.output) b.Tensor("output.weight", WeightType::kF32, {10, k.width});
  if (k.architecture == "qwen3" || k.architecture == "gemma3")
    b.Tensor("blk.0.attn_q_norm.weight", WeightType::kF32, {16});
  if (k.architecture == "qwen2") b.Tensor("blk.0.attn_q.bias", WeightType::kF32, {64});
  const TemporaryFolder folder;
  BP_ASSIGN_OR_RETURN(const ModelFile file, ModelFile::Open(folder.Write("m.gguf", b.Build())));
  return ReadModelConfig(file);
}

TEST(ModelConfig, ReadsALlamaGguf) {
  const Result<ModelConfig> c = ConfigOf({});
  ASSERT_TRUE(c.ok()) << c.status().message();
  EXPECT_EQ(c->architecture, Architecture::kLlama);
  EXPECT_EQ(c->name, "Tiny");
  EXPECT_EQ(c->license, "apache-2.0");
  EXPECT_EQ(c->head_dim, 16u);
  EXPECT_EQ(c->value_head_dim, 16u);
  EXPECT_EQ(c->vocabulary, 10u);
  EXPECT_EQ(c->rope.style, RopeConfig::kInterleaved);
  EXPECT_EQ(c->rope.theta, 10000.0f);
  EXPECT_EQ(c->rope.dims, 16u);
  EXPECT_EQ(c->attention_scale, 0.25f);
  EXPECT_TRUE(c->tied_embeddings);
  EXPECT_FALSE(c->attention_bias);
  EXPECT_EQ(c->sliding_window, 0u);
  EXPECT_EQ(c->KvBytesPerToken(), 2u * 2 * (16 + 16) * 2);
}

TEST(ModelConfig, ReadsAQwen2Gguf) {
  const Result<ModelConfig> c = ConfigOf({.architecture = "qwen2", .output = true, .more = [](GgufBuilder& b) {
                                            b.Float("qwen2.rope.freq_base", 1e6f);
                                            b.String("qwen2.rope.scaling.type", "yarn");
                                            b.Float("qwen2.rope.scaling.factor", 4.0f);
                                            b.Uint("qwen2.rope.scaling.original_context_length", 2048);
                                          }});
  ASSERT_TRUE(c.ok()) << c.status().message();
  EXPECT_EQ(c->rope.style, RopeConfig::kHalves);
  EXPECT_EQ(c->rope.scaling, RopeConfig::kYarn);
  EXPECT_EQ(c->rope.ext_factor, 1.0f);
  EXPECT_NEAR(c->rope.yarn_magnitude, 1.1386294, 1e-6);
  EXPECT_EQ(c->context_length, 8192u);
  EXPECT_TRUE(c->attention_bias);
  EXPECT_FALSE(c->tied_embeddings);
}

TEST(ModelConfig, ReadsAGemma3Gguf) {
  const Result<ModelConfig> c = ConfigOf({.architecture = "gemma3", .layers = 7, .more = [](GgufBuilder& b) {
                                            b.Uint("gemma3.attention.key_length", 16);
                                            b.Uint("gemma3.attention.value_length", 16);
                                            b.Float("gemma3.rope.freq_base", 1e6f);
                                            b.String("gemma3.rope.scaling.type", "linear");
                                            b.Float("gemma3.rope.scaling.factor", 8.0f);
                                            b.Uint("gemma3.attention.sliding_window", 512);
                                          }});
  ASSERT_TRUE(c.ok()) << c.status().message();
  EXPECT_EQ(c->rope.scaling, RopeConfig::kLinear);
  EXPECT_EQ(c->rope.factor, 8.0f);
  EXPECT_EQ(c->rope_local.theta, 10000.0f);  // the file lacks it
  EXPECT_EQ(c->rope_local.scaling, RopeConfig::kNone);
  EXPECT_EQ(c->layer_is_sliding, (std::vector<bool>{true, true, true, true, true, false, true}));
  EXPECT_EQ(c->embedding_scale, 8.0f);
  EXPECT_EQ(c->activation, Activation::kGeluTanh);
  EXPECT_TRUE(c->qk_norm && c->post_norms);
  EXPECT_FALSE(c->norm_plus_one);  // the converter has added the one
}

TEST(ModelConfig, RefusesWhatIsWrongByName) {
  struct Case {
    GgufKeys keys;
    StatusCode code;
    std::string words;
  };
  const auto lost = StatusCode::kDataLoss;
  const auto unimplemented = StatusCode::kUnimplemented;
  const std::vector<Case> cases = {
      {{.architecture = "phi3"}, unimplemented, "architecture \"phi3\" is not run by this build; it runs llama"},
      {{.layers = 0}, lost, "\"llama.block_count\" is 0; allowed: 1 to 1024"},
      {{.layers = 2000000}, lost, "llama.block_count"},
      {{.heads = 0}, lost, "\"llama.attention.head_count\" is 0"},
      {{.heads = 5}, lost, "don't divide it"},
      {{.kv_heads = 3}, lost, "which don't divide them"},
      {{.kv_heads = 0}, lost, "head_count_kv"},
      {{.ffn = 0}, lost, "feed_forward_length"},
      {{.context = 0}, lost, "context_length"},
      {{.more = [](GgufBuilder& b) { b.Uint("llama.rope.dimension_count", 15); }}, lost, "rotates 15 dimensions"},
      {{.more = [](GgufBuilder& b) { b.Uint("llama.rope.dimension_count", 18); }}, lost, "rope.dimension_count"},
      {{.more = [](GgufBuilder& b) { b.Float("llama.rope.freq_base", NAN); }}, lost, "rope.freq_base"},
      {{.more = [](GgufBuilder& b) { b.String("llama.rope.scaling.type", "longrope"); }},
       unimplemented,
       "\"longrope\""},
      {{.more = [](GgufBuilder& b) { b.Uint("llama.expert_count", 8); }}, unimplemented, "mixture of 8 experts"},
      {{.more = [](GgufBuilder& b) { b.String("llama.attention.key_length", "64"); }}, lost, "is of type string"},
      {{.architecture = "llama",
        .more = [](GgufBuilder& b) { b.Tensor("blk.0.attn_q_norm.weight", WeightType::kF32, {16}); }},
       lost,
       "llama can't have"},
  };
  for (const Case& c : cases) {
    const Result<ModelConfig> config = ConfigOf(c.keys);
    ASSERT_FALSE(config.ok()) << c.words;
    EXPECT_EQ(config.status().code(), c.code) << config.status().message();
    EXPECT_NE(config.status().message().find(c.words), std::string::npos) << config.status().message();
  }
}

TEST(ModelConfig, NamesTheMissingKeyAndTheVocabularyOnlyFile) {
  const TemporaryFolder folder;
  GgufBuilder b;
  b.String("general.architecture", "llama");
  const Result<ModelFile> bare = ModelFile::Open(folder.Write("m.gguf", b.Build()));
  EXPECT_NE(ReadModelConfig(*bare).status().message().find("lacks the required key \"llama.block_count\""),
            std::string::npos);
}

// ------------------------------------------------------------------------------------------------ Hugging Face folders

Result<ModelConfig> HfConfigOf(std::string_view config, bool qk_norm = false, bool lm_head = true) {
  const TemporaryFolder folder;
  folder.Write("config.json", config);
  folder.Write("tokenizer.json", R"({"model":{"type":"BPE"}})");
  std::string header = R"({"model.embed_tokens.weight":{"dtype":"F32","shape":[2,64],"data_offsets":[0,512]})";
  if (lm_head) header += R"(,"lm_head.weight":{"dtype":"F32","shape":[2,64],"data_offsets":[512,1024]})";
  const size_t norm_at = lm_head ? 1024 : 512;
  if (qk_norm) {
    header += Cat(R"(,"model.layers.0.self_attn.q_norm.weight":{"dtype":"F32","shape":[16],"data_offsets":[)", norm_at,
                  ",", norm_at + 64, "]}");
  }
  folder.Write("model.safetensors", BuildSafetensors(header + "}", std::string(norm_at + (qk_norm ? 64 : 0), '\0')));
  BP_ASSIGN_OR_RETURN(const ModelFile file, ModelFile::Open(folder.path()));
  return ReadModelConfig(file);
}

constexpr std::string_view kCommon =
    R"("hidden_size":64,"num_hidden_layers":8,"num_attention_heads":4,"num_key_value_heads":2,"intermediate_size":128,)"
    R"("vocab_size":2,"rms_norm_eps":1e-5)";

TEST(ModelConfig, ReadsHfFolders) {
  const auto llama = HfConfigOf(Cat(
      R"({"model_type":"llama",)", kCommon,
      R"(,"max_position_embeddings":131072,"rope_theta":500000.0,"rope_scaling":{"factor":8.0,"low_freq_factor":1.0,)",
      R"("high_freq_factor":4.0,"original_max_position_embeddings":8192,"rope_type":"llama3"}})"));
  ASSERT_TRUE(llama.ok()) << llama.status().message();
  EXPECT_EQ(llama->rope.style, RopeConfig::kHalves);
  EXPECT_EQ(llama->rope.scaling, RopeConfig::kLlama3);
  EXPECT_EQ(llama->rope.theta, 500000.0f);
  EXPECT_EQ(llama->rope.original_context, 8192u);
  EXPECT_FALSE(llama->tied_embeddings);

  const auto newer = HfConfigOf(
      Cat(R"({"model_type":"llama",)", kCommon,
          R"(,"rope_parameters":{"rope_theta":250000.0,"rope_type":"linear","factor":2},"tie_word_embeddings":true})"));
  ASSERT_TRUE(newer.ok()) << newer.status().message();
  EXPECT_EQ(newer->rope.theta, 250000.0f);
  EXPECT_EQ(newer->rope.factor, 2.0f);
  EXPECT_TRUE(newer->tied_embeddings);

  const auto mistral =
      HfConfigOf(Cat(R"({"model_type":"mistral",)", kCommon, R"(,"sliding_window":4096,"head_dim":32})"));
  ASSERT_TRUE(mistral.ok()) << mistral.status().message();
  EXPECT_EQ(mistral->architecture, Architecture::kLlama);
  EXPECT_EQ(mistral->sliding_window, 4096u);
  EXPECT_TRUE(mistral->layer_is_sliding[0]);
  EXPECT_EQ(mistral->head_dim, 32u);
  EXPECT_EQ(HfConfigOf(Cat(R"({"model_type":"mistral",)", kCommon, R"(,"sliding_window":null})"))->sliding_window, 0u);

  const auto qwen2 = HfConfigOf(Cat(
      R"({"model_type":"qwen2",)", kCommon,
      R"(,"use_sliding_window":false,"sliding_window":131072,"rope_theta":1000000.0,"max_position_embeddings":32768,)",
      R"("rope_scaling":{"type":"yarn","factor":4.0,"original_max_position_embeddings":32768}})"));
  ASSERT_TRUE(qwen2.ok()) << qwen2.status().message();
  EXPECT_EQ(qwen2->sliding_window, 0u);
  EXPECT_EQ(qwen2->context_length, 131072u);
  EXPECT_NEAR(qwen2->rope.yarn_magnitude, 1.1386294, 1e-6);
  const auto sliding = HfConfigOf(Cat(R"({"model_type":"qwen2",)", kCommon,
                                      R"(,"use_sliding_window":true,"sliding_window":64,"max_window_layers":6})"));
  EXPECT_EQ(sliding->layer_is_sliding, (std::vector<bool>{false, false, false, false, false, false, true, true}));

  const auto qwen3 = HfConfigOf(Cat(R"({"model_type":"qwen3",)", kCommon, R"(,"head_dim":16})"), /*qk_norm=*/true);
  ASSERT_TRUE(qwen3.ok()) << qwen3.status().message();
  EXPECT_TRUE(qwen3->qk_norm);

  const auto gemma = HfConfigOf(
      Cat(R"({"model_type":"gemma3_text",)", kCommon,
          R"(,"head_dim":16,"query_pre_attn_scalar":64,"sliding_window":512,"rope_theta":1000000.0,"rope_local_base_freq":10000.0,)",
          R"("hidden_activation":"gelu_pytorch_tanh","attn_logit_softcapping":null,"sliding_window_pattern":4})"),
      /*qk_norm=*/true, /*lm_head=*/false);
  ASSERT_TRUE(gemma.ok()) << gemma.status().message();
  EXPECT_TRUE(gemma->norm_plus_one && gemma->tied_embeddings && gemma->post_norms);
  EXPECT_EQ(gemma->attention_scale, 0.125f);
  EXPECT_EQ(gemma->rope_local.theta, 10000.0f);
  EXPECT_EQ(gemma->layer_is_sliding, (std::vector<bool>{true, true, true, false, true, true, true, false}));
}

TEST(ModelConfig, ReadsAGemma3WithVision) {
  // Such files leave out what equals the class's defaults.
  const auto c = HfConfigOf(
      R"({"model_type":"gemma3","text_config":{"model_type":"gemma3_text","hidden_size":64,"num_hidden_layers":6,)"
      R"("intermediate_size":128,"sliding_window":1024,"rope_scaling":{"rope_type":"linear","factor":8.0}}})",
      /*qk_norm=*/true, /*lm_head=*/false);
  ASSERT_TRUE(c.ok()) << c.status().message();
  EXPECT_EQ(c->heads, 8u);
  EXPECT_EQ(c->kv_heads, 4u);
  EXPECT_EQ(c->head_dim, 256u);
  EXPECT_EQ(c->rope.factor, 8.0f);
  EXPECT_EQ(c->rope.theta, 1e6f);
  EXPECT_EQ(c->rope_local.scaling, RopeConfig::kNone);
}

TEST(ModelConfig, RefusesHfFoldersByName) {
  struct Case {
    std::string head, tail;
    std::string words;
  };
  for (const Case& c : std::vector<Case>{
           {"phi3", "", "architecture \"phi3\""},
           {"mixtral", "", "architecture \"mixtral\""},
           {"llama", R"(,"hidden_act":"relu")", "activation \"relu\""},
           {"llama", R"(,"mlp_bias":true)", "mlp_bias"},
           {"llama", R"(,"rope_scaling":{"type":"dynamic","factor":2.0})", "rope type \"dynamic\""},
           {"llama", R"(,"rope_scaling":{"type":"linear"})", "lacks the required key \"factor\""},
           {"llama", R"(,"quantization_config":{"quant_method":"awq"})", "quantised weights"},
           {"llama", R"(,"hidden_size":"64")", "\"hidden_size\" is a string"},
           {"llama", R"(,"num_attention_heads":5)", "don't divide"},
       }) {
    const auto config = HfConfigOf(Cat(R"({"model_type":")", c.head, R"(",)", kCommon, c.tail, "}"));
    ASSERT_FALSE(config.ok()) << c.words;
    EXPECT_NE(config.status().message().find(c.words), std::string::npos) << config.status().message();
  }
  EXPECT_NE(HfConfigOf(Cat(R"({"model_type":"llama",)", kCommon, "}"), false, /*lm_head=*/false)
                .status()
                .message()
                .find("lm_head"),
            std::string::npos);
}

}  // namespace
}  // namespace bedplate
