// Method: scripted events to the encoder; the stream's order, numbers and contents as a client reads them, and the
// whole answer beside the stream's last event.

#include "serve/openai/encode_response.h"

#include <gtest/gtest.h>

#include "base/cat.h"
#include "serve/openai/response_events.h"

namespace bedplate::openai {
namespace {

using PieceKind = OutputPiece::Kind;

const ReplyIdentity kResponseIdentity = {
    .id = "1", .request_id = "req_1", .created_unix_seconds = 5, .model = "m", .fingerprint = "fp_1"};
const Usage kResponseUsage = {.prompt_tokens = 10, .cached_tokens = 4, .output_tokens = 3, .reasoning_tokens = 1};

ResponseReplyOptions Options(bool stream, bool background = false, bool logprobs = false) {
  return {.echo = {{"background", background}, {"tools", Json::Array{}}},
          .stream = stream,
          .background = background,
          .logprobs = logprobs,
          .unix_seconds = [] { return int64_t{9}; }};
}
OutputDelta Said(std::vector<OutputPiece> pieces, std::vector<TokenLogprob> logprobs = {}) {
  return {.choice = 0, .pieces = std::move(pieces), .tokens = {TokenId{1}}, .logprobs = std::move(logprobs)};
}
Event Finished(FinishReason reason = FinishReason::kStop) {
  return ChoiceFinished{.choice = 0, .reason = reason, .stop_string = {}};
}
std::vector<Event> ThoughtTextAndCall() {
  return {PromptRead{.prompt_tokens = 10, .cached_tokens = 4, .prompt_text = {}, .prompt_logprobs = {}},
          Said({{.kind = PieceKind::kReasoning, .text = "hm"}}),
          Said({{.kind = PieceKind::kText, .text = "He"}}),
          Said({{.kind = PieceKind::kText, .text = "y"},
                {.kind = PieceKind::kCallBegin, .text = "f", .call_id = "call_1"},
                {.kind = PieceKind::kCallArguments, .text = "{\"a\""}}),
          Said({{.kind = PieceKind::kCallArguments, .text = ":1}"}, {.kind = PieceKind::kCallEnd, .text = {}}}),
          Finished(FinishReason::kToolCalls)};
}

std::string Encode(const ResponseReplyOptions& options, const std::vector<Event>& events) {
  const auto encoder = MakeResponseEncoder(options, kResponseIdentity);
  std::string out;
  encoder->OnBegin(out);
  for (const Event& event : events) encoder->OnEvent(0, event, out);
  encoder->OnDone(kResponseUsage, out);
  return out;
}

/// Each event's data; names and numbers are checked.
std::vector<Json> Read(std::string_view text) {
  std::vector<Json> events;
  while (!text.empty()) {
    const std::string_view event = FirstEvent(text);
    text.remove_prefix(event.size());
    const Result<Json> data = ParseJson(EventData(event));
    BP_CHECK(data.ok());
    EXPECT_EQ(*data->Find("type"), Json(std::string(EventName(event))));
    EXPECT_EQ(*data->Find("sequence_number"), Json(static_cast<int64_t>(events.size())));
    events.push_back(*data);
  }
  return events;
}
std::string Names(const std::vector<Json>& events) {
  std::string names;
  for (const Json& event : events) {
    names += event.Find("type")->as_string().substr(std::string_view("response.").size()) + " ";
  }
  return names;
}

TEST(EncodeResponse, EventsComeInTheirOrder) {
  const std::vector<Json> events = Read(Encode(Options(true), ThoughtTextAndCall()));
  EXPECT_EQ(Names(events),
            "created in_progress "
            "output_item.added content_part.added reasoning_text.delta reasoning_text.done content_part.done "
            "output_item.done "
            "output_item.added content_part.added output_text.delta output_text.delta output_text.done "
            "content_part.done output_item.done "
            "output_item.added function_call_arguments.delta function_call_arguments.delta "
            "function_call_arguments.done output_item.done "
            "completed ");
  EXPECT_EQ(WriteJson(events[9]),
            R"({"type":"response.content_part.added","sequence_number":9,"item_id":"msg_1_1","output_index":1,)"
            R"("content_index":0,"part":{"type":"output_text","annotations":[],"logprobs":[],"text":""}})");
  EXPECT_EQ(WriteJson(events[10]),
            R"({"type":"response.output_text.delta","sequence_number":10,"item_id":"msg_1_1","output_index":1,)"
            R"("content_index":0,"delta":"He","logprobs":[]})");
  EXPECT_EQ(WriteJson(events[15]),
            R"({"type":"response.output_item.added","sequence_number":15,"output_index":2,"item":{"id":"fc_1_2",)"
            R"("type":"function_call","status":"in_progress","call_id":"call_1","name":"f","arguments":""}})");
  EXPECT_EQ(WriteJson(events[18]),
            R"({"type":"response.function_call_arguments.done","sequence_number":18,"item_id":"fc_1_2",)"
            R"("output_index":2,"name":"f","arguments":"{\"a\":1}"})");
}

TEST(EncodeResponse, ACustomToolIsCalledWithAText) {
  ResponseReplyOptions options = Options(true);
  options.custom_tools = {"note"};
  const auto told = [&](std::vector<std::string> fragments, FinishReason reason) {
    std::vector<OutputPiece> pieces = {{.kind = PieceKind::kCallBegin, .text = "note", .call_id = "call_1"}};
    for (std::string& text : fragments) pieces.push_back({.kind = PieceKind::kCallArguments, .text = std::move(text)});
    pieces.push_back({.kind = PieceKind::kCallEnd, .text = {}});
    return Read(Encode(options, {PromptRead{}, Said(std::move(pieces)), Finished(reason)}));
  };
  const std::vector<Json> events = told({R"({"input": "say )", R"(\"hi\"\n"})"}, FinishReason::kToolCalls);
  EXPECT_EQ(Names(events),
            "created in_progress output_item.added custom_tool_call_input.delta custom_tool_call_input.done "
            "output_item.done completed ");
  EXPECT_EQ(*events[3].Find("delta"), Json("say \"hi\"\n"));
  EXPECT_EQ(*events[4].Find("input"), Json("say \"hi\"\n"));
  EXPECT_EQ(WriteJson(*events[5].Find("item")),
            R"({"id":"ctc_1_0","type":"custom_tool_call","status":"completed","call_id":"call_1","name":"note",)"
            R"("input":"say \"hi\"\n"})");
  EXPECT_EQ(*told({R"({"input":"cut o)"}, FinishReason::kLength)[4].Find("input"), Json("cut o"));
  EXPECT_EQ(*told({"no JSON"}, FinishReason::kToolCalls)[4].Find("input"), Json("no JSON"));
}

TEST(EncodeResponse, TheLastEventIsTheWholeAnswer) {
  const std::vector<Json> events = Read(Encode(Options(true), ThoughtTextAndCall()));
  const std::string whole = Encode(Options(false), ThoughtTextAndCall());
  EXPECT_EQ(WriteJson(*events.back().Find("response")), whole);
  EXPECT_EQ(whole,
            R"({"id":"resp_1","object":"response","created_at":5,"completed_at":9,"status":"completed","error":null,)"
            R"("incomplete_details":null,"model":"m","output":[)"
            R"({"id":"rs_1_0","type":"reasoning","status":"completed","summary":[],)"
            R"("content":[{"type":"reasoning_text","text":"hm"}]},)"
            R"({"id":"msg_1_1","type":"message","status":"completed","role":"assistant",)"
            R"("content":[{"type":"output_text","annotations":[],"logprobs":[],"text":"Hey"}]},)"
            R"({"id":"fc_1_2","type":"function_call","status":"completed","call_id":"call_1","name":"f",)"
            R"("arguments":"{\"a\":1}"}],"background":false,"tools":[],)"
            R"("usage":{"input_tokens":10,"input_tokens_details":{"cached_tokens":4,"cache_write_tokens":0},)"
            R"("output_tokens":3,"output_tokens_details":{"reasoning_tokens":1},"total_tokens":13}})");
}

TEST(EncodeResponse, OneInTheBackgroundIsQueuedFirst) {
  const std::vector<Json> events = Read(Encode(Options(true, /*background=*/true), ThoughtTextAndCall()));
  EXPECT_TRUE(Names(events).starts_with("created queued in_progress output_item.added "));
  EXPECT_EQ(*events[0].Find("response")->Find("status"), Json("queued"));
}

TEST(EncodeResponse, WhatTheLengthCutIsIncomplete) {
  const std::vector<Event> events = {PromptRead{}, Said({{.kind = PieceKind::kText, .text = "Hel"}}),
                                     Finished(FinishReason::kLength)};
  const std::vector<Json> read = Read(Encode(Options(true), events));
  EXPECT_TRUE(Names(read).ends_with("output_item.done incomplete "));
  const Json& response = *read.back().Find("response");
  EXPECT_EQ(*response.Find("status"), Json("incomplete"));
  EXPECT_EQ(WriteJson(*response.Find("incomplete_details")), R"({"reason":"max_output_tokens"})");
  EXPECT_EQ(*response.Find("output")->as_array()[0].Find("status"), Json("incomplete"));
}

TEST(EncodeResponse, NoWordIsAnEmptyMessage) {
  const Result<Json> response = ParseJson(Encode(Options(false), {PromptRead{}, Finished()}));
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(WriteJson(*response->Find("output")),
            R"([{"id":"msg_1_0","type":"message","status":"completed","role":"assistant",)"
            R"("content":[{"type":"output_text","annotations":[],"logprobs":[],"text":""}]}])");
}

TEST(EncodeResponse, LogprobsGoWithTheirText) {
  const auto token = [](std::string bytes) {
    return TokenLogprob{.chosen = {.token = TokenId{1}, .bytes = std::move(bytes), .logprob = -1}, .top = {}};
  };
  const std::vector<Event> events = {
      PromptRead{}, Said({}, {token("\xc3")}), Said({{.kind = PieceKind::kText, .text = "\xc3\xa9"}}, {token("\xa9")}),
      Said({{.kind = PieceKind::kCallBegin, .text = "f", .call_id = "c"}}, {token("f")}), Finished()};
  const std::vector<Json> read = Read(Encode(Options(true, false, /*logprobs=*/true), events));
  EXPECT_EQ(read[4].Find("logprobs")->as_array().size(), 2u) << "of the character's two tokens";
  EXPECT_EQ(WriteJson(read[4].Find("logprobs")->as_array()[1]),
            R"({"token":"�","logprob":-1.0,"bytes":[169],"top_logprobs":[]})");
  const Json& message = read.back().Find("response")->Find("output")->as_array()[0];
  EXPECT_EQ(message.Find("content")->as_array()[0].Find("logprobs")->as_array().size(), 2u);
}

TEST(EncodeResponse, AFailureIsTheLastEvent) {
  const auto encoder = MakeResponseEncoder(Options(true), kResponseIdentity);
  std::string out;
  encoder->OnEvent(0, PromptRead{}, out);
  encoder->OnEvent(0, Said({{.kind = PieceKind::kText, .text = "Hel"}}), out);
  encoder->OnFailure(Status::Unavailable("no more"), out);
  const std::vector<Json> events = Read(out);
  EXPECT_TRUE(Names(events).ends_with("output_text.delta failed "));
  EXPECT_EQ(WriteJson(*events.back().Find("response")->Find("error")),
            R"({"code":"server_error","message":"no more"})");
  const auto cancelled = MakeResponseEncoder(Options(true), kResponseIdentity);
  std::string end;
  cancelled->OnFailure(Status::Cancelled("by the client"), end);
  EXPECT_EQ(*Read(end).back().Find("response")->Find("status"), Json("cancelled"));
  EXPECT_TRUE(Read(end).back().Find("response")->Find("error")->is_null());
}

}  // namespace
}  // namespace bedplate::openai
