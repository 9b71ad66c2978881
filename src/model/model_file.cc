#include "model/model_file.h"

#include <algorithm>
#include <optional>

#include "base/cat.h"
#include "base/check.h"
#include "model/quoted.h"
#include "model/safetensors.h"

namespace bedplate {
namespace {

Status InFile(const std::filesystem::path& path, const Status& status) {
  return {status.code(), Cat(path.string(), ": ", status.message())};
}

/// Splits "name-00001-of-00003.gguf" into "name-", 1 and 3.
struct SplitName {
  std::string stem;
  uint32_t part;
  uint32_t parts;
};
std::optional<SplitName> ParseSplitName(const std::string& file_name) {
  constexpr std::string_view kShape = "-00000-of-00000.gguf";
  if (file_name.size() <= kShape.size()) return std::nullopt;
  const std::string_view tail = std::string_view(file_name).substr(file_name.size() - kShape.size());
  SplitName out{file_name.substr(0, file_name.size() - kShape.size() + 1), 0, 0};
  for (size_t i = 0; i < kShape.size(); ++i) {
    if (kShape[i] != '0') {
      if (tail[i] != kShape[i]) return std::nullopt;
      continue;
    }
    if (tail[i] < '0' || tail[i] > '9') return std::nullopt;
    uint32_t& number = i < 6 ? out.part : out.parts;
    number = number * 10 + static_cast<uint32_t>(tail[i] - '0');
  }
  return out;
}

struct OpenedGguf {
  MappedFile file;
  GgufContents contents;
};
Result<OpenedGguf> OpenOneGguf(const std::filesystem::path& path) {
  BP_ASSIGN_OR_RETURN(MappedFile file, MappedFile::Open(path));
  Result<GgufContents> contents = ParseGguf(file.bytes());
  if (!contents.ok()) return InFile(path, contents.status());
  return OpenedGguf{std::move(file), std::move(*contents)};
}

/// Which part of how many a file says it is; {0, 1} for a file of its own.
struct SplitPlace {
  uint64_t part = 0;
  uint64_t parts = 1;
};
Result<SplitPlace> ReadSplitPlace(const GgufMetadata& metadata) {
  BP_ASSIGN_OR_RETURN(const std::optional<uint64_t> parts, metadata.Uint("split.count"));
  if (!parts.has_value() || *parts <= 1) return SplitPlace{};
  BP_ASSIGN_OR_RETURN(const std::optional<uint64_t> part, metadata.Uint("split.no"));
  if (!part.has_value() || *part >= *parts || *parts > 99999) {
    return Status::DataLoss(Cat("split.count is ", *parts, " but split.no is ", metadata.Describe("split.no")));
  }
  return SplitPlace{*part, *parts};
}

}  // namespace

Result<ModelFile> ModelFile::Open(const std::filesystem::path& path) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) return Status::NotFound(Cat("no model file or folder ", path.string()));
  return std::filesystem::is_directory(status) ? OpenFolder(path) : OpenGguf(path);
}

Result<ModelFile> ModelFile::OpenGguf(const std::filesystem::path& path) {
  BP_ASSIGN_OR_RETURN(OpenedGguf first, OpenOneGguf(path));
  const Result<SplitPlace> place = ReadSplitPlace(first.contents.metadata);
  if (!place.ok()) return InFile(path, place.status());
  const std::optional<SplitName> name = ParseSplitName(path.filename().string());
  if (place->parts > 1 && (!name.has_value() || name->parts != place->parts || name->part != place->part + 1)) {
    return Status::InvalidArgument(Cat(
        path.string(), " is part ", place->part + 1, " of ", place->parts, " by its metadata; its name should end in ",
        fmt::format("-{:05}-of-{:05}.gguf", place->part + 1, place->parts), " so that the other parts can be found"));
  }
  if (place->part != 0) {
    return Status::InvalidArgument(
        Cat(path.string(), " is part ", place->part + 1, " of ", place->parts, "; name the first one: ",
            (path.parent_path() / fmt::format("{}00001-of-{:05}.gguf", name->stem, place->parts)).string()));
  }

  ModelFile out;
  out.path_ = path;
  out.gguf_version_ = first.contents.version;
  out.metadata_ = std::move(first.contents.metadata);
  out.tensors_ = std::move(first.contents.tensors);
  out.files_.push_back(std::move(first.file));
  for (uint64_t part = 1; part < place->parts; ++part) {
    const std::filesystem::path next =
        path.parent_path() / fmt::format("{}{:05}-of-{:05}.gguf", name->stem, part + 1, place->parts);
    BP_ASSIGN_OR_RETURN(OpenedGguf opened, OpenOneGguf(next));
    const Result<SplitPlace> next_place = ReadSplitPlace(opened.contents.metadata);
    if (!next_place.ok()) return InFile(next, next_place.status());
    if (next_place->part != part || next_place->parts != place->parts) {
      return Status::DataLoss(Cat(next.string(), " is part ", next_place->part + 1, " of ", next_place->parts,
                                  " by its metadata; part ", part + 1, " of ", place->parts, " is needed"));
    }
    std::move(opened.contents.tensors.begin(), opened.contents.tensors.end(), std::back_inserter(out.tensors_));
    out.files_.push_back(std::move(opened.file));
  }
  BP_ASSIGN_OR_RETURN(const std::optional<uint64_t> tensors, out.metadata_.Uint("split.tensors.count"));
  if (place->parts > 1 && tensors.has_value() && *tensors != out.tensors_.size()) {
    return Status::DataLoss(
        Cat(path.string(), ": split.tensors.count is ", *tensors, "; the parts hold ", out.tensors_.size()));
  }
  BP_RETURN_IF_ERROR(out.IndexTensors());
  return out;
}

Result<ModelFile> ModelFile::OpenFolder(const std::filesystem::path& path) {
  ModelFile out;
  out.path_ = path;
  BP_ASSIGN_OR_RETURN(HfFiles files, ReadHfFiles(path));
  out.hf_ = std::make_unique<HfFiles>(std::move(files));
  const Json* type = out.hf_->config.Find("model_type");
  if (type == nullptr || !type->is_string())
    return Status::DataLoss(Cat((path / "config.json").string(), " has no model_type"));
  BP_ASSIGN_OR_RETURN(const std::vector<std::filesystem::path> weights, HfWeightFiles(path));
  for (const std::filesystem::path& file_path : weights) {
    BP_ASSIGN_OR_RETURN(MappedFile file, MappedFile::Open(file_path));
    Result<std::vector<TensorView>> tensors = ParseSafetensors(file.bytes());
    if (!tensors.ok()) return InFile(file_path, tensors.status());
    for (TensorView& tensor : *tensors) {
      HfTensorName name = GgufNameOfHfTensor(type->as_string(), tensor.name);
      if (name.use == HfTensorUse::kIgnored) continue;
      // A tensor of an architecture that we don't run keeps its own name: the config says what is wrong, and better.
      if (name.use == HfTensorUse::kWeight) tensor.name = std::move(name.name);
      out.tensors_.push_back(std::move(tensor));
    }
    out.files_.push_back(std::move(file));
  }
  BP_RETURN_IF_ERROR(out.IndexTensors());
  return out;
}

Status ModelFile::IndexTensors() {
  for (size_t i = 0; i < tensors_.size(); ++i) {
    if (!index_.emplace(tensors_[i].name, i).second) {
      return Status::DataLoss(Cat(path_.string(), ": tensor ", Quoted(tensors_[i].name), " is in two of its files"));
    }
  }
  return Status::Ok();
}

const TensorView* ModelFile::FindTensor(std::string_view name) const {
  const auto it = index_.find(std::string(name));
  return it == index_.end() ? nullptr : &tensors_[it->second];
}

uint64_t ModelFile::parameters() const {
  uint64_t sum = 0;
  for (const TensorView& tensor : tensors_) sum += tensor.elements();
  return sum;
}

uint64_t ModelFile::tensor_bytes() const {
  uint64_t sum = 0;
  for (const TensorView& tensor : tensors_) sum += tensor.bytes.size();
  return sum;
}

uint64_t ModelFile::file_bytes() const {
  uint64_t sum = 0;
  for (const MappedFile& file : files_) sum += file.bytes().size();
  return sum;
}

void ModelFile::ReleasePages(const TensorView& tensor, size_t offset, size_t length) const {
  for (const MappedFile& file : files_) {
    const std::byte* begin = file.bytes().data();
    if (tensor.bytes.data() < begin || tensor.bytes.data() >= begin + file.bytes().size()) continue;
    file.Release(static_cast<size_t>(tensor.bytes.data() - begin) + offset, length);
    return;
  }
  BP_CHECK(tensor.bytes.empty());  // the tensor is another file's: our bug
}

}  // namespace bedplate
