#include "engine/model_loader.h"

#include <bit>
#include <thread>

#include "base/cat.h"
#include "base/caught.h"
#include "model/tokenizer_data.h"

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

/// Entries of a metadata array, and their bytes with the lengths between them.
struct ArraySize {
  size_t count = 0;
  size_t bytes = 0;
};
ArraySize SizeOf(const GgufMetadata& metadata, std::string_view key) {
  const GgufValue* value = metadata.Find(key);
  return value == nullptr ? ArraySize{} : ArraySize{value->count, value->bytes.size()};
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

Result<OpenedModel> OpenModelForLoading(const std::filesystem::path& path, std::string id, int64_t now_unix_seconds,
                                        const ModelLoadOptions& options) {
  BP_ASSIGN_OR_RETURN(ModelFile file, ModelFile::Open(path));
  if (file.vocabulary_only()) {
    return Status::InvalidArgument(
        Cat(path.string(), " holds a vocabulary and no weights; it can be tokenized with, not run"));
  }
  OpenedModel opened;
  opened.id = std::move(id);
  opened.created_unix_seconds = now_unix_seconds;
  opened.chat_template = options.chat_template;
  BP_ASSIGN_OR_RETURN(opened.model, Transformer::Open(std::move(file), {.threads = options.threads,
                                                                        .isa = options.isa,
                                                                        .packed_cache = options.packed_cache}));
  return opened;
}

size_t OpenedModel::text_bytes() const {
  constexpr size_t kTemplate = size_t{2} << 20;
  const ModelFile& file = model->file();
  if (!file.is_gguf()) {  // the folder's JSON stays as it was read, a node a token and merge; then as below
    return kTemplate + size_t{model->vocabulary()} * 1024;
  }
  const ArraySize tokens = SizeOf(file.metadata(), "tokenizer.ggml.tokens");
  const ArraySize merges = SizeOf(file.metadata(), "tokenizer.ggml.merges");
  // A token: its text (32), views of text and bytes (16 + 16), entries of two indexes (24 each), offset, score, kind
  // and the kind as read; twice 8-byte slots, at most two thirds full after rounding up to a power of two; the text
  // itself, as bytes, and on the way. A merge: 16-byte slots, a quarter to half full, and on the way its text and view.
  return kTemplate + tokens.count * (32 + 16 + 16 + 24 + 24 + 4 + 4 + 2 + 8) +
         2 * 8 * std::bit_ceil(tokens.count * 3 / 2 + 2) + 3 * tokens.bytes + 16 * std::bit_ceil(merges.count * 2 + 2) +
         merges.count * (32 + 16) + 2 * merges.bytes;
}

Result<LoadedModel> FinishLoading(OpenedModel opened) {
  const ModelFile& file = opened.model->file();
  // A tokenizer of 150,000 tokens takes a tenth of a second, as long as it takes to map a gigabyte of packed weights.
  std::optional<Result<TextSide>> text;
  std::jthread text_thread([&]() noexcept {
    try {
      text.emplace(LoadTextSide(file, opened.chat_template));
    } catch (...) {
      text.emplace(CaughtStatus());
    }
  });
  const Status weights = opened.model->LoadWeights();
  text_thread.join();
  BP_RETURN_IF_ERROR(weights);
  if (!text->ok()) return std::move(*text).status();
  for (const MappedFile& mapped : file.files()) mapped.Release(0, mapped.bytes().size());
  LoadedModel loaded;
  loaded.id = std::move(opened.id);
  loaded.created_unix_seconds = opened.created_unix_seconds;
  loaded.tokenizer = std::move((*text)->tokenizer);
  loaded.chat_template = std::move((*text)->chat_template);
  loaded.model = std::move(opened.model);
  if (opened.draft != nullptr) {
    BP_ASSIGN_OR_RETURN(LoadedModel draft, FinishLoading(std::move(*opened.draft)));
    loaded.draft = std::make_unique<LoadedModel>(std::move(draft));
  }
  return loaded;
}

Result<LoadedModel> LoadModel(const std::filesystem::path& path, std::string id, int64_t now_unix_seconds,
                              const ModelLoadOptions& options) {
  BP_ASSIGN_OR_RETURN(OpenedModel opened, OpenModelForLoading(path, std::move(id), now_unix_seconds, options));
  return FinishLoading(std::move(opened));
}

}  // namespace bedplate
