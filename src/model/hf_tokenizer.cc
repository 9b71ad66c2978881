// The plan: the BPE model gives tokens and merges; the pre-tokenizer decides between byte-level BPE (named by its exact
// pattern) and SentencePiece written as BPE ("▁" for spaces, byte fallback); added tokens and the config files give
// the special ids and the template.
#include "model/hf_tokenizer.h"

#include <algorithm>
#include <array>
#include <span>
#include <unordered_map>

#include "base/cat.h"
#include "model/quoted.h"

namespace bedplate {
namespace {

constexpr uint64_t kTokensMax = 1 << 22;

// Facts about published tokenizer.json files: the pattern of their Split step, and the name GGUF files give to it.
struct KnownPattern {
  std::string_view pattern;
  std::string_view pre;
};
constexpr std::array kPatterns = {
    KnownPattern{
        R"re((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)re",
        "llama-bpe"},
    KnownPattern{
        R"re((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)re",
        "qwen2"},
    KnownPattern{
        R"re((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)re",
        "qwen35"},
    KnownPattern{
        R"re([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)re",
        "gpt-4o"},
    KnownPattern{
        R"re([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)re",
        "tekken"},
};

constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // U+2581

std::string_view TypeOf(const Json& step) {
  const Json* type = step.Find("type");
  return type != nullptr && type->is_string() ? std::string_view(type->as_string()) : std::string_view();
}

bool Is(const Json& object, std::string_view key, const Json& wanted) {
  const Json* value = object.Find(key);
  return value != nullptr && *value == wanted;
}

/// The steps of a normalizer, pre-tokenizer or post-processor: itself, or the members of a Sequence; none for null.
std::vector<const Json*> StepsOf(const Json* stage, std::string_view members) {
  std::vector<const Json*> out;
  if (stage == nullptr || stage->is_null()) return out;
  const Json* list = TypeOf(*stage) == "Sequence" ? stage->Find(members) : nullptr;
  if (list == nullptr || !list->is_array()) return {stage};
  for (const Json& step : list->as_array()) out.push_back(&step);
  return out;
}

Status UnknownPreTokenizer(const Json* stage) {
  std::string text = stage == nullptr ? "null" : WriteJson(*stage);
  if (text.size() > 400) text = text.substr(0, 400) + "...";
  return Status::Unimplemented(
      Cat("tokenizer.json: this build does not know the pre_tokenizer ", text,
          "; guessing one would change the tokens. A GGUF file of this model names its pre-tokenizer"));
}

/// GGUF's name of a byte-level pre-tokenizer.
Result<std::string> NameOfByteLevel(const Json* stage, std::span<const Json* const> steps) {
  const Json& last = *steps.back();
  if (Is(last, "add_prefix_space", Json(true))) return UnknownPreTokenizer(stage);
  const bool own_pattern = !Is(last, "use_regex", Json(false));
  if (steps.size() == 1 && own_pattern) return std::string("gpt-2");
  if (steps.size() != 2) return UnknownPreTokenizer(stage);
  const Json& first = *steps.front();
  if (TypeOf(first) == "Digits" && Is(first, "individual_digits", Json(true)) && own_pattern)
    return std::string("smollm");
  const Json* pattern = first.Find("pattern");
  const Json* regex = pattern == nullptr ? nullptr : pattern->Find("Regex");
  if (TypeOf(first) == "Split" && Is(first, "behavior", Json("Isolated")) && !Is(first, "invert", Json(true)) &&
      !own_pattern && regex != nullptr && regex->is_string()) {
    for (const KnownPattern& known : kPatterns) {
      if (regex->as_string() == known.pattern) return std::string(known.pre);
    }
  }
  return UnknownPreTokenizer(stage);
}

/// SentencePiece as BPE. Spaces become "▁" in the normalizer (Llama 2, Gemma) or in a Metaspace pre-tokenizer.
Status ReadSpaceRules(const Json& tokenizer, TokenizerData* out) {
  bool replaces = false;
  bool prefixes = false;
  for (const Json* step : StepsOf(tokenizer.Find("normalizer"), "normalizers")) {
    if (TypeOf(*step) == "Replace" && Is(*step, "content", Json(std::string(kSpaceMark)))) {
      replaces = true;
    } else if (TypeOf(*step) == "Prepend" && Is(*step, "prepend", Json(std::string(kSpaceMark)))) {
      prefixes = true;
    } else {
      return Status::Unimplemented(Cat("tokenizer.json: this build does not know the normalizer ", WriteJson(*step)));
    }
  }
  const Json* stage = tokenizer.Find("pre_tokenizer");
  for (const Json* step : StepsOf(stage, "pretokenizers")) {
    if (TypeOf(*step) == "Metaspace" && Is(*step, "replacement", Json(std::string(kSpaceMark)))) {
      replaces = true;
      prefixes = Is(*step, "prepend_scheme", Json("first")) || Is(*step, "prepend_scheme", Json("always")) ||
                 (step->Find("prepend_scheme") == nullptr && Is(*step, "add_prefix_space", Json(true)));
    } else if (TypeOf(*step) == "Split" && replaces && Is(*step, "behavior", Json("MergedWithPrevious"))) {
      // Gemma cuts at spaces, of which the normalizer has left none.
    } else {
      return UnknownPreTokenizer(stage);
    }
  }
  if (!replaces) return UnknownPreTokenizer(stage);
  out->add_space_prefix = prefixes;
  out->remove_extra_whitespaces = false;
  return Status::Ok();
}

/// Both sides of a merge, in either of the forms that files have: "left right" or ["left", "right"].
std::optional<std::pair<std::string, std::string>> ReadMerge(const Json& merge) {
  if (merge.is_string()) {
    const size_t space = merge.as_string().find(' ');
    if (space == std::string::npos || space == 0 || space + 1 == merge.as_string().size()) return std::nullopt;
    return std::pair(merge.as_string().substr(0, space), merge.as_string().substr(space + 1));
  }
  if (!merge.is_array() || merge.as_array().size() != 2 || !merge.as_array()[0].is_string() ||
      !merge.as_array()[1].is_string()) {
    return std::nullopt;
  }
  return std::pair(merge.as_array()[0].as_string(), merge.as_array()[1].as_string());
}

struct Vocabulary {
  std::unordered_map<std::string, uint32_t> ids;
};

/// Sets token id to text, growing the list; ids nobody names stay kUnused with a text no input can spell.
Status Place(const std::string& text, const Json& id, uint8_t type, TokenizerData* out, Vocabulary* vocabulary) {
  if (!id.is_int() || id.as_int() < 0 || static_cast<uint64_t>(id.as_int()) >= kTokensMax) {
    return Status::DataLoss(
        Cat("tokenizer.json: token ", Quoted(text), " has id ", WriteJson(id), "; allowed: 0 to ", kTokensMax - 1));
  }
  const auto index = static_cast<size_t>(id.as_int());
  while (out->tokens.size() <= index) {
    out->tokens.push_back(Cat("[PAD", out->tokens.size(), "]"));
    out->types.push_back(TokenizerData::kUnused);
  }
  out->tokens[index] = text;
  out->types[index] = type;
  vocabulary->ids[text] = static_cast<uint32_t>(index);
  return Status::Ok();
}

bool IsByteToken(const std::string& text) {
  return text.size() == 6 && text.starts_with("<0x") && text.ends_with(">");
}

Status ReadVocabulary(const Json& tokenizer, const Json& model, TokenizerData* out, Vocabulary* vocabulary) {
  const Json* vocab = model.Find("vocab");
  if (vocab == nullptr || !vocab->is_object())
    return Status::DataLoss("tokenizer.json: \"model.vocab\" is not an object");
  for (const auto& [text, id] : vocab->as_object()) {
    const bool byte = out->model == "llama" && IsByteToken(text);
    BP_RETURN_IF_ERROR(Place(text, id, byte ? TokenizerData::kByte : TokenizerData::kNormal, out, vocabulary));
  }
  if (const Json* unknown = model.Find("unk_token"); unknown != nullptr && unknown->is_string()) {
    const auto it = vocabulary->ids.find(unknown->as_string());
    if (it != vocabulary->ids.end()) out->unknown = it->second;
  }
  const Json* added = tokenizer.Find("added_tokens");
  if (added == nullptr || !added->is_array()) return Status::Ok();
  for (const Json& token : added->as_array()) {
    const Json* content = token.Find("content");
    const Json* id = token.Find("id");
    if (content == nullptr || !content->is_string() || id == nullptr) {
      return Status::DataLoss("tokenizer.json: an entry of \"added_tokens\" lacks content or id");
    }
    const bool special = Is(token, "special", Json(true));
    BP_RETURN_IF_ERROR(Place(content->as_string(), *id, special ? TokenizerData::kControl : TokenizerData::kUserDefined,
                             out, vocabulary));
  }
  if (out->unknown.has_value()) out->types[*out->unknown] = TokenizerData::kUnknown;
  return Status::Ok();
}

Status ReadMerges(const Json& model, const Vocabulary& vocabulary, TokenizerData* out) {
  const Json* merges = model.Find("merges");
  if (merges == nullptr || !merges->is_array())
    return Status::DataLoss("tokenizer.json: \"model.merges\" is not an array");
  if (out->model == "llama") {
    // SentencePiece merges by the score of the result. The list is sorted by that score, so a token's first place in it
    // ranks it; tokens that no merge makes rank below all others.
    out->scores.assign(out->tokens.size(), -static_cast<float>(merges->as_array().size() + 1));
  }
  for (size_t rank = 0; rank < merges->as_array().size(); ++rank) {
    auto sides = ReadMerge(merges->as_array()[rank]);
    if (!sides.has_value()) return Status::DataLoss(Cat("tokenizer.json: merge ", rank, " is not two strings"));
    if (out->model == "gpt2") {
      if (sides->first.find(' ') != std::string::npos || sides->second.find(' ') != std::string::npos) {
        return Status::DataLoss(Cat("tokenizer.json: merge ", rank, " of a byte-level model has a space in it"));
      }
      out->merges.push_back(Cat(sides->first, " ", sides->second));
      continue;
    }
    const auto it = vocabulary.ids.find(sides->first + sides->second);
    if (it == vocabulary.ids.end()) {
      return Status::DataLoss(
          Cat("tokenizer.json: merge ", rank, " makes ", Quoted(sides->first + sides->second), ", which is no token"));
    }
    float& score = out->scores[it->second];
    score = std::max(score, -static_cast<float>(rank));
  }
  return Status::Ok();
}

/// tokenizer_config.json names special tokens by text, bare or as {"content": ...}.
std::optional<uint32_t> SpecialId(const HfFiles& files, std::string_view key, const Vocabulary& vocabulary) {
  const Json* token = files.tokenizer_config.Find(key);
  const Json* content = token != nullptr && token->is_object() ? token->Find("content") : token;
  if (content == nullptr || !content->is_string()) return std::nullopt;
  const auto it = vocabulary.ids.find(content->as_string());
  return it == vocabulary.ids.end() ? std::nullopt : std::optional(it->second);
}

/// The ids of "eos_token_id": one, or a list.
void AppendIds(const Json& config, std::string_view key, size_t tokens, std::vector<uint32_t>* out) {
  const Json* value = config.Find(key);
  if (value == nullptr) return;
  const auto append = [&](const Json& id) {
    if (id.is_int() && id.as_int() >= 0 && static_cast<uint64_t>(id.as_int()) < tokens) {
      out->push_back(static_cast<uint32_t>(id.as_int()));
    }
  };
  if (!value->is_array()) return append(*value);
  for (const Json& id : value->as_array()) append(id);
}

/// Whether the template that wraps one text puts this token before it (or, for the end, after it).
bool Wraps(const Json& tokenizer, std::optional<uint32_t> id, const TokenizerData& data, bool at_front) {
  if (!id.has_value()) return false;
  for (const Json* step : StepsOf(tokenizer.Find("post_processor"), "processors")) {
    const Json* single = step->Find("single");
    if (TypeOf(*step) != "TemplateProcessing" || single == nullptr || !single->is_array() || single->as_array().empty())
      continue;
    const Json& edge = at_front ? single->as_array().front() : single->as_array().back();
    const Json* special = edge.Find("SpecialToken");
    if (special != nullptr && Is(*special, "id", Json(data.tokens[*id]))) return true;
  }
  return false;
}

void ReadSpecialIds(const HfFiles& files, const Vocabulary& vocabulary, TokenizerData* out) {
  const auto first_of = [&](std::string_view text_key, std::string_view id_key) {
    std::optional<uint32_t> id = SpecialId(files, text_key, vocabulary);
    if (id.has_value()) return id;
    std::vector<uint32_t> ids;
    AppendIds(files.config, id_key, out->tokens.size(), &ids);
    return ids.empty() ? std::nullopt : std::optional(ids.front());
  };
  out->bos = first_of("bos_token", "bos_token_id");
  out->eos = first_of("eos_token", "eos_token_id");
  out->padding = first_of("pad_token", "pad_token_id");
  if (!out->unknown.has_value()) out->unknown = SpecialId(files, "unk_token", vocabulary);
  if (out->eos.has_value()) out->stops.push_back(*out->eos);
  AppendIds(files.generation_config, "eos_token_id", out->tokens.size(), &out->stops);
  AppendIds(files.config, "eos_token_id", out->tokens.size(), &out->stops);

  const auto flag = [&](std::string_view key, std::optional<uint32_t> id, bool at_front) {
    const Json* stated = files.tokenizer_config.Find(key);
    return stated != nullptr && stated->is_bool() ? stated->as_bool() : Wraps(files.tokenizer, id, *out, at_front);
  };
  out->add_bos = flag("add_bos_token", out->bos, true);
  out->add_eos = flag("add_eos_token", out->eos, false);
}

void ReadTemplates(const HfFiles& files, TokenizerData* out) {
  const Json* stated = files.tokenizer_config.Find("chat_template");
  if (stated != nullptr && stated->is_string()) out->chat_template = stated->as_string();
  if (stated != nullptr && stated->is_array()) {
    for (const Json& entry : stated->as_array()) {
      const Json* name = entry.Find("name");
      const Json* text = entry.Find("template");
      if (name == nullptr || !name->is_string() || text == nullptr || !text->is_string()) continue;
      if (name->as_string() == "default") {
        out->chat_template = text->as_string();
      } else {
        out->named_templates.emplace_back(name->as_string(), text->as_string());
      }
    }
  }
  if (!files.chat_template.empty()) out->chat_template = files.chat_template;
}

}  // namespace

Result<TokenizerData> ReadHfTokenizer(const HfFiles& files) {
  const Json& tokenizer = files.tokenizer;
  const Json* model = tokenizer.Find("model");
  if (model == nullptr || !model->is_object()) return Status::DataLoss("tokenizer.json: \"model\" is not an object");
  // Older files leave the type out where merges say it.
  if (const std::string_view type = TypeOf(*model);
      type != "BPE" && !(type.empty() && model->Find("merges") != nullptr)) {
    return Status::Unimplemented(
        Cat("tokenizer.json: model type ", Quoted(type), " is not run by this build; it runs BPE"));
  }
  TokenizerData out;
  const Json* stage = tokenizer.Find("pre_tokenizer");
  const std::vector<const Json*> steps = StepsOf(stage, "pretokenizers");
  if (!steps.empty() && TypeOf(*steps.back()) == "ByteLevel") {
    out.model = "gpt2";
    BP_ASSIGN_OR_RETURN(out.pre, NameOfByteLevel(stage, steps));
    const Json* ignore_merges = model->Find("ignore_merges");
    out.ignore_merges = ignore_merges != nullptr && ignore_merges->is_bool() && ignore_merges->as_bool();
  } else {
    out.model = "llama";
    BP_RETURN_IF_ERROR(ReadSpaceRules(tokenizer, &out));
    if (!Is(*model, "byte_fallback", Json(true))) {
      return Status::Unimplemented(
          "tokenizer.json: a SentencePiece model without \"byte_fallback\" is not run by this build");
    }
  }
  Vocabulary vocabulary;
  BP_RETURN_IF_ERROR(ReadVocabulary(tokenizer, *model, &out, &vocabulary));
  BP_RETURN_IF_ERROR(ReadMerges(*model, vocabulary, &out));
  ReadSpecialIds(files, vocabulary, &out);
  ReadTemplates(files, &out);
  return out;
}

}  // namespace bedplate
