#include "cmd/bench/rivals.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>

#include "base/cat.h"
#include "base/file.h"
#include "base/json.h"
#include "cmd/catalogue.h"
#include "cmd/child_process.h"

namespace bedplate {
namespace {

namespace fs = std::filesystem;

std::string Joined(const std::vector<std::string_view>& words, std::string_view between) {
  std::string out;
  for (const std::string_view word : words) out += Cat(out.empty() ? "" : between, word);
  return out;
}

std::string_view EmbeddedText(std::string_view name) {
  for (const RivalFile& file : RivalFiles()) {
    if (file.name == name) return file.bytes;
  }
  return {};
}

std::string LastLines(const std::string& messages) {
  std::string_view text = messages;
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  return std::string(text.size() > 600 ? text.substr(text.size() - 600) : text);
}

Status RunStep(const std::vector<std::string>& arguments,
               const std::vector<std::pair<std::string, std::string>>& environment, std::string_view what) {
  const Result<ChildResult> ran =
      RunChild({.arguments = arguments, .environment = environment, .on_output = nullptr, .on_tick = nullptr});
  if (!ran.ok()) return ran.status();
  if (ran->exit_status == 0) return Status::Ok();
  return Status::Unavailable(Cat(what, ": ", LastLines(ran->messages)));
}

bool OnPath(const std::string& program) {
  const char* const path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? "" : path;
  while (!rest.empty()) {
    const size_t colon = rest.find(':');
    std::error_code ignored;
    if (fs::exists(fs::path(rest.substr(0, colon)) / program, ignored)) return true;
    rest.remove_prefix(colon == std::string_view::npos ? rest.size() : colon + 1);
  }
  return false;
}

// A virtual environment that holds what the rival needs; made once for each text of its requirements.
Result<fs::path> Python(const Rival& rival, const fs::path& folder, const RivalSetup& setup) {
  if (const char* given = std::getenv(std::string(rival.variable).c_str()); given != nullptr && *given != '\0') {
    return fs::path(given) / "bin/python";
  }
  const fs::path environment = folder / "python", marker = folder / "installed.txt", wanted = folder / "wanted.txt";
  const std::string_view requirements = EmbeddedText(rival.requirements);
  const Result<std::string> installed = ReadFile(marker, size_t{1} << 16);
  if (installed.ok() && *installed == requirements) return environment / "bin/python";
  setup.on_note(Cat("installing ", rival.name, " into ", environment.string(), "; once, and it may take minutes"));
  BP_RETURN_IF_ERROR(WriteFileAtomically(wanted, requirements));
  BP_RETURN_IF_ERROR(RunStep({"python3", "-m", "venv", "--clear", environment.string()}, {},
                             Cat("cannot make a virtual environment for ", rival.name)));
  std::vector<std::pair<std::string, std::string>> variables = {{"CMAKE_ARGS", "-DGGML_NATIVE=ON"}};
  if (!OnPath("c++")) {  // what is compiled wants a compiler under the usual names
    variables.emplace_back("CC", "clang-19");
    variables.emplace_back("CXX", "clang++-19");
  }
  BP_RETURN_IF_ERROR(RunStep({(environment / "bin/python").string(), "-m", "pip", "--disable-pip-version-check",
                              "--no-input", "install", "--quiet", "-r", wanted.string()},
                             variables, Cat("pip cannot install ", rival.name)));
  BP_RETURN_IF_ERROR(WriteFileAtomically(marker, requirements));
  return environment / "bin/python";
}

// Talks to the rival's program in JSON lines; bench/rivals/rival.py says how.
class RivalContestant final : public Contestant {
 public:
  RivalContestant(const Rival& rival, const std::vector<std::string_view>& setting)
      : Contestant(std::string(rival.name), Joined(setting, " ")) {}

  Status Start(const std::vector<std::string>& arguments, const fs::path& log) {
    arguments_ = arguments;
    log_ = log;
    return Start();
  }

  Result<Timing> Run(const Workload& workload, std::chrono::seconds patience) override {
    if (child_ == nullptr) BP_RETURN_IF_ERROR(Start());
    if (!refusal_.empty()) return Status::Unimplemented(refusal_);
    std::string question;
    JsonWriter w(question);
    w.BeginObject();
    const bool prefill = workload.kind == Workload::Kind::kPrefill;
    w.Key("do");
    w.String(prefill ? "prefill" : "decode");
    w.Key("tokens");
    w.Uint(workload.tokens);
    if (!prefill) {
      w.Key("streams");
      w.Uint(workload.streams);
      w.Key("depth");
      w.Uint(workload.depth);
    }
    w.EndObject();
    BP_RETURN_IF_ERROR(child_->Write(question));
    const Result<Json> answered = Answer(patience);
    // Killed; whatever is asked of it next, it may be quick enough for.
    if (answered.status().code() == StatusCode::kDeadlineExceeded) child_ = nullptr;
    BP_RETURN_IF_ERROR(answered.status());
    const Json& answer = *answered;
    const Json* const seconds = answer.Find("seconds");
    const Json* const tokens = answer.Find("tokens");
    if (seconds == nullptr || !seconds->is_number() || tokens == nullptr || !tokens->is_number() ||
        !(seconds->as_double() > 0)) {
      return Status::Internal(Cat(engine(), " answered ", WriteJson(answer)));
    }
    return Timing{seconds->as_double(), static_cast<uint64_t>(tokens->as_double())};
  }

 private:
  Status Start() {
    BP_ASSIGN_OR_RETURN(child_, ChildSession::Start(arguments_, {}, log_));
    const Result<Json> ready = Answer(std::chrono::hours(1));  // it may re-quantise the model first
    if (!ready.ok()) refusal_ = ready.status().message();
    return Status::Ok();
  }

  Result<Json> Answer(std::chrono::seconds patience) {
    BP_ASSIGN_OR_RETURN(const std::string line, child_->ReadLine(patience));
    BP_ASSIGN_OR_RETURN(Json answer, ParseJson(line));
    const Json* const refused = answer.Find("refused");
    if (refused != nullptr && refused->is_string()) return Status::Unimplemented(refused->as_string());
    return answer;
  }

  std::vector<std::string> arguments_;
  fs::path log_;
  std::unique_ptr<ChildSession> child_;
  std::string refusal_;
};

}  // namespace

std::span<const Rival> Rivals() {
  static const std::array<Rival, 3> rivals = {{
      {"llama.cpp",
       "run_llamacpp.py",
       "llamacpp.txt",
       "BEDPLATE_PEER_LLAMA",
       {{"repack=on", "flash=on"},
        {"repack=on", "flash=off"},
        {"repack=off", "flash=on"},
        {"repack=off", "flash=off"}}},
      {"openvino",
       "run_openvino.py",
       "openvino.txt",
       "BEDPLATE_PEER_OPENVINO",
       {{"pipeline=stateful", "weights=as-is"},
        {"pipeline=paged", "weights=as-is"},
        {"pipeline=stateful", "weights=q4_0"},
        {"pipeline=paged", "weights=q4_0"}}},
      {"mistralrs", "run_mistralrs.py", "mistralrs.txt", "BEDPLATE_PEER_MISTRALRS", {{}}},
  }};
  return rivals;
}

Result<const Rival*> FindRival(std::string_view name) {
  std::string names;
  for (const Rival& rival : Rivals()) {
    if (rival.name == name) return &rival;
    names += Cat(names.empty() ? "" : ", ", rival.name);
  }
  return Status::InvalidArgument(Cat("--against ", name, " is not known; there are: ", names));
}

Result<std::vector<std::unique_ptr<Contestant>>> StartRival(const Rival& rival, const RivalSetup& setup) {
  BP_ASSIGN_OR_RETURN(const fs::path data, DataFolder());
  const fs::path folder = data / "rivals" / rival.name;
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return Status::IoError(Cat("cannot create the folder ", folder.string(), ": ", error.message()));
  for (const RivalFile& file : RivalFiles()) BP_RETURN_IF_ERROR(WriteFileAtomically(folder / file.name, file.bytes));
  BP_ASSIGN_OR_RETURN(const fs::path python, Python(rival, folder, setup));
  uint32_t streams = 1, positions = 64;
  for (const Workload& w : setup.workloads) {
    streams = std::max(streams, w.streams);
    positions = std::max(positions, w.depth + w.tokens + 1);
  }
  std::vector<std::unique_ptr<Contestant>> contestants;
  for (size_t i = 0; i < rival.settings.size(); ++i) {
    std::vector<std::string> arguments = {python.string(),    (folder / rival.program).string(),
                                          setup.model_path,   "--threads",
                                          Cat(setup.threads), "--streams",
                                          Cat(streams),       "--positions",
                                          Cat(positions)};
    for (const std::string_view setting : rival.settings[i]) {
      arguments.emplace_back("--set");
      arguments.emplace_back(setting);
    }
    setup.on_note(Cat("starting ", rival.name, " ", Joined(rival.settings[i], " ")));
    auto contestant = std::make_unique<RivalContestant>(rival, rival.settings[i]);
    BP_RETURN_IF_ERROR(contestant->Start(arguments, folder / Cat("messages-", i, ".log")));
    contestants.push_back(std::move(contestant));
  }
  return contestants;
}

}  // namespace bedplate
