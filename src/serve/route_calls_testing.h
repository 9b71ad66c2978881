#pragma once
/// What each route of the server's table costs, and how it is called: for tests that walk the table. A route that
/// nobody has put here fails them.

#include <string>
#include <string_view>
#include <vector>

#include "base/cat.h"
#include "ledger/tenancy/roles.h"

namespace bedplate {

/// How an answer tells its usage.
enum class UsageForm : uint8_t { kOpenAi, kResponses, kAnthropic, kConverse, kInvokeAnthropic, kInvokeLlama, kUntold };

/// A call that a model is asked by.
struct BilledCall {
  std::string route = {};  // as Server::Routes() has it
  std::string about = {};
  std::string path = {};
  std::string body = {};
  UsageForm form = UsageForm::kOpenAi;
  bool streams = false;
  bool outlives_client = false;
  size_t prompts = 1;
  uint32_t choices = 1;  // over all prompts
};

/// A call that no model is asked by.
struct FreeCall {
  std::string route;
  std::string path;
  std::string body;
  int status = 200;
};

namespace route_calls {

inline constexpr std::string_view kHi = R"("messages":[{"role":"user","content":"Hi"}])";
inline constexpr std::string_view kConverseHi = R"({"messages":[{"role":"user","content":[{"text":"Hi"}]}]})";
inline constexpr std::string_view kUsageAtEnd = R"("stream":true,"stream_options":{"include_usage":true})";

inline void AddOpenAi(std::vector<BilledCall>& out) {
  const std::string chat = Cat(R"({"model":"fake",)", kHi), raw = R"({"model":"fake","prompt":"Hi")";
  const std::string two = R"({"model":"fake","prompt":["Hi","Ho"])", input = R"({"model":"fake","input":"Hi")";
  const auto end_with = [](const std::string& body, std::string_view more) { return Cat(body, ",", more, "}"); };
  for (const char* prefix : {"", "/openai"}) {
    const auto add = [&](const std::string& path, std::string about, std::string body, BilledCall call) {
      call.path = prefix + path;
      call.route = "POST " + call.path;
      call.about = std::move(about);
      call.body = std::move(body);
      out.push_back(std::move(call));
    };
    add("/v1/chat/completions", "whole", chat + "}", {});
    add("/v1/chat/completions", "stream", end_with(chat, kUsageAtEnd), {.streams = true});
    add("/v1/chat/completions", "three choices", end_with(chat, R"("n":3)"), {.choices = 3});
    add("/v1/completions", "whole", raw + "}", {});
    add("/v1/completions", "stream", end_with(raw, kUsageAtEnd), {.streams = true});
    add("/v1/completions", "two prompts", two + "}", {.prompts = 2, .choices = 2});
    add("/v1/completions", "two prompts, stream", end_with(two, kUsageAtEnd),
        {.streams = true, .prompts = 2, .choices = 2});
    const BilledCall whole{.form = UsageForm::kResponses};
    const BilledCall stream{.form = UsageForm::kResponses, .streams = true};
    BilledCall untold{.form = UsageForm::kUntold, .outlives_client = true};
    add("/v1/responses", "whole", input + "}", whole);
    add("/v1/responses", "unstored", end_with(input, R"("store":false)"), whole);
    add("/v1/responses", "stream", end_with(input, R"("stream":true)"), stream);
    add("/v1/responses", "unstored stream", end_with(input, R"("stream":true,"store":false)"), stream);
    add("/v1/responses", "background", end_with(input, R"("background":true)"), untold);
    untold.streams = true;
    add("/v1/responses", "background, stream", end_with(input, R"("background":true,"stream":true)"), untold);
  }
}

inline void AddAnthropic(std::vector<BilledCall>& out) {
  const std::string body = Cat(R"({"model":"fake","max_tokens":9,)", kHi);
  for (const std::string path : {"/v1/messages", "/anthropic/v1/messages"}) {
    out.push_back(
        {.route = "POST " + path, .about = "whole", .path = path, .body = body + "}", .form = UsageForm::kAnthropic});
    out.push_back({.route = "POST " + path,
                   .about = "stream",
                   .path = path,
                   .body = body + R"(,"stream":true})",
                   .form = UsageForm::kAnthropic,
                   .streams = true});
  }
}

inline void AddBedrock(std::vector<BilledCall>& out) {
  const auto add = [&](std::string_view operation, std::string about, std::string body, UsageForm form) {
    out.push_back({.route = Cat("POST /model/*/", operation),
                   .about = std::move(about),
                   .path = Cat("/model/fake/", operation),
                   .body = std::move(body),
                   .form = form,
                   .streams = operation.ends_with("stream")});
  };
  for (const std::string_view operation : {"converse", "converse-stream"}) {
    add(operation, "", std::string(kConverseHi), UsageForm::kConverse);
  }
  for (const std::string_view operation : {"invoke", "invoke-with-response-stream"}) {
    add(operation, "Anthropic's body", Cat(R"({"anthropic_version":"bedrock-2023-05-31","max_tokens":9,)", kHi, "}"),
        UsageForm::kInvokeAnthropic);
    const std::string usage = operation == "invoke" ? "" : R"(,"stream_options":{"include_usage":true})";
    add(operation, "OpenAI's chat", Cat("{", kHi, usage, "}"), UsageForm::kOpenAi);
    add(operation, "OpenAI's completions", Cat(R"({"prompt":"Hi","max_tokens":9)", usage, "}"), UsageForm::kOpenAi);
    add(operation, "Llama's body", R"({"prompt":"Hi"})", UsageForm::kInvokeLlama);
  }
}

}  // namespace route_calls

inline std::vector<BilledCall> BilledCalls() {
  std::vector<BilledCall> out;
  route_calls::AddOpenAi(out);
  route_calls::AddAnthropic(out);
  route_calls::AddBedrock(out);
  return out;
}

inline std::vector<FreeCall> FreeCalls() {
  std::vector<FreeCall> out = {
      {"GET /foundation-models", "/foundation-models", ""},
      {"GET /foundation-models/*", "/foundation-models/fake", ""},
      {"POST /model/*/count-tokens", "/model/fake/count-tokens",
       Cat(R"({"input":{"converse":)", route_calls::kConverseHi, "}}")},
      {"GET /health", "/health", ""},
      {"GET /ready", "/ready", ""},
      {"GET /metrics", "/metrics", ""},
      {"GET /openapi.json", "/openapi.json", ""},
      {"GET /v1/organization/usage/completions", "/v1/organization/usage/completions?start_time=0", "", 404},
      {"GET /v1/organization/costs", "/v1/organization/costs?start_time=0", "", 404},
      {"GET /console/session", "/console/session", ""},
      {"POST /console/session", "/console/session", "{}", 403},  // from no page of the server's
      {"DELETE /console/session", "/console/session", "", 403},
      {"GET /*", "/no-such-file.txt", "", 404},
  };
  for (const VerbRow& row : VerbRows()) {  // the admin API of a server without tenants
    std::string path(row.route);
    if (const size_t star = path.find('*'); star != std::string::npos) path.replace(star, 1, "any");
    out.push_back({Cat(row.method, " ", row.route), path, row.writes() ? "{}" : "", 404});
  }
  for (const std::string prefix : {"", "/openai"}) {
    const auto add = [&](const std::string& method, const std::string& pattern, const std::string& path,
                         std::string body, int status) {
      out.push_back({Cat(method, " ", prefix, pattern), prefix + path, std::move(body), status});
    };
    add("GET", "/v1/models", "/v1/models", "", 200);
    add("GET", "/v1/models/*", "/v1/models/fake", "", 200);
    add("POST", "/v1/responses/input_tokens", "/v1/responses/input_tokens", R"({"model":"fake","input":"Hi"})", 200);
    add("GET", "/v1/responses/*", "/v1/responses/resp_none", "", 404);
    add("DELETE", "/v1/responses/*", "/v1/responses/resp_none", "", 404);
    add("POST", "/v1/responses/*", "/v1/responses/resp_none/cancel", "", 404);
  }
  for (const std::string path : {"/v1/messages/count_tokens", "/anthropic/v1/messages/count_tokens"}) {
    out.push_back({"POST " + path, path, Cat(R"({"model":"fake",)", route_calls::kHi, "}")});
  }
  return out;
}

}  // namespace bedplate
