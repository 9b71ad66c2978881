#include "model/hf_folder.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/cat.h"
#include "base/file.h"
#include "model/quoted.h"

namespace bedplate {
namespace {

constexpr size_t kJsonBytesMax = size_t{256} << 20;  // the largest tokenizer.json known is 33 MB

Result<Json> ReadJsonFile(const std::filesystem::path& path) {
  BP_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kJsonBytesMax));
  Result<Json> json = ParseJson(text);
  if (!json.ok()) return Status::DataLoss(Cat(path.string(), ": ", json.status().message()));
  if (!json->is_object()) return Status::DataLoss(Cat(path.string(), " is not a JSON object"));
  return json;
}

Result<Json> ReadJsonFileIfThere(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return Json();
  return ReadJsonFile(path);
}

/// "license: apache-2.0" between the two "---" lines that a model card begins with.
std::string LicenseOf(const std::filesystem::path& readme) {
  const Result<std::string> text = ReadFile(readme, size_t{4} << 20);
  if (!text.ok() || !text->starts_with("---\n")) return "";
  const std::string_view front = std::string_view(*text).substr(4, text->find("\n---", 3) - 3);
  size_t at = 0;
  while (at < front.size()) {
    const size_t end = std::min(front.find('\n', at), front.size());
    std::string_view line = front.substr(at, end - at);
    at = end + 1;
    if (!line.starts_with("license:")) continue;
    line.remove_prefix(8);
    while (!line.empty() && (line.front() == ' ' || line.front() == '"')) line.remove_prefix(1);
    while (!line.empty() && (line.back() == ' ' || line.back() == '"' || line.back() == '\r')) line.remove_suffix(1);
    return std::string(line);
  }
  return "";
}

/// Gemma 3 with vision keeps the text model's numbers in text_config; what stands outside it counts for both.
Json TextConfig(Json config) {
  const Json* text = config.Find("text_config");
  const Json* type = config.Find("model_type");
  if (text == nullptr || !text->is_object() || type == nullptr || !type->is_string() || type->as_string() != "gemma3") {
    return config;
  }
  Json::Object merged = config.as_object();
  for (const auto& member : text->as_object()) merged.push_back(member);  // the last of a name counts
  return merged;
}

struct Renaming {
  std::string_view from;
  std::string_view to;
};
constexpr std::array kTopLevel = {
    Renaming{"model.embed_tokens.weight", "token_embd.weight"},
    Renaming{"model.norm.weight", "output_norm.weight"},
    Renaming{"lm_head.weight", "output.weight"},
};
constexpr std::array kLayer = {
    Renaming{"input_layernorm.weight", "attn_norm.weight"},
    Renaming{"self_attn.q_proj.weight", "attn_q.weight"},
    Renaming{"self_attn.k_proj.weight", "attn_k.weight"},
    Renaming{"self_attn.v_proj.weight", "attn_v.weight"},
    Renaming{"self_attn.o_proj.weight", "attn_output.weight"},
    Renaming{"self_attn.q_proj.bias", "attn_q.bias"},
    Renaming{"self_attn.k_proj.bias", "attn_k.bias"},
    Renaming{"self_attn.v_proj.bias", "attn_v.bias"},
    Renaming{"self_attn.o_proj.bias", "attn_output.bias"},
    Renaming{"self_attn.q_norm.weight", "attn_q_norm.weight"},
    Renaming{"self_attn.k_norm.weight", "attn_k_norm.weight"},
    Renaming{"mlp.gate_proj.weight", "ffn_gate.weight"},
    Renaming{"mlp.up_proj.weight", "ffn_up.weight"},
    Renaming{"mlp.down_proj.weight", "ffn_down.weight"},
};
constexpr std::array kLayerNorms = {
    Renaming{"post_attention_layernorm.weight", "ffn_norm.weight"},
};
constexpr std::array kLayerNormsGemma3 = {
    Renaming{"post_attention_layernorm.weight", "post_attention_norm.weight"},
    Renaming{"pre_feedforward_layernorm.weight", "ffn_norm.weight"},
    Renaming{"post_feedforward_layernorm.weight", "post_ffw_norm.weight"},
};

std::string_view Lookup(std::span<const Renaming> table, std::string_view name) {
  for (const Renaming& r : table) {
    if (r.from == name) return r.to;
  }
  return {};
}

}  // namespace

Result<HfFiles> ReadHfFiles(const std::filesystem::path& folder) {
  std::error_code ignored;
  for (const char* needed : {"config.json", "tokenizer.json"}) {
    if (!std::filesystem::exists(folder / needed, ignored)) {
      return Status::NotFound(Cat(folder.string(), " has no ", needed,
                                  "; a model folder holds config.json, tokenizer.json and model.safetensors (or "
                                  "model.safetensors.index.json and its parts)"));
    }
  }
  HfFiles out;
  BP_ASSIGN_OR_RETURN(Json config, ReadJsonFile(folder / "config.json"));
  out.config = TextConfig(std::move(config));
  BP_ASSIGN_OR_RETURN(out.tokenizer, ReadJsonFile(folder / "tokenizer.json"));
  BP_ASSIGN_OR_RETURN(out.tokenizer_config, ReadJsonFileIfThere(folder / "tokenizer_config.json"));
  BP_ASSIGN_OR_RETURN(out.generation_config, ReadJsonFileIfThere(folder / "generation_config.json"));
  if (std::filesystem::exists(folder / "chat_template.jinja", ignored)) {
    BP_ASSIGN_OR_RETURN(out.chat_template, ReadFile(folder / "chat_template.jinja", size_t{4} << 20));
  }
  out.license = LicenseOf(folder / "README.md");
  return out;
}

Result<std::vector<std::filesystem::path>> HfWeightFiles(const std::filesystem::path& folder) {
  const std::filesystem::path index_path = folder / "model.safetensors.index.json";
  std::error_code ignored;
  if (!std::filesystem::exists(index_path, ignored)) {
    const std::filesystem::path single = folder / "model.safetensors";
    if (std::filesystem::exists(single, ignored)) return std::vector{single};
    return Status::NotFound(Cat(folder.string(), " has neither model.safetensors nor model.safetensors.index.json"));
  }
  BP_ASSIGN_OR_RETURN(const Json index, ReadJsonFile(index_path));
  const Json* map = index.Find("weight_map");
  if (map == nullptr || !map->is_object() || map->as_object().empty()) {
    return Status::DataLoss(Cat(index_path.string(), " has no weight_map"));
  }
  std::set<std::string> names;
  for (const auto& [tensor, file] : map->as_object()) {
    if (!file.is_string() || file.as_string().find('/') != std::string::npos ||
        !file.as_string().ends_with(".safetensors")) {
      return Status::DataLoss(Cat(index_path.string(), " puts tensor ", Quoted(tensor), " into ", WriteJson(file),
                                  "; a .safetensors file beside it is needed"));
    }
    names.insert(file.as_string());
  }
  std::vector<std::filesystem::path> out;
  for (const std::string& name : names) out.push_back(folder / name);
  return out;
}

HfTensorName GgufNameOfHfTensor(std::string_view model_type, std::string_view name) {
  const bool gemma3 = model_type.starts_with("gemma3");
  std::string text_name;
  if (gemma3) {
    if (name.find("vision_tower.") != std::string_view::npos ||
        name.find("multi_modal_projector.") != std::string_view::npos) {
      return {HfTensorUse::kIgnored, ""};
    }
    // "language_model.model.norm.weight" and, in newer files, "model.language_model.norm.weight".
    if (name.starts_with("language_model.")) {
      name.remove_prefix(15);
    } else if (name.starts_with("model.language_model.")) {
      text_name = Cat("model.", name.substr(21));
      name = text_name;
    }
  }
  if (const std::string_view to = Lookup(kTopLevel, name); !to.empty()) return {HfTensorUse::kWeight, std::string(to)};
  constexpr std::string_view kPrefix = "model.layers.";
  if (!name.starts_with(kPrefix)) return {};
  name.remove_prefix(kPrefix.size());
  const size_t dot = name.find('.');
  if (dot == std::string_view::npos || dot == 0 || dot > 5 ||
      !std::all_of(name.begin(), name.begin() + static_cast<ptrdiff_t>(dot),
                   [](char c) { return c >= '0' && c <= '9'; })) {
    return {};
  }
  const std::string_view layer = name.substr(0, dot);
  const std::string_view rest = name.substr(dot + 1);
  if (rest == "self_attn.rotary_emb.inv_freq") return {HfTensorUse::kIgnored, ""};
  std::string_view to = Lookup(kLayer, rest);
  if (to.empty()) to = gemma3 ? Lookup(kLayerNormsGemma3, rest) : Lookup(kLayerNorms, rest);
  if (to.empty()) return {};
  return {HfTensorUse::kWeight, Cat("blk.", layer, ".", to)};
}

}  // namespace bedplate
