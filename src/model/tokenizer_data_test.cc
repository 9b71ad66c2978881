// Method: small vocabularies in both forms; what differs between the forms is compared field by field.
#include "model/tokenizer_data.h"

#include <gtest/gtest.h>

#include "model/model_file.h"
#include "model/test_files.h"

namespace bedplate {
namespace {

Result<TokenizerData> Read(const GgufBuilder& b) {
  const TemporaryFolder folder;
  BP_ASSIGN_OR_RETURN(const ModelFile file, ModelFile::Open(folder.Write("m.gguf", b.Build())));
  return ReadTokenizerData(file);
}

GgufBuilder Gpt2() {
  GgufBuilder b;
  b.String("general.architecture", "llama");
  b.String("tokenizer.ggml.model", "gpt2");
  b.String("tokenizer.ggml.pre", "smollm");
  b.Strings("tokenizer.ggml.tokens", {"<s>", "a", "b", "ab", "<e>"});
  b.Array<int32_t>("tokenizer.ggml.token_type", GgufType::kInt32, {3, 1, 1, 1, 3});
  b.Strings("tokenizer.ggml.merges", {"a b"});
  b.Uint("tokenizer.ggml.bos_token_id", 0);
  b.Uint("tokenizer.ggml.eos_token_id", 4);
  b.Scalar("tokenizer.ggml.padding_token_id", GgufType::kInt32, int32_t{-1});
  b.Bool("tokenizer.ggml.add_bos_token", false);
  b.String("tokenizer.chat_template", "{{ messages }}");
  b.Strings("tokenizer.chat_templates", {"tool_use"});
  b.String("tokenizer.chat_template.tool_use", "{{ tools }}");
  return b;
}

TEST(TokenizerData, ReadsGguf) {
  const Result<TokenizerData> data = Read(Gpt2());
  ASSERT_TRUE(data.ok()) << data.status().message();
  EXPECT_EQ(data->pre, "smollm");
  EXPECT_EQ(data->tokens[3], "ab");
  EXPECT_EQ(data->types, (std::vector<uint8_t>{3, 1, 1, 1, 3}));
  EXPECT_EQ(data->merges, (std::vector<std::string>{"a b"}));
  EXPECT_EQ(data->bos, 0u);
  EXPECT_EQ(data->eos, 4u);
  EXPECT_FALSE(data->padding.has_value());
  EXPECT_EQ(data->stops, (std::vector<uint32_t>{4}));
  EXPECT_EQ(data->add_bos, false);
  EXPECT_FALSE(data->add_eos.has_value());
  EXPECT_EQ(data->chat_template, "{{ messages }}");
  ASSERT_EQ(data->named_templates.size(), 1u);
  EXPECT_EQ(data->named_templates[0].second, "{{ tools }}");
}

TEST(TokenizerData, RefusesBrokenGgufByKey) {
  const auto base = [](std::string_view model) {
    GgufBuilder b;
    b.String("tokenizer.ggml.model", model);
    return b;
  };
  GgufBuilder none = base("gpt2");
  GgufBuilder unknown = base("bert");
  GgufBuilder no_merges = base("gpt2");
  no_merges.Strings("tokenizer.ggml.tokens", {"a"});
  GgufBuilder no_scores = base("llama");
  no_scores.Strings("tokenizer.ggml.tokens", {"a"});
  GgufBuilder few_scores = base("llama");
  few_scores.Strings("tokenizer.ggml.tokens", {"a", "b"});
  few_scores.Array<float>("tokenizer.ggml.scores", GgufType::kFloat32, {1.0f});
  GgufBuilder bad_type = base("llama");
  bad_type.Strings("tokenizer.ggml.tokens", {"a"});
  bad_type.Array<float>("tokenizer.ggml.scores", GgufType::kFloat32, {1.0f});
  bad_type.Array<int32_t>("tokenizer.ggml.token_type", GgufType::kInt32, {9});
  GgufBuilder bad_id = base("llama");
  bad_id.Strings("tokenizer.ggml.tokens", {"a"});
  bad_id.Array<float>("tokenizer.ggml.scores", GgufType::kFloat32, {1.0f});
  bad_id.Uint("tokenizer.ggml.eos_token_id", 1);
  struct Case {
    const GgufBuilder& builder;
    std::string words;
  };
  for (const Case& c : {Case{none, "tokenizer.ggml.tokens"}, Case{unknown, "\"bert\" is not run"},
                        Case{no_merges, "tokenizer.ggml.merges"}, Case{no_scores, "tokenizer.ggml.scores"},
                        Case{few_scores, "has 1 values for 2 tokens"}, Case{bad_type, "has 9 for token 0"},
                        Case{bad_id, "is 1; the vocabulary has 1 tokens"}}) {
    const Result<TokenizerData> data = Read(c.builder);
    ASSERT_FALSE(data.ok()) << c.words;
    EXPECT_NE(data.status().message().find(c.words), std::string::npos) << data.status().message();
  }
}

struct HfTexts {
  std::string tokenizer;
  std::string tokenizer_config = "{}";
  std::string generation_config = "{}";
  std::string chat_template = "";
};

Result<TokenizerData> ReadHf(const HfTexts& texts) {
  const TemporaryFolder folder;
  folder.Write("config.json", R"({"model_type":"llama","eos_token_id":4})");
  folder.Write("tokenizer.json", texts.tokenizer);
  folder.Write("tokenizer_config.json", texts.tokenizer_config);
  folder.Write("generation_config.json", texts.generation_config);
  if (!texts.chat_template.empty()) folder.Write("chat_template.jinja", texts.chat_template);
  folder.Write("model.safetensors", BuildSafetensors("{}", ""));
  BP_ASSIGN_OR_RETURN(const ModelFile file, ModelFile::Open(folder.path()));
  return ReadTokenizerData(file);
}

std::string ByteLevelJson(std::string_view pre, std::string_view merges = R"(["a b"])") {
  return Cat(
      R"json({"added_tokens":[{"id":0,"content":"<s>","special":true},{"id":4,"content":"<e>","special":true},)json",
      R"json({"id":5,"content":"<tool>","special":false}],"normalizer":null,"pre_tokenizer":)json", pre,
      R"json(,"model":{"type":"BPE","ignore_merges":true,"vocab":{"<s>":0,"a":1,"b":2,"ab":3,"<e>":4},"merges":)json",
      merges, "}}");
}

TEST(TokenizerData, ReadsByteLevelJsonAsTheSameData) {
  const Result<TokenizerData> gguf = Read(Gpt2());
  for (const std::string_view merges : {R"(["a b"])", R"([["a","b"]])"}) {
    const Result<TokenizerData> data = ReadHf(
        {.tokenizer =
             ByteLevelJson(R"({"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},)"
                           R"({"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}]})",
                           merges),
         .tokenizer_config =
             R"({"bos_token":"<s>","eos_token":{"content":"<e>"},"chat_template":[{"name":"default","template":"D"},)"
             R"({"name":"tool_use","template":"T"}]})",
         .generation_config = R"({"eos_token_id":[4,3]})"});
    ASSERT_TRUE(data.ok()) << data.status().message();
    EXPECT_EQ(data->model, gguf->model);
    EXPECT_EQ(data->pre, gguf->pre);
    EXPECT_EQ(data->merges, gguf->merges);
    EXPECT_EQ(data->tokens, (std::vector<std::string>{"<s>", "a", "b", "ab", "<e>", "<tool>"}));
    EXPECT_EQ(data->types, (std::vector<uint8_t>{3, 1, 1, 1, 3, 4}));
    EXPECT_EQ(data->bos, 0u);
    EXPECT_EQ(data->eos, 4u);
    EXPECT_EQ(data->stops, (std::vector<uint32_t>{3, 4}));
    EXPECT_EQ(data->add_bos, false);
    EXPECT_EQ(data->ignore_merges, true);
    EXPECT_EQ(data->chat_template, "D");
    ASSERT_EQ(data->named_templates.size(), 1u);
  }
}

TEST(TokenizerData, KnowsPreTokenizersByTheirExactPattern) {
  struct Case {
    std::string pre_tokenizer, name;
  };
  const std::string qwen2 =
      R"json({"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"},"behavior":"Isolated","invert":false},{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":false,"use_regex":false}]})json";
  for (const Case& c :
       {Case{R"({"type":"ByteLevel","add_prefix_space":false,"use_regex":true})", "gpt-2"}, Case{qwen2, "qwen2"}}) {
    const Result<TokenizerData> data = ReadHf({.tokenizer = ByteLevelJson(c.pre_tokenizer)});
    ASSERT_TRUE(data.ok()) << data.status().message();
    EXPECT_EQ(data->pre, c.name);
  }
  std::string altered = qwen2;
  altered.replace(altered.find("'ll"), 3, "'LL");
  for (const std::string& pre : {altered, std::string(R"({"type":"ByteLevel","add_prefix_space":true})"),
                                 std::string(R"({"type":"Whitespace"})"), std::string("null")}) {
    const Result<TokenizerData> data = ReadHf({.tokenizer = ByteLevelJson(pre)});
    ASSERT_FALSE(data.ok()) << pre;
    EXPECT_EQ(data.status().code(), StatusCode::kUnimplemented);
    EXPECT_NE(data.status().message().find("does not know the pre_tokenizer"), std::string::npos)
        << data.status().message();
  }
}

TEST(TokenizerData, ReadsSentencePieceJson) {
  const std::string json =
      R"json({"added_tokens":[{"id":0,"content":"<unk>","special":true},{"id":1,"content":"<s>","special":true}],
      "normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]},
      "pre_tokenizer":null,
      "post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}]},
      "model":{"type":"BPE","unk_token":"<unk>","byte_fallback":true,
      "vocab":{"<unk>":0,"<s>":1,"<0x0A>":2,"▁":3,"a":4,"b":5,"▁a":6,"ab":7,"▁ab":8},"merges":["▁ a","a b","▁a b","▁ ab"]}})json";
  const Result<TokenizerData> data = ReadHf({.tokenizer = json, .tokenizer_config = R"({"bos_token":"<s>"})"});
  ASSERT_TRUE(data.ok()) << data.status().message();
  EXPECT_EQ(data->model, "llama");
  EXPECT_EQ(data->pre, "");
  EXPECT_EQ(data->unknown, 0u);
  EXPECT_EQ(data->types, (std::vector<uint8_t>{2, 3, 6, 1, 1, 1, 1, 1, 1}));
  EXPECT_EQ(data->add_bos, true);
  EXPECT_EQ(data->add_space_prefix, true);
  EXPECT_TRUE(data->merges.empty());
  // Earlier merges have better scores; tokens that no merge makes come last.
  EXPECT_EQ(data->scores[6], 0.0f);
  EXPECT_EQ(data->scores[7], -1.0f);
  EXPECT_EQ(data->scores[8], -2.0f);
  EXPECT_EQ(data->scores[4], -5.0f);
}

TEST(TokenizerData, RefusesBrokenJson) {
  struct Case {
    std::string tokenizer, words;
  };
  const std::string pre = R"({"type":"ByteLevel","add_prefix_space":false})";
  for (const Case& c :
       {Case{R"({"model":{"type":"Unigram"}})", "\"Unigram\" is not run"},
        Case{R"({"model":3})", "\"model\" is not an object"},
        Case{ByteLevelJson(pre, R"(["ab"])"), "merge 0 is not two strings"},
        Case{ByteLevelJson(pre, "7"), "\"model.merges\""},
        Case{Cat(R"({"pre_tokenizer":)", pre, R"(,"model":{"type":"BPE","vocab":{"a":-1},"merges":[]}})"), "has id -1"},
        Case{Cat(R"({"pre_tokenizer":)", pre, R"(,"model":{"type":"BPE","vocab":{"a":99999999999},"merges":[]}})"),
             "allowed: 0 to"}}) {
    const Result<TokenizerData> data = ReadHf({.tokenizer = c.tokenizer});
    ASSERT_FALSE(data.ok()) << c.words;
    EXPECT_NE(data.status().message().find(c.words), std::string::npos) << data.status().message();
  }
}

}  // namespace
}  // namespace bedplate
