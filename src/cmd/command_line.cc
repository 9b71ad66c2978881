#include "cmd/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "base/cat.h"
#include "base/check.h"

namespace bedplate {
namespace {

template <class T>
std::string RangeText(const OptionRules& rules) {
  if (rules.max < std::numeric_limits<double>::infinity()) return Cat(rules.min, " to ", rules.max);
  return std::is_integral_v<T> ? Cat("a whole number, ", rules.min, " or more") : Cat(rules.min, " or more");
}

template <class T>
Status AssignNumber(T& target, const OptionRules& rules, const std::string& text) {
  T value{};
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  const bool fits = error == std::errc() && stopped == end && static_cast<double>(value) >= rules.min &&
                    static_cast<double>(value) <= rules.max;
  if (!fits) return Status::InvalidArgument(Cat("is \"", text, "\"; allowed: ", RangeText<T>(rules)));
  target = value;
  return Status::Ok();
}

Status AssignWord(std::string& target, const OptionRules& rules, const std::string& text) {
  if (!rules.choices.empty() && std::find(rules.choices.begin(), rules.choices.end(), text) == rules.choices.end()) {
    std::string allowed;
    for (const std::string_view choice : rules.choices) allowed += Cat(allowed.empty() ? "" : ", ", choice);
    return Status::InvalidArgument(Cat("is \"", text, "\"; allowed: ", allowed));
  }
  target = text;
  return Status::Ok();
}

Status AssignFlag(bool& target, const std::string& text) {
  if (text == "true" || text == "1" || text == "yes" || text == "on") {
    target = true;
  } else if (text == "false" || text == "0" || text == "no" || text == "off") {
    target = false;
  } else {
    return Status::InvalidArgument(Cat("is \"", text, "\"; allowed: true, false"));
  }
  return Status::Ok();
}

struct Assign {
  const OptionRules& rules;
  const std::vector<std::string>& texts;

  Status One(auto&& assign) const {
    if (texts.size() != 1) return Status::InvalidArgument(Cat("has ", texts.size(), " values; one is taken"));
    return assign(texts.front());
  }
  Status operator()(bool* target) const {
    return One([&](const std::string& text) { return AssignFlag(*target, text); });
  }
  Status operator()(std::string* target) const {
    return One([&](const std::string& text) { return AssignWord(*target, rules, text); });
  }
  template <class T>
  Status operator()(T* target) const {
    return One([&](const std::string& text) { return AssignNumber(*target, rules, text); });
  }
  template <class T>
  Status operator()(std::optional<T>* target) const {
    T value{};
    BP_RETURN_IF_ERROR(operator()(&value));
    *target = value;
    return Status::Ok();
  }
  Status operator()(std::vector<std::string>* target) const {
    std::vector<std::string> words(texts.size());
    for (size_t i = 0; i < texts.size(); ++i) BP_RETURN_IF_ERROR(AssignWord(words[i], rules, texts[i]));
    *target = std::move(words);
    return Status::Ok();
  }
  Status operator()(std::vector<uint32_t>* target) const {
    std::vector<uint32_t> numbers(texts.size());
    for (size_t i = 0; i < texts.size(); ++i) BP_RETURN_IF_ERROR(AssignNumber(numbers[i], rules, texts[i]));
    *target = std::move(numbers);
    return Status::Ok();
  }
};

// What --help shows beside an option: the kind of value, and the default where it says something.
struct Describe {
  CLI::Option& option;
  void Show(std::string_view type, const std::string& value) const {
    option.type_name(std::string(type));
    if (!value.empty() && value != "0") option.default_str(value);
  }
  void operator()(const bool*) const {}
  void operator()(const std::string* target) const { Show("TEXT", *target); }
  template <class T>
  void operator()(const T* target) const {
    Show("NUMBER", Cat(*target));
  }
  template <class T>
  void operator()(const std::optional<T>*) const {
    Show("NUMBER", "");
  }
  void operator()(const std::vector<std::string>*) const { Show("TEXT,...", ""); }
  void operator()(const std::vector<uint32_t>* target) const {
    std::string values;
    for (const uint32_t value : *target) values += Cat(values.empty() ? "" : ",", value);
    Show("NUMBER,...", values);
  }
};

struct Option {
  std::string name;
  OptionTarget target;
  OptionRules rules;
  const CLI::Option* parsed;
};

bool IsVector(const OptionTarget& target) {
  return std::holds_alternative<std::vector<std::string>*>(target) ||
         std::holds_alternative<std::vector<uint32_t>*>(target);
}

std::vector<std::string> Texts(const Option& option) {
  if (!IsVector(option.target)) return option.parsed->results();
  std::vector<std::string> texts;
  for (const std::string& argument : option.parsed->results()) {
    for (std::string& text : SplitAtCommas(argument)) texts.push_back(std::move(text));
  }
  return texts;
}

// What an action has no use for would else be taken and forgotten.
Status CheckActions(const std::vector<Option>& options) {
  const auto action = std::ranges::find(options, "ACTION", &Option::name);
  if (action == options.end() || action->parsed->count() == 0) return Status::Ok();
  const std::string& asked = action->parsed->results().front();
  for (const Option& option : options) {
    const std::vector<std::string_view>& known = option.rules.actions;
    if (option.parsed->count() == 0 || known.empty() || std::ranges::find(known, asked) != known.end()) continue;
    std::string all;
    for (const std::string_view one : known) all += Cat(all.empty() ? "" : ", ", one);
    return Status::InvalidArgument(Cat(option.name, " is not for ", asked, ", but for: ", all));
  }
  return Status::Ok();
}

}  // namespace

struct CommandLine::Command {
  CLI::App* app = nullptr;
  std::function<Status()> run;
  std::vector<Option> options;
  std::string config;
  std::string data;
};

struct Program::State {
  CLI::App app;
  std::vector<std::unique_ptr<CommandLine::Command>> commands;

  // The command line's values first, so that a wrong flag is told before a wrong file; then settings for the rest.
  static Status AssignAll(CommandLine::Command& command, const EnvironmentLookup& environment);
};

Status AssignOption(OptionTarget target, const OptionRules& rules, const std::vector<std::string>& texts) {
  return std::visit(Assign{rules, texts}, target);
}

void CommandLine::Add(std::string_view names, OptionTarget target, std::string_view help, OptionRules rules) {
  BP_CHECK(rules.setting.empty() || IsSetting(rules.setting));
  CLI::App& app = *command_->app;
  CLI::Option* parsed = nullptr;
  if (std::holds_alternative<bool*>(target)) {
    const std::string about(help);
    parsed = app.add_flag(std::string(names), about);
  } else {
    // CLI11 collects the texts; what they mean is ours to say, as it is for settings.
    parsed = app.add_option(std::string(names), CLI::callback_t(), std::string(help));
    parsed->required(rules.required);
    // A named option takes the one argument after it, a list too: what follows may be a positional argument.
    parsed->expected(IsVector(target) && names.front() != '-' ? -1 : 1);
    std::visit(Describe{*parsed}, target);
  }
  // "-p,--prompt" is --prompt in messages.
  command_->options.push_back({std::string(names.substr(names.find(',') + 1)), target, std::move(rules), parsed});
}

void CommandLine::Footer(std::string_view text) {
  command_->app->footer(std::string(text));
}

Program::Program(std::string_view about, std::string_view version, std::string_view footer)
    : state_(std::make_unique<State>()) {
  CLI::App& app = state_->app;
  app.name("bedplate");
  app.description(std::string(about));
  app.require_subcommand(1);
  app.set_version_flag("--version", std::string(version));
  app.footer(std::string(footer));
}

Program::~Program() = default;

CommandLine Program::Add(std::string_view name, std::string_view about, std::function<Status()> run) {
  state_->commands.push_back(std::make_unique<CommandLine::Command>());
  CommandLine::Command& command = *state_->commands.back();
  command.app = state_->app.add_subcommand(std::string(name), std::string(about));
  command.run = std::move(run);
  CommandLine line(&command);
  line.Add("--config", &command.config, "a TOML file with settings; default: ./bedplate.toml, where there is one");
  line.Add("--data", &command.data, "folder of models and caches", {.setting = "data"});
  return line;
}

Status Program::State::AssignAll(CommandLine::Command& command, const EnvironmentLookup& environment) {
  for (const Option& option : command.options) {
    if (option.parsed->count() == 0) continue;
    const Status assigned = AssignOption(option.target, option.rules, Texts(option));
    if (!assigned.ok()) return Status::InvalidArgument(Cat(option.name, " ", assigned.message()));
  }
  BP_RETURN_IF_ERROR(CheckActions(command.options));
  BP_ASSIGN_OR_RETURN(const Settings settings, Settings::Load(command.config, environment));
  for (const Option& option : command.options) {
    if (option.parsed->count() != 0 || option.rules.setting.empty()) continue;
    const Settings::Value* const value = settings.Find(option.rules.setting);
    if (value == nullptr) continue;
    const Status assigned = AssignOption(option.target, option.rules, value->texts);
    if (!assigned.ok()) return Status::InvalidArgument(Cat(value->origin, " ", assigned.message()));
  }
  return Status::Ok();
}

int Program::Run(int argc, const char* const* argv, const EnvironmentLookup& environment) {
  constexpr int kFailed = 1;
  constexpr int kWrongUse = 2;
  const auto fail = [](const Status& status, int exit_status) {
    std::fprintf(stderr, "bedplate: %s\n", status.message().c_str());
    return exit_status;
  };
  try {
    state_->app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {  // --help and --version are such errors, too
    return state_->app.exit(error) == 0 ? 0 : kWrongUse;
  }
  for (const auto& command : state_->commands) {
    if (!command->app->parsed()) continue;
    if (const Status assigned = state_->AssignAll(*command, environment); !assigned.ok()) {
      return fail(assigned, kWrongUse);
    }
    if (!command->data.empty()) ::setenv("BEDPLATE_DATA", command->data.c_str(), 1);
    Status status;
    try {
      status = command->run();
    } catch (const std::exception& error) {  // a library's, such as no more threads or memory
      status = Status::Internal(error.what());
    }
    return status.ok() ? 0 : fail(status, kFailed);
  }
  return kWrongUse;  // not reached: a command is required
}

}  // namespace bedplate
