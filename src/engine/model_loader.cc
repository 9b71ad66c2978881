#include "engine/model_loader.h"

#include "base/cat.h"
#include "model/tokenizer_data.h"
#include "model/transformer.h"

namespace bedplate {
namespace {

std::optional<TokenId> IdOf(const std::optional<uint32_t>& id) {
  if (!id) return std::nullopt;
  return TokenId{static_cast<int32_t>(*id)};
}

TokenizerSpec SpecOf(TokenizerData data) {
  TokenizerSpec spec;
  spec.model = std::move(data.model);
  spec.pre = std::move(data.pre);
  spec.tokens = std::move(data.tokens);
  spec.scores = std::move(data.scores);
  spec.merges = std::move(data.merges);
  spec.kinds.reserve(data.types.size());
  for (const uint8_t type : data.types) spec.kinds.push_back(static_cast<TokenKind>(type - TokenizerData::kNormal));
  spec.bos = IdOf(data.bos);
  spec.eos = IdOf(data.eos);
  spec.eot = IdOf(data.eot);
  spec.unk = IdOf(data.unknown);
  spec.pad = IdOf(data.padding);
  spec.sep = IdOf(data.separator);
  spec.add_bos = data.add_bos;
  spec.add_eos = data.add_eos;
  spec.add_space_prefix = data.add_space_prefix;
  spec.remove_extra_whitespaces = data.remove_extra_whitespaces.value_or(false);
  if (data.ignore_merges) spec.ignore_merges = true;
  return spec;
}

}  // namespace

Result<TextSide> LoadTextSide(const ModelFile& file, const std::string& chat_template_override) {
  BP_ASSIGN_OR_RETURN(TokenizerData data, ReadTokenizerData(file));
  const std::string source = chat_template_override.empty() ? data.chat_template : chat_template_override;
  TextSide side;
  BP_ASSIGN_OR_RETURN(side.tokenizer, Tokenizer::Create(SpecOf(std::move(data))));
  if (!source.empty()) {
    BP_ASSIGN_OR_RETURN(side.chat_template, ChatTemplate::Parse(source));
  }
  return side;
}

Result<LoadedModel> LoadModel(const std::filesystem::path& path, std::string id, int64_t now_unix_seconds,
                              const ModelLoadOptions& options) {
  BP_ASSIGN_OR_RETURN(ModelFile file, ModelFile::Open(path));
  if (file.vocabulary_only()) {
    return Status::InvalidArgument(
        Cat(path.string(), " holds a vocabulary and no weights; it can be tokenized with, not run"));
  }
  LoadedModel loaded;
  loaded.id = std::move(id);
  loaded.created_unix_seconds = now_unix_seconds;
  BP_ASSIGN_OR_RETURN(TextSide text, LoadTextSide(file, options.chat_template));
  loaded.tokenizer = std::move(text.tokenizer);
  loaded.chat_template = std::move(text.chat_template);
  BP_ASSIGN_OR_RETURN(loaded.model, Transformer::Load(std::move(file), {options.threads, options.isa}));
  return loaded;
}

}  // namespace bedplate
