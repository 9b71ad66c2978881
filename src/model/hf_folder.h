#pragma once
/// A Hugging Face folder: which files it has, and what its tensors are called here.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/status.h"

namespace bedplate {

/// The JSON files of a Hugging Face folder; null or empty where the folder has none.
struct HfFiles {
  Json config;                // config.json; of a model with more than text, its text_config with what both share
  Json tokenizer;             // tokenizer.json
  Json tokenizer_config;      // tokenizer_config.json
  Json generation_config;     // generation_config.json
  std::string chat_template;  // chat_template.jinja
  std::string license;        // from the front matter of README.md
};

/// Errors: kNotFound when config.json or tokenizer.json is missing, with what a folder must hold.
Result<HfFiles> ReadHfFiles(const std::filesystem::path& folder);

/// The safetensors files to load: those that model.safetensors.index.json names, or model.safetensors alone. Names with
/// a path in them are refused.
Result<std::vector<std::filesystem::path>> HfWeightFiles(const std::filesystem::path& folder);

enum class HfTensorUse : uint8_t {
  kWeight,   // a weight of the text model, under its GGUF name
  kIgnored,  // known and not needed: stored rotary tables, the vision half of a Gemma 3
  kUnknown,
};
struct HfTensorName {
  HfTensorUse use = HfTensorUse::kUnknown;
  std::string name;  // of a kWeight
};

/// "model.layers.3.self_attn.q_proj.weight" -> "blk.3.attn_q.weight". model_type: config.json's, since Gemma 3 gives
/// post_attention_layernorm another meaning than the rest.
HfTensorName GgufNameOfHfTensor(std::string_view model_type, std::string_view name);

}  // namespace bedplate
