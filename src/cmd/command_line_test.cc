// A small program is run with many command lines, files and environments; its options must hold what was promised.
#include "cmd/command_line.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <map>

#include "base/cat.h"
#include "base/file.h"

namespace bedplate {
namespace {

struct CommandLineTestOptions {
  std::string model;
  std::string action;
  std::string amount;
  std::string memory = "none";
  std::string kind = "plain";
  uint32_t threads = 0;
  float temperature = 1;
  std::optional<uint64_t> seed;
  std::vector<uint32_t> streams = {1};
  bool json = false;
  bool no_prefix_cache = false;
};

class CommandLineTest : public testing::Test {
 protected:
  struct Outcome {
    int status = 0;
    std::string errors;
    std::optional<CommandLineTestOptions> ran;
  };

  Outcome RunCommandLineTest(std::vector<std::string> arguments) {
    CommandLineTestOptions options;
    Outcome outcome;
    Program program("about", "1.2.3", "footer");
    CommandLine go = program.Add("go", "goes", [&] {
      outcome.ran = options;
      return result_;
    });
    go.Add("MODEL", &options.model, "the model", {.required = true});
    go.Add("--memory", &options.memory, "memory", {.setting = "memory"});
    go.Add("--kind", &options.kind, "kind", {.choices = {"plain", "fancy"}});
    go.Add("--threads", &options.threads, "threads", {.max = 64, .setting = "threads"});
    go.Add("-t,--temperature", &options.temperature, "temperature", {.max = 2});
    go.Add("--seed", &options.seed, "seed");
    go.Add("--streams", &options.streams, "streams", {.min = 1});
    go.Add("--json", &options.json, "json");
    go.Add("--no-prefix-cache", &options.no_prefix_cache, "no cache", {.setting = "no_prefix_cache"});
    CommandLine run = program.Add("run", "does one of several things", [&] {
      outcome.ran = options;
      return result_;
    });
    run.Add("ACTION", &options.action, "what", {.required = true, .choices = {"create", "update", "list"}});
    run.Add("NAME", &options.model, "of what", {.actions = {"create", "update"}});
    run.Add("--amount", &options.amount, "how much", {.actions = {"create", "update"}});
    run.Add("--kind", &options.kind, "kind", {.choices = {"plain", "fancy"}, .actions = {"create"}});
    run.Add("--memory", &options.memory, "memory", {.setting = "memory", .actions = {"list"}});
    run.Add("--json", &options.json, "json");
    arguments.insert(arguments.begin(), "bedplate");
    std::vector<const char*> argv;
    for (const std::string& argument : arguments) argv.push_back(argument.c_str());
    testing::internal::CaptureStderr();
    outcome.status = program.Run(static_cast<int>(argv.size()), argv.data(), [&](const char* name) -> const char* {
      const auto found = environment_.find(name);
      return found == environment_.end() ? nullptr : found->second.c_str();
    });
    outcome.errors = testing::internal::GetCapturedStderr();
    return outcome;
  }

  std::map<std::string, std::string> environment_;
  Status result_;
};

TEST_F(CommandLineTest, FlagsReachTheirTargets) {
  const Outcome outcome = RunCommandLineTest({"go", "--streams", "1,8,32", "m", "--threads=3", "-t", "0.5", "--seed",
                                              "18446744073709551615", "--json", "--kind", "fancy"});
  ASSERT_TRUE(outcome.ran) << outcome.errors;
  EXPECT_EQ(outcome.ran->model, "m");
  EXPECT_EQ(outcome.ran->streams, (std::vector<uint32_t>{1, 8, 32}));
  EXPECT_EQ(outcome.ran->threads, 3u);
  EXPECT_EQ(outcome.ran->temperature, 0.5f);
  EXPECT_EQ(outcome.ran->seed, UINT64_MAX);
  EXPECT_TRUE(outcome.ran->json);
  EXPECT_FALSE(outcome.ran->no_prefix_cache);
  EXPECT_EQ(outcome.ran->kind, "fancy");
  EXPECT_EQ(outcome.ran->memory, "none");
}

TEST_F(CommandLineTest, FlagsThenEnvironmentThenFile) {
  const auto file = std::filesystem::temp_directory_path() / Cat("bedplate_command_", ::getpid(), ".toml");
  ASSERT_TRUE(WriteFileAtomically(file, "memory = \"1GiB\"\nthreads = 5\nno_prefix_cache = true\n").ok());
  Outcome outcome = RunCommandLineTest({"go", "m", "--config", file.string()});
  ASSERT_TRUE(outcome.ran) << outcome.errors;
  EXPECT_EQ(outcome.ran->memory, "1GiB");
  EXPECT_EQ(outcome.ran->threads, 5u);
  EXPECT_TRUE(outcome.ran->no_prefix_cache);
  environment_ = {{"BEDPLATE_CONFIG", file.string()}, {"BEDPLATE_MEMORY", "2GiB"}, {"BEDPLATE_THREADS", ""}};
  outcome = RunCommandLineTest({"go", "m"});
  ASSERT_TRUE(outcome.ran) << outcome.errors;
  EXPECT_EQ(outcome.ran->memory, "2GiB");
  EXPECT_EQ(outcome.ran->threads, 5u);
  outcome = RunCommandLineTest({"go", "m", "--memory", "3GiB", "--threads", "6"});
  EXPECT_EQ(outcome.ran->memory, "3GiB");
  EXPECT_EQ(outcome.ran->threads, 6u);
  std::filesystem::remove(file);
}

TEST_F(CommandLineTest, WrongValuesSayWhereAndWhatIsAllowed) {
  const struct {
    std::vector<std::string> arguments;
    std::vector<std::string> said;
  } cases[] = {
      {{"go"}, {"MODEL"}},
      {{"go", "m", "--threads", "65"}, {"--threads", "65", "0 to 64"}},
      {{"go", "m", "--threads", "two"}, {"--threads", "two"}},
      {{"go", "m", "--threads", "1.5"}, {"--threads", "1.5"}},
      {{"go", "m", "-t", "2.5"}, {"--temperature", "0 to 2"}},
      {{"go", "m", "-t", "nan"}, {"--temperature", "nan"}},
      {{"go", "m", "--streams", "1,0"}, {"--streams", "\"0\""}},
      {{"go", "m", "--kind", "odd"}, {"--kind", "plain, fancy"}},
      {{"go", "m", "--seed=-1"}, {"--seed", "whole number"}},
      {{"go", "m", "--nonsense"}, {"--nonsense"}},
      {{"stay"}, {"--help"}},
      {{}, {"subcommand"}},
  };
  for (const auto& one : cases) {
    const Outcome outcome = RunCommandLineTest(one.arguments);
    EXPECT_EQ(outcome.status, 2);
    EXPECT_FALSE(outcome.ran);
    for (const std::string& said : one.said) EXPECT_NE(outcome.errors.find(said), std::string::npos) << outcome.errors;
  }
  environment_ = {{"BEDPLATE_THREADS", "many"}};
  const Outcome outcome = RunCommandLineTest({"go", "m"});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_NE(outcome.errors.find("BEDPLATE_THREADS is \"many\""), std::string::npos) << outcome.errors;
}

TEST_F(CommandLineTest, WhatAnActionHasNoUseForIsRefused) {
  environment_ = {{"BEDPLATE_MEMORY", "2GiB"}};  // a setting is for whoever has a use for it
  for (const auto& arguments : {std::vector<std::string>{"run", "create", "x", "--kind", "fancy", "--amount", "3"},
                                {"run", "update", "x", "--amount=3", "--json"},
                                {"run", "list", "--memory", "1GiB"}}) {
    EXPECT_EQ(RunCommandLineTest(arguments).status, 0);
  }
  const struct {
    std::vector<std::string> arguments;
    std::string said;
  } cases[] = {
      {{"run", "update", "x", "--kind", "fancy"}, "bedplate: --kind is not for update, but for: create\n"},
      {{"run", "--amount", "3", "list"}, "bedplate: --amount is not for list, but for: create, update\n"},
      {{"run", "list", "x"}, "bedplate: NAME is not for list, but for: create, update\n"},
      {{"run", "create", "x", "--memory", "1GiB"}, "bedplate: --memory is not for create, but for: list\n"},
  };
  for (const auto& one : cases) {
    const Outcome outcome = RunCommandLineTest(one.arguments);
    EXPECT_EQ(outcome.status, 2);
    EXPECT_FALSE(outcome.ran);
    EXPECT_EQ(outcome.errors, one.said);
  }
}

TEST_F(CommandLineTest, AFailedCommandEndsWithItsReason) {
  result_ = Status::NotFound("no such thing");
  const Outcome outcome = RunCommandLineTest({"go", "m"});
  EXPECT_EQ(outcome.status, 1);
  EXPECT_EQ(outcome.errors, "bedplate: no such thing\n");
}

TEST_F(CommandLineTest, TheDataFolderIsHandedOn) {
  const char* const before = std::getenv("BEDPLATE_DATA");
  const std::string kept = before == nullptr ? "" : before;
  EXPECT_EQ(RunCommandLineTest({"go", "m", "--data", "/some/folder"}).status, 0);
  EXPECT_STREQ(std::getenv("BEDPLATE_DATA"), "/some/folder");
  before == nullptr ? ::unsetenv("BEDPLATE_DATA") : ::setenv("BEDPLATE_DATA", kept.c_str(), 1);
}

}  // namespace
}  // namespace bedplate
