#include "model/tokenizer_data.h"

#include <algorithm>

#include "base/cat.h"
#include "model/hf_tokenizer.h"
#include "model/model_file.h"
#include "model/quoted.h"

namespace bedplate {
namespace {

/// Some writers mark "no such token" by -1, or by the same bits unsigned.
Result<std::optional<uint32_t>> ReadId(const GgufMetadata& metadata, std::string_view key, size_t tokens) {
  BP_ASSIGN_OR_RETURN(const std::optional<int64_t> id, metadata.Int(key));
  if (!id.has_value() || *id == -1 || *id == 0xFFFFFFFF) return std::optional<uint32_t>();
  if (*id < 0 || static_cast<uint64_t>(*id) >= tokens) {
    return Status::DataLoss(Cat("metadata ", Quoted(key), " is ", *id, "; the vocabulary has ", tokens, " tokens"));
  }
  return std::optional(static_cast<uint32_t>(*id));
}

Result<std::optional<std::string>> ReadText(const GgufMetadata& metadata, std::string_view key) {
  BP_ASSIGN_OR_RETURN(const std::optional<std::string_view> text, metadata.String(key));
  return text.has_value() ? std::optional<std::string>(*text) : std::nullopt;
}

Status ReadVocabulary(const GgufMetadata& metadata, TokenizerData* out) {
  BP_ASSIGN_OR_RETURN(const auto tokens, metadata.Strings("tokenizer.ggml.tokens"));
  if (!tokens.has_value() || tokens->empty()) {
    return Status::DataLoss("the GGUF metadata lacks the required key \"tokenizer.ggml.tokens\"");
  }
  out->tokens.assign(tokens->begin(), tokens->end());

  BP_ASSIGN_OR_RETURN(auto scores, metadata.Floats("tokenizer.ggml.scores"));
  if (scores.has_value() && scores->size() != tokens->size()) {
    return Status::DataLoss(
        Cat("metadata \"tokenizer.ggml.scores\" has ", scores->size(), " values for ", tokens->size(), " tokens"));
  }
  if (scores.has_value()) out->scores = std::move(*scores);
  if (out->model == "llama" && out->scores.empty()) {
    return Status::DataLoss(
        "the GGUF metadata lacks the key \"tokenizer.ggml.scores\", which a \"llama\" tokenizer needs");
  }

  BP_ASSIGN_OR_RETURN(const auto types, metadata.Ints("tokenizer.ggml.token_type"));
  out->types.assign(tokens->size(), TokenizerData::kNormal);
  if (types.has_value()) {
    if (types->size() != tokens->size()) {
      return Status::DataLoss(
          Cat("metadata \"tokenizer.ggml.token_type\" has ", types->size(), " values for ", tokens->size(), " tokens"));
    }
    for (size_t i = 0; i < types->size(); ++i) {
      const int64_t type = (*types)[i];
      if (type < 0 || type > TokenizerData::kByte) {
        return Status::DataLoss(
            Cat("metadata \"tokenizer.ggml.token_type\" has ", type, " for token ", i, "; allowed: 0 to 6"));
      }
      if (type != 0) out->types[i] = static_cast<uint8_t>(type);  // 0 is "undefined": an ordinary token
    }
  }

  BP_ASSIGN_OR_RETURN(const auto merges, metadata.Strings("tokenizer.ggml.merges"));
  if (merges.has_value()) out->merges.assign(merges->begin(), merges->end());
  if (out->model == "gpt2" && !merges.has_value()) {
    return Status::DataLoss(
        "the GGUF metadata lacks the key \"tokenizer.ggml.merges\", which a \"gpt2\" tokenizer needs");
  }
  return Status::Ok();
}

Status ReadIdsAndFlags(const GgufMetadata& metadata, TokenizerData* out) {
  struct Id {
    std::string_view key;
    std::optional<uint32_t>* target;
  };
  for (const Id& id : {Id{"tokenizer.ggml.bos_token_id", &out->bos}, Id{"tokenizer.ggml.eos_token_id", &out->eos},
                       Id{"tokenizer.ggml.eot_token_id", &out->eot}, Id{"tokenizer.ggml.eom_token_id", &out->eom},
                       Id{"tokenizer.ggml.unknown_token_id", &out->unknown},
                       Id{"tokenizer.ggml.seperator_token_id", &out->separator},  // spelled so by the format
                       Id{"tokenizer.ggml.padding_token_id", &out->padding}}) {
    BP_ASSIGN_OR_RETURN(*id.target, ReadId(metadata, id.key, out->tokens.size()));
  }
  struct Flag {
    std::string_view key;
    std::optional<bool>* target;
  };
  for (const Flag& flag :
       {Flag{"tokenizer.ggml.add_bos_token", &out->add_bos}, Flag{"tokenizer.ggml.add_eos_token", &out->add_eos},
        Flag{"tokenizer.ggml.add_space_prefix", &out->add_space_prefix},
        Flag{"tokenizer.ggml.remove_extra_whitespaces", &out->remove_extra_whitespaces}}) {
    BP_ASSIGN_OR_RETURN(*flag.target, metadata.Bool(flag.key));
  }
  for (const std::optional<uint32_t>& id : {out->eos, out->eot, out->eom}) {
    if (id.has_value()) out->stops.push_back(*id);
  }
  return Status::Ok();
}

Result<std::string> ReadMainTemplate(const GgufMetadata& metadata) {
  BP_ASSIGN_OR_RETURN(std::optional<std::string> main, ReadText(metadata, "tokenizer.chat_template"));
  return std::move(main).value_or("");
}

Status ReadTemplates(const GgufMetadata& metadata, TokenizerData* out) {
  BP_ASSIGN_OR_RETURN(out->chat_template, ReadMainTemplate(metadata));
  BP_ASSIGN_OR_RETURN(const auto names, metadata.Strings("tokenizer.chat_templates"));
  if (!names.has_value()) return Status::Ok();
  for (const std::string_view name : *names) {
    BP_ASSIGN_OR_RETURN(std::optional<std::string> text, ReadText(metadata, Cat("tokenizer.chat_template.", name)));
    if (text.has_value()) out->named_templates.emplace_back(std::string(name), std::move(*text));
  }
  return Status::Ok();
}

Result<TokenizerData> ReadGgufTokenizer(const GgufMetadata& metadata) {
  TokenizerData out;
  BP_ASSIGN_OR_RETURN(const std::optional<std::string> model, ReadText(metadata, "tokenizer.ggml.model"));
  if (!model.has_value()) return Status::DataLoss("the GGUF metadata lacks the required key \"tokenizer.ggml.model\"");
  if (*model != "gpt2" && *model != "llama") {
    return Status::Unimplemented(Cat("tokenizer model ", Quoted(*model),
                                     " is not run by this build; it runs \"gpt2\" (byte-level BPE) "
                                     "and \"llama\" (SentencePiece BPE)"));
  }
  out.model = *model;
  BP_ASSIGN_OR_RETURN(const std::optional<std::string> pre, ReadText(metadata, "tokenizer.ggml.pre"));
  if (out.model == "gpt2") out.pre = pre.value_or("");
  BP_RETURN_IF_ERROR(ReadVocabulary(metadata, &out));
  BP_RETURN_IF_ERROR(ReadIdsAndFlags(metadata, &out));
  BP_RETURN_IF_ERROR(ReadTemplates(metadata, &out));
  return out;
}

Status InFile(const ModelFile& file, const Status& status) {
  return {status.code(), Cat(file.path().string(), ": ", status.message())};
}

}  // namespace

Result<std::string> ReadGgufChatTemplate(const ModelFile& file) {
  Result<std::string> text = ReadMainTemplate(file.metadata());
  return text.ok() ? std::move(text) : InFile(file, text.status());
}

Result<TokenizerData> ReadTokenizerData(const ModelFile& file) {
  Result<TokenizerData> data = file.is_gguf() ? ReadGgufTokenizer(file.metadata()) : ReadHfTokenizer(file.hf());
  if (!data.ok()) return InFile(file, data.status());
  std::sort(data->stops.begin(), data->stops.end());
  data->stops.erase(std::unique(data->stops.begin(), data->stops.end()), data->stops.end());
  return data;
}

}  // namespace bedplate
