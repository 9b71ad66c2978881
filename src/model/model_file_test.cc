// Method: small files and folders written to a temporary folder and opened through ModelFile::Open.
#include "model/model_file.h"

#include <gtest/gtest.h>

#include "model/test_files.h"

namespace bedplate {
namespace {

GgufBuilder Part(uint16_t part, uint16_t parts, int32_t tensors) {
  GgufBuilder b;
  if (part == 0) b.String("general.architecture", "llama");
  b.Scalar("split.no", GgufType::kUint16, part);
  b.Scalar("split.count", GgufType::kUint16, parts);
  b.Scalar("split.tensors.count", GgufType::kInt32, tensors);
  return b;
}

TEST(ModelFile, OpensASplitSetByItsFirstPart) {
  const TemporaryFolder folder;
  GgufBuilder first = Part(0, 3, 3);
  first.Tensor("a", WeightType::kF32, {2});
  GgufBuilder second = Part(1, 3, 3);
  second.Tensor("b", WeightType::kF32, {4});
  GgufBuilder third = Part(2, 3, 3);
  third.Tensor("c", WeightType::kF16, {8});
  const auto path = folder.Write("m-00001-of-00003.gguf", first.Build());
  folder.Write("m-00002-of-00003.gguf", second.Build());

  EXPECT_EQ(ModelFile::Open(path).status().code(), StatusCode::kNotFound);
  folder.Write("m-00003-of-00003.gguf", third.Build());
  Result<ModelFile> opened = ModelFile::Open(path);
  ASSERT_TRUE(opened.ok()) << opened.status().message();
  const ModelFile file = std::move(*opened);
  EXPECT_EQ(file.tensors().size(), 3u);
  EXPECT_EQ(file.parameters(), 14u);
  EXPECT_EQ(file.tensor_bytes(), 8u + 16u + 16u);
  ASSERT_NE(file.FindTensor("c"), nullptr);
  EXPECT_EQ(file.FindTensor("d"), nullptr);
  EXPECT_EQ(std::to_integer<int>(file.FindTensor("c")->bytes[3]), 3);
  file.ReleasePages(*file.FindTensor("c"), 0, file.FindTensor("c")->bytes.size());
  EXPECT_EQ(std::to_integer<int>(file.FindTensor("c")->bytes[3]), 3);

  const Status other = ModelFile::Open(folder.path() / "m-00002-of-00003.gguf").status();
  EXPECT_NE(other.message().find("name the first one: "), std::string::npos) << other.message();
  const Status renamed = ModelFile::Open(folder.Write("renamed.gguf", first.Build())).status();
  EXPECT_NE(renamed.message().find("-00001-of-00003.gguf"), std::string::npos) << renamed.message();
  folder.Write("m-00003-of-00003.gguf", second.Build());
  EXPECT_EQ(ModelFile::Open(path).status().code(), StatusCode::kDataLoss);
}

TEST(ModelFile, APartWithATensorTwiceOrMissingIsRefused) {
  const TemporaryFolder folder;
  GgufBuilder first = Part(0, 2, 2);
  first.Tensor("a", WeightType::kF32, {2});
  GgufBuilder second = Part(1, 2, 2);
  second.Tensor("a", WeightType::kF32, {2});
  const auto path = folder.Write("m-00001-of-00002.gguf", first.Build());
  folder.Write("m-00002-of-00002.gguf", second.Build());
  EXPECT_NE(ModelFile::Open(path).status().message().find("in two of its files"), std::string::npos);
  folder.Write("m-00002-of-00002.gguf", Part(1, 2, 2).Build());
  EXPECT_NE(ModelFile::Open(path).status().message().find("split.tensors.count is 2"), std::string::npos);
}

TEST(ModelFile, SaysWhatIsMissing) {
  const TemporaryFolder folder;
  EXPECT_EQ(ModelFile::Open(folder.path() / "none.gguf").status().code(), StatusCode::kNotFound);
  EXPECT_NE(ModelFile::Open(folder.path()).status().message().find("has no config.json"), std::string::npos);
  const Status broken = ModelFile::Open(folder.Write("x.gguf", "GGUF")).status();
  EXPECT_NE(broken.message().find("x.gguf: broken GGUF file at byte 4"), std::string::npos) << broken.message();
}

TEST(ModelFile, OpensAShardedFolderUnderGgufNames) {
  const TemporaryFolder folder;
  folder.Write("config.json", R"({"model_type":"llama"})");
  folder.Write("tokenizer.json", R"({"model":{"type":"BPE"}})");
  folder.Write("README.md", "---\nlanguage: en\nlicense: apache-2.0\n---\n# Model\n");
  EXPECT_NE(ModelFile::Open(folder.path()).status().message().find("has neither model.safetensors"), std::string::npos);
  folder.Write(
      "model.safetensors.index.json",
      R"({"weight_map":{"model.embed_tokens.weight":"a.safetensors","model.layers.0.self_attn.q_proj.weight":"b.safetensors"}})");
  folder.Write("a.safetensors",
               BuildSafetensors(R"({"model.embed_tokens.weight":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}})",
                                "12345678"));
  folder.Write(
      "b.safetensors",
      BuildSafetensors(
          R"({"model.layers.0.self_attn.q_proj.weight":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]},)"
          R"("model.layers.0.self_attn.rotary_emb.inv_freq":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
          "abcdefgh"));
  const Result<ModelFile> file = ModelFile::Open(folder.path());
  ASSERT_TRUE(file.ok()) << file.status().message();
  EXPECT_FALSE(file->is_gguf());
  EXPECT_EQ(file->hf().license, "apache-2.0");
  EXPECT_EQ(file->tensors().size(), 2u);
  EXPECT_NE(file->FindTensor("token_embd.weight"), nullptr);
  EXPECT_NE(file->FindTensor("blk.0.attn_q.weight"), nullptr);

  folder.Write("model.safetensors.index.json", R"({"weight_map":{"x":"../a.safetensors"}})");
  EXPECT_NE(ModelFile::Open(folder.path()).status().message().find("beside it is needed"), std::string::npos);
}

TEST(HfFolder, NamesTensorsAsGgufDoes) {
  struct Case {
    std::string_view type, name, wanted;
  };
  for (const Case& c : {
           Case{"llama", "lm_head.weight", "output.weight"},
           Case{"llama", "model.norm.weight", "output_norm.weight"},
           Case{"qwen3", "model.layers.11.self_attn.k_norm.weight", "blk.11.attn_k_norm.weight"},
           Case{"qwen2", "model.layers.0.self_attn.v_proj.bias", "blk.0.attn_v.bias"},
           Case{"llama", "model.layers.3.post_attention_layernorm.weight", "blk.3.ffn_norm.weight"},
           Case{"gemma3_text", "model.layers.3.post_attention_layernorm.weight", "blk.3.post_attention_norm.weight"},
           Case{"gemma3_text", "model.layers.3.pre_feedforward_layernorm.weight", "blk.3.ffn_norm.weight"},
           Case{"gemma3_text", "model.layers.3.post_feedforward_layernorm.weight", "blk.3.post_ffw_norm.weight"},
           Case{"gemma3", "language_model.model.layers.3.mlp.up_proj.weight", "blk.3.ffn_up.weight"},
           Case{"gemma3", "model.language_model.embed_tokens.weight", "token_embd.weight"},
       }) {
    const HfTensorName got = GgufNameOfHfTensor(c.type, c.name);
    EXPECT_EQ(got.use, HfTensorUse::kWeight) << c.name;
    EXPECT_EQ(got.name, c.wanted) << c.name;
  }
  EXPECT_EQ(GgufNameOfHfTensor("gemma3", "vision_tower.x").use, HfTensorUse::kIgnored);
  for (const std::string_view name : {"model.layers.x.mlp.up_proj.weight", "model.layers..mlp.up_proj.weight",
                                      "model.layers.1", "other", "model.layers.0.pre_feedforward_layernorm.weight"}) {
    EXPECT_EQ(GgufNameOfHfTensor("llama", name).use, HfTensorUse::kUnknown) << name;
  }
}

}  // namespace
}  // namespace bedplate
