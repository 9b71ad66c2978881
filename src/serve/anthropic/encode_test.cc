// Method: scripted events to the encoders; their output is compared as text.
#include "serve/anthropic/encode.h"

#include <gtest/gtest.h>

#include "base/cat.h"
#include "base/json.h"
#include "serve/anthropic/errors.h"

namespace bedplate::anthropic {
namespace {

using Kind = OutputPiece::Kind;

const ReplyIdentity kIdentity = {
    .id = "1", .request_id = "req_1", .created_unix_seconds = 5, .model = "m", .fingerprint = "fp"};
const Usage kUsage = {.prompt_tokens = 10, .cached_tokens = 4, .output_tokens = 3, .reasoning_tokens = 2};

Event Delta(std::vector<OutputPiece> pieces) {
  return OutputDelta{.choice = 0, .pieces = std::move(pieces), .tokens = {TokenId{1}}, .logprobs = {}};
}
Event Finished(FinishReason reason, std::string stop_string = {}) {
  return ChoiceFinished{.choice = 0, .reason = reason, .stop_string = std::move(stop_string)};
}
std::string Encode(MessagesReplyOptions options, const std::vector<Event>& events) {
  const auto encoder = MakeMessagesEncoder(options, kIdentity);
  std::string out;
  for (const Event& event : events) encoder->OnEvent(0, event, out);
  encoder->OnDone(kUsage, out);
  return out;
}
std::vector<Event> Everything() {
  return {PromptRead{.prompt_tokens = 10, .cached_tokens = 4, .prompt_text = {}, .prompt_logprobs = {}},
          Delta({{.kind = Kind::kReasoning, .text = "H"}}),
          Delta({{.kind = Kind::kReasoning, .text = "m"}}),
          Delta({}),
          Delta({{.kind = Kind::kText, .text = "Ok"},
                 {.kind = Kind::kCallBegin, .text = "f", .call_id = "call_1"},
                 {.kind = Kind::kCallArguments, .text = "{\"a\":"}}),
          Delta({{.kind = Kind::kCallArguments, .text = "1}"},
                 {.kind = Kind::kCallEnd, .text = {}},
                 {.kind = Kind::kCallBegin, .text = "g", .call_id = "call_2"},
                 {.kind = Kind::kCallArguments, .text = "{}"},
                 {.kind = Kind::kCallEnd, .text = {}}}),
          Finished(FinishReason::kToolCalls)};
}

TEST(MessagesStream, EventsAreNamedAndInOrder) {
  std::string out = Encode({.stream = true, .output_tokens_max = 100}, Everything());
  // The signature is opaque; its place is what counts.
  const size_t at = out.find("\"signature\":\"", out.find("signature_delta"));
  ASSERT_NE(at, std::string::npos);
  out.replace(at + 13, 64, "SIGNATURE");  // a SHA-256 in hex
  const auto event = [](std::string_view name, std::string_view rest) {
    return Cat("event: ", name, "\ndata: {\"type\":\"", name, "\"", rest, "}\n\n");
  };
  const auto delta = [&](int index, std::string_view json) {
    return event("content_block_delta", Cat(",\"index\":", index, ",\"delta\":", json));
  };
  const auto start = [&](int index, std::string_view json) {
    return event("content_block_start", Cat(",\"index\":", index, ",\"content_block\":", json));
  };
  const auto stop = [&](int index) { return event("content_block_stop", Cat(",\"index\":", index)); };
  EXPECT_EQ(
      out,
      event(
          "message_start",
          R"(,"message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,)"
          R"("stop_sequence":null,"usage":{"input_tokens":6,"cache_creation_input_tokens":0,"cache_read_input_tokens":4,)"
          R"("output_tokens":0,"output_tokens_details":{"thinking_tokens":0}}})") +
          start(0, R"({"type":"thinking","thinking":"","signature":""})") + event("ping", "") +
          delta(0, R"({"type":"thinking_delta","thinking":"H"})") +
          delta(0, R"({"type":"thinking_delta","thinking":"m"})") +
          delta(0, R"({"type":"signature_delta","signature":"SIGNATURE"})") + stop(0) +
          start(1, R"({"type":"text","text":""})") + delta(1, R"({"type":"text_delta","text":"Ok"})") + stop(1) +
          start(2, R"({"type":"tool_use","id":"call_1","name":"f","input":{}})") +
          delta(2, R"({"type":"input_json_delta","partial_json":"{\"a\":"})") +
          delta(2, R"({"type":"input_json_delta","partial_json":"1}"})") + stop(2) +
          start(3, R"({"type":"tool_use","id":"call_2","name":"g","input":{}})") +
          delta(3, R"({"type":"input_json_delta","partial_json":"{}"})") + stop(3) +
          event("message_delta",
                R"(,"delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"input_tokens":6,)"
                R"("cache_creation_input_tokens":0,"cache_read_input_tokens":4,"output_tokens":3,)"
                R"("output_tokens_details":{"thinking_tokens":2}})") +
          event("message_stop", ""));
}

TEST(MessagesStream, AFailureIsAnEvent) {
  const auto encoder = MakeMessagesEncoder({.stream = true, .output_tokens_max = 1}, kIdentity);
  std::string out;
  encoder->OnFailure(Status::Unavailable("stopped"), out);
  EXPECT_EQ(out,
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
            "\"message\":\"stopped\"},"
            "\"request_id\":\"req_1\"}\n\n");
}

TEST(MessagesWhole, HasTheSameBlocks) {
  const Result<Json> reply = ParseJson(Encode({.stream = false, .output_tokens_max = 100}, Everything()));
  ASSERT_TRUE(reply.ok());
  EXPECT_EQ(reply->Find("id")->as_string(), "msg_1");
  const Json::Array& content = reply->Find("content")->as_array();
  ASSERT_EQ(content.size(), 4u);
  EXPECT_EQ(content[0].Find("thinking")->as_string(), "Hm");
  EXPECT_FALSE(content[0].Find("signature")->as_string().empty());
  EXPECT_EQ(WriteJson(content[1]), R"({"type":"text","text":"Ok"})");
  EXPECT_EQ(WriteJson(content[2]), R"({"type":"tool_use","id":"call_1","name":"f","input":{"a":1}})");
  EXPECT_EQ(WriteJson(*reply->Find("usage")),
            R"({"input_tokens":6,"cache_creation_input_tokens":0,"cache_read_input_tokens":4,"output_tokens":3,)"
            R"("output_tokens_details":{"thinking_tokens":2}})");
}

TEST(MessagesWhole, SaysWhyItStopped) {
  const auto reason = [](Event finished, uint32_t output_tokens_max) {
    const Result<Json> reply =
        ParseJson(Encode({.stream = false, .output_tokens_max = output_tokens_max}, {std::move(finished)}));
    EXPECT_TRUE(reply.ok());
    return Cat(reply->Find("stop_reason")->as_string(), " ", WriteJson(*reply->Find("stop_sequence")));
  };
  EXPECT_EQ(reason(Finished(FinishReason::kStop), 100), "end_turn null");
  EXPECT_EQ(reason(Finished(FinishReason::kStop, "##"), 100), "stop_sequence \"##\"");
  EXPECT_EQ(reason(Finished(FinishReason::kLength), 3), "max_tokens null");
  EXPECT_EQ(reason(Finished(FinishReason::kLength), 100), "model_context_window_exceeded null");
  EXPECT_EQ(reason(Finished(FinishReason::kToolCalls), 100), "tool_use null");
}

TEST(MessagesWhole, KeepsInputThatIsNoJson) {
  const Result<Json> reply = ParseJson(Encode(
      {.stream = false, .output_tokens_max = 3},
      {Delta({{.kind = Kind::kCallBegin, .text = "f", .call_id = "c"}, {.kind = Kind::kCallArguments, .text = "{\"a"}}),
       Finished(FinishReason::kLength)}));
  ASSERT_TRUE(reply.ok());
  EXPECT_EQ(WriteJson(*reply->Find("content")->as_array()[0].Find("input")), R"({"INVALID_JSON":"{\"a"})");
}

TEST(Errors, HaveAnthropicsTypesAndStatuses) {
  const struct {
    Status status;
    int http;
    std::string_view type;
  } cases[] = {
      {Status::InvalidArgument("x"), 400, "invalid_request_error"},
      {Status(StatusCode::kUnauthenticated, "x"), 401, "authentication_error"},
      {Status(StatusCode::kPermissionDenied, "x"), 403, "permission_error"},
      {Status::NotFound("x"), 404, "not_found_error"},
      {Status::TooLarge("x"), 413, "request_too_large"},
      {Status::ResourceExhausted("x"), 429, "rate_limit_error"},
      {Status::ResourceExhausted("x").WithReason("queue_full"), 529, "overloaded_error"},
      {Status::Unavailable("x"), 529, "overloaded_error"},
      {Status::Internal("x"), 500, "api_error"},
  };
  for (const auto& c : cases) {
    const HttpResponse response = ErrorResponse(c.status, "req_1");
    EXPECT_EQ(response.status, c.http);
    EXPECT_EQ(response.body,
              Cat(R"({"type":"error","error":{"type":")", c.type, R"(","message":"x"},"request_id":"req_1"})"));
    const bool says_when = response.fields.size() > 1;
    EXPECT_EQ(says_when, c.http == 429 || c.http == 529) << c.http;
  }
  const HttpResponse overflow =
      ErrorResponse(Status::InvalidArgument("9 tokens").WithReason("context_length_exceeded"), "r");
  EXPECT_NE(overflow.body.find("prompt is too long: 9 tokens"), std::string::npos);
}

}  // namespace
}  // namespace bedplate::anthropic
