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

/// None where the cache has no tables of this file, or none that are good.
std::unique_ptr<Tokenizer> MapTokenizer(const ModelFile& file, const PackedCacheOptions& cache) {
  std::unique_ptr<Tokenizer> tokenizer;
  if (!file.is_gguf()) return tokenizer;
  UseTables(cache, file, Tokenizer::TablesFingerprint(), [&](SharedBytes tables) -> Status {
    BP_ASSIGN_OR_RETURN(tokenizer, Tokenizer::Open(std::move(tables)));
    return Status::Ok();
  });
  return tokenizer;
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

Result<TextSide> LoadTextSide(const ModelFile& file, const std::string& chat_template_override,
                              const PackedCacheOptions& cache) {
  TextSide side;
  std::string source;
  side.tokenizer = MapTokenizer(file, cache);
  side.from_cache = side.tokenizer != nullptr;
  if (side.from_cache) {
    BP_ASSIGN_OR_RETURN(source, ReadGgufChatTemplate(file));
  } else {
    BP_ASSIGN_OR_RETURN(TokenizerData data, ReadTokenizerData(file));
    source = std::move(data.chat_template);
    BP_ASSIGN_OR_RETURN(side.tokenizer, Tokenizer::Create(SpecOf(std::move(data))));
  }
  if (!chat_template_override.empty()) source = chat_template_override;
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
                                                                        .kv_type = options.kv_type,
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
  // Making the tables: a token as read (its text 32, its view 16, its kind 8 + 1, its score 4) and its text itself, a
  // merge likewise; then twice, as they are made and as a block, offsets of text and bytes, kind and score of a token,
  // its text and bytes, 8-byte slots of two indexes and 16-byte slots of merges, both rounded up to a power of two.
  const size_t tables = tokens.count * (4 + 4 + 1 + 4) + 2 * tokens.bytes +
                        2 * 8 * std::bit_ceil(tokens.count * 3 / 2 + 2) + 16 * std::bit_ceil(merges.count * 2 + 2);
  return kTemplate + tokens.count * (32 + 16 + 8 + 1 + 4) + tokens.bytes + merges.count * (32 + 16) + merges.bytes +
         2 * tables;
}

Result<LoadedModel> FinishLoading(OpenedModel opened) {
  const ModelFile& file = opened.model->file();
  // A tokenizer of 150,000 tokens takes a tenth of a second, as long as it takes to map a gigabyte of packed weights.
  std::optional<Result<TextSide>> text;
  std::jthread text_thread([&]() noexcept {
    try {
      text.emplace(LoadTextSide(file, opened.chat_template, opened.model->packed_cache()));
    } catch (...) {
      text.emplace(CaughtStatus());
    }
  });
  const Status weights = opened.model->LoadWeights();
  text_thread.join();
  BP_RETURN_IF_ERROR(weights);
  if (!text->ok()) return std::move(*text).status();
  for (const MappedFile& mapped : file.files()) mapped.Release(0, mapped.bytes().size());
  KeptTables tables;
  if (file.is_gguf() && !(*text)->from_cache) {
    tables = {.fingerprint = Tokenizer::TablesFingerprint(), .bytes = (*text)->tokenizer->tables()};
  }
  opened.model->KeepForNextStart(std::move(tables));
  LoadedModel loaded;
  loaded.id = std::move(opened.id);
  loaded.created_unix_seconds = opened.created_unix_seconds;
  loaded.tokenizer = std::move((*text)->tokenizer);
  loaded.chat_template = std::move((*text)->chat_template);
  loaded.tokenizer_from_cache = (*text)->from_cache;
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
