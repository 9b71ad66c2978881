// Method: request bodies to the decoder, with a history that is a map; tables of what is read, of what is refused and
// by which name.

#include "serve/openai/decode_response.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

#include "base/cat.h"

namespace bedplate::openai {
namespace {

constexpr std::string_view kId = "0123456789abcdef0123456789abcdef";

class MapHistory final : public ResponseHistory {
 public:
  Result<Json::Array> ItemsUpTo(const std::string& id) override {
    if (const auto at = responses.find(id); at != responses.end()) return at->second;
    return Status::InvalidArgument("not found").WithParam("previous_response_id");
  }
  Result<Json::Array> ItemsOf(const std::string& id) override {
    ++read;
    if (const auto at = responses.find(id); at != responses.end()) return at->second;
    return Status::NotFound("no response");
  }
  size_t read = 0;
  std::map<std::string, Json::Array> responses;
};

class DecodeResponseTest : public testing::Test {
 protected:
  Result<ResponseCall> Decode(std::string_view fields) {
    const Result<Json> body = ParseJson(Cat(R"({"model":"m",)", fields, "}"));
    BP_CHECK(body.ok());
    return DecodeResponse(*body, {.response = kId, .history = history_, .unix_seconds = [] { return int64_t{9}; }});
  }
  ChatPrompt Chat(std::string_view fields) {
    Result<ResponseCall> decoded = Decode(fields);
    EXPECT_TRUE(decoded.ok()) << fields << ": " << decoded.status().message();
    return decoded.ok() ? std::get<ChatPrompt>(decoded->call.requests[0].prompt) : ChatPrompt{};
  }
  /// "role:content{reasoning}[id name arguments]<call>" of each message.
  static std::string Told(const ChatPrompt& chat) {
    std::string text;
    for (const Message& m : chat.messages) {
      text += Cat(text.empty() ? "" : " | ", m.role, ":", m.content);
      if (!m.reasoning.empty()) text += Cat("{", m.reasoning, "}");
      for (const ToolCall& call : m.tool_calls) text += Cat("[", call.id, " ", call.name, " ", call.arguments, "]");
      if (!m.tool_call_id.empty()) text += Cat("<", m.tool_call_id, ">");
    }
    return text;
  }

  MapHistory history_;
};

TEST_F(DecodeResponseTest, ItemsBecomeMessages) {
  struct Case {
    std::string_view fields, told;
  };
  const Case cases[] = {
      {R"("input":"Hi")", "user:Hi"},
      {R"("instructions":"Be brief.","input":[{"role":"user","content":"Hi"}])", "system:Be brief. | user:Hi"},
      {R"("input":[{"type":"message","role":"developer","content":[{"type":"input_text","text":"a"},
        {"type":"input_text","text":"b"}]},{"role":"user","content":"c"}])",
       "developer:ab | user:c"},
      {R"("input":[{"role":"user","content":"q"},
        {"type":"reasoning","id":"rs_1","summary":[],"content":[{"type":"reasoning_text","text":"hm"}]},
        {"type":"message","role":"assistant","content":[{"type":"output_text","text":"ok","annotations":[]}]},
        {"type":"function_call","call_id":"c1","name":"f","arguments":"{}"},
        {"type":"function_call","call_id":"c2","name":"g","arguments":"{\"a\":1}"},
        {"type":"function_call_output","call_id":"c2","output":"two"},
        {"type":"function_call_output","call_id":"c1","output":[{"type":"input_text","text":"one"}]}])",
       "user:q | assistant:ok{hm}[c1 f {}][c2 g {\"a\":1}] | tool:two<c2> | tool:one<c1>"},
      {R"("input":[{"role":"user","content":"q"},{"type":"reasoning","summary":[{"type":"summary_text","text":"s"}]},
        {"type":"function_call","call_id":"c","name":"f","arguments":"{}"},
        {"type":"function_call_output","call_id":"c","output":"r"},{"role":"assistant","content":"a"},
        {"role":"assistant","content":"b"}])",
       "user:q | assistant:{s}[c f {}] | tool:r<c> | assistant:a | assistant:b"},
      {R"("input":[{"type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text":"lost"}]},
        {"role":"user","content":"q"},{"role":"assistant","content":"a"}])",
       "user:q | assistant:a"},
  };
  for (const Case& c : cases) EXPECT_EQ(Told(Chat(c.fields)), c.told);
}

TEST_F(DecodeResponseTest, GoesOnFromAnEarlierResponse) {
  history_.responses["resp_1"] = ParseJson(R"([
      {"id":"msg_a","type":"message","role":"user","content":[{"type":"input_text","text":"q"}]},
      {"id":"fc_b","type":"function_call","call_id":"c","name":"f","arguments":"{}"}])")
                                     ->as_array();
  EXPECT_EQ(Told(Chat(R"("previous_response_id":"resp_1","instructions":"new",
                         "input":[{"type":"function_call_output","call_id":"c","output":"r"}])")),
            "system:new | user:q | assistant:[c f {}] | tool:r<c>");
  EXPECT_EQ(Told(Chat(R"("previous_response_id":"resp_1")")), "user:q | assistant:[c f {}]") << "no input of its own";
  EXPECT_EQ(Decode(R"("previous_response_id":"resp_2","input":"x")").status().param(), "previous_response_id");
}

TEST_F(DecodeResponseTest, RefersToItemsOfEarlierResponses) {
  const auto refer = [](size_t response, size_t item) {
    return Cat(R"({"type":"item_reference","id":"msg_)", fmt::format("{:032x}", response), "_i", item, R"("})");
  };
  std::string all;
  for (size_t i = 0; i < 70; ++i) {
    const std::string id = fmt::format("{:032x}", i);
    history_.responses["resp_" + id] =
        ParseJson(Cat(R"([{"id":"msg_)", id, R"(_i0","type":"message","role":"user","content":"q)", i,
                      R"("},{"id":"msg_)", id, R"(_i1","type":"message","role":"user","content":"r"}])"))
            ->as_array();
    all += Cat(i == 0 ? "" : ",", refer(i, 0), ",", refer(i / 2, 1));
  }
  EXPECT_TRUE(Decode(Cat(R"("input":[)", all, "]")).ok());
  EXPECT_EQ(history_.read, 70u) << "a response is read once for all its items";
  EXPECT_EQ(Told(Chat(Cat(R"("input":[)", refer(1, 1), R"(,{"id":"msg_00000000000000000000000000000003_i0"}])"))),
            "user:r | user:q3");
  const std::string large(5 << 20, 'x');
  history_.responses["resp_" + std::string(kId)] = Json::Array{
      Json::Object{{"id", Cat("msg_", kId, "_i0")}, {"type", "message"}, {"role", "user"}, {"content", large}}};
  std::string seven;
  for (int i = 0; i < 7; ++i) seven += Cat(i == 0 ? "" : ",", R"({"id":"msg_)", kId, R"(_i0"})");
  for (const std::string& refused : {seven, refer(99, 0), refer(1, 2)}) {
    const Result<ResponseCall> decoded = Decode(Cat(R"("input":[)", refused, "]"));
    ASSERT_FALSE(decoded.ok()) << refused;
    EXPECT_EQ(decoded.status().param(), "input");
  }
  EXPECT_TRUE(Decode(Cat(R"("input":[{"id":"msg_)", kId, R"(_i0"}])")).ok());
}

TEST_F(DecodeResponseTest, ItemsAreStoredWholeWithIds) {
  const Result<ResponseCall> decoded = Decode(R"("input":[{"role":"user","content":"q"},
      {"type":"function_call","id":"fc_own","call_id":"c","name":"f","arguments":"{}"},
      {"type":"function_call_output","call_id":"c","output":"r"}])");
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(
      WriteJson(decoded->input),
      Cat(R"([{"id":"msg_)", kId, R"(_i0","type":"message","status":"completed","role":"user",)",
          R"("content":[{"type":"input_text","text":"q"}]},)",
          R"({"id":"fc_own","type":"function_call","status":"completed","call_id":"c","name":"f","arguments":"{}"},)",
          R"({"id":"fco_)", kId, R"(_i2","type":"function_call_output","status":"completed","call_id":"c",)",
          R"("output":"r"}])"));
  EXPECT_EQ(ResponseIdOfItem(Cat("fco_", kId, "_i2")), Cat("resp_", kId));
  for (const char* other : {"", "msg_", "msg_1234", "fc_own", "_", "msg_0123456789abcdef0123456789abcdefX"}) {
    EXPECT_EQ(ResponseIdOfItem(other), "") << other;
  }
}

TEST_F(DecodeResponseTest, ToolsThatAreNoFunctionsAreTakenButNotTold) {
  constexpr std::string_view kTools =
      R"("input":"q","tools":[{"type":"web_search"},{"type":"function","name":"f","description":"d",
         "parameters":{"type":"object"},"strict":true},{"type":"mcp","server_label":"s"},
         {"type":"custom","name":"patch","format":{"type":"grammar","syntax":"lark","definition":"start: \"a\""}},
         {"type":"namespace","name":"n","tools":[]},{"type":"function","name":"g"}])";
  EXPECT_EQ(WriteJson(Chat(kTools).tools),
            R"([{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"}}},)"
            R"({"type":"function","function":{"name":"g"}}])");
  const auto choice = [&](std::string_view json) { return Chat(Cat(kTools, ",\"tool_choice\":", json)); };
  EXPECT_EQ(choice(R"("auto")").tool_choice.kind, ToolChoice::Kind::kAuto);
  EXPECT_TRUE(choice(R"("none")").tools.is_null());
  EXPECT_EQ(choice(R"("required")").tool_choice.kind, ToolChoice::Kind::kRequired);
  EXPECT_EQ(choice(R"({"type":"function","name":"g"})").tool_choice.name, "g");
  const ChatPrompt allowed =
      choice(R"({"type":"allowed_tools","mode":"required","tools":[{"type":"function","name":"g"},{"type":"mcp"}]})");
  EXPECT_EQ(WriteJson(allowed.tools), R"([{"type":"function","function":{"name":"g"}}])");
  EXPECT_EQ(allowed.tool_choice.kind, ToolChoice::Kind::kRequired);
}

TEST_F(DecodeResponseTest, CustomToolsAreFunctionsOfOneText) {
  constexpr std::string_view kTools =
      R"("input":"q","tools":[{"type":"custom","name":"note","description":"d","format":{"type":"text"}},
         {"type":"custom","name":"patch","format":{"type":"grammar","syntax":"regex","definition":"a"}}])";
  EXPECT_EQ(WriteJson(Chat(kTools).tools),
            R"([{"type":"function","function":{"name":"note","description":"d","parameters":{"type":"object",)"
            R"("properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}}}])");
  const auto choice = [&](std::string_view json) { return Cat(kTools, ",\"tool_choice\":", json); };
  EXPECT_EQ(Chat(choice(R"({"type":"custom","name":"note"})")).tool_choice.name, "note");
  EXPECT_EQ(Decode(choice(R"({"type":"custom","name":"patch"})")).status().param(), "tool_choice.name");
  EXPECT_EQ(Told(Chat(R"("input":[{"role":"user","content":"a"},
      {"type":"custom_tool_call","call_id":"c","name":"note","input":"say \"hi\""},
      {"type":"custom_tool_call_output","call_id":"c","output":"done"}])")),
            R"(user:a | assistant:[c note {"input":"say \"hi\""}] | tool:done<c>)");
}

TEST_F(DecodeResponseTest, OtherEnginesConstraintsAreFollowedAndThoseOfChatsRefused) {
  const auto constraint = [&](std::string_view fields) { return Decode(Cat(R"("input":"q",)", fields)); };
  EXPECT_TRUE(
      std::holds_alternative<RegexForm>(constraint(R"("guided_regex":"a+")")->call.requests[0].constraint->form));
  EXPECT_TRUE(std::holds_alternative<ChoiceForm>(
      constraint(R"("structured_outputs":{"choice":["a"]})")->call.requests[0].constraint->form));
  EXPECT_EQ(constraint(R"("guided_regex":"a","text":{"format":{"type":"json_object"}})").status().param(),
            "guided_regex");
  EXPECT_EQ(constraint(R"("text":{"format":{"type":"json_object","schema":5}})").status().param(),
            "text.format.schema");
  const Status moved = constraint(R"("response_format":{"type":"json_object"})").status();
  EXPECT_EQ(moved.param(), "response_format");
  EXPECT_NE(moved.message().find("text.format"), std::string::npos);
}

TEST_F(DecodeResponseTest, ReadsTheRest) {
  const Result<ResponseCall> decoded = Decode(R"("input":"q","stream":true,"background":true,"max_output_tokens":7,
      "temperature":0.5,"top_logprobs":3,"truncation":"auto","reasoning":{"effort":"low"},"parallel_tool_calls":false,
      "text":{"format":{"type":"json_schema","name":"n","schema":{"type":"string"}}},"metadata":{"a":"b"})");
  ASSERT_TRUE(decoded.ok()) << decoded.status().message();
  EXPECT_TRUE(decoded->stream && decoded->background && decoded->store);
  const Request& request = decoded->call.requests[0];
  const auto& chat = std::get<ChatPrompt>(request.prompt);
  EXPECT_EQ(request.output_tokens_max, 7u);
  EXPECT_TRUE(request.output_ends_with_context);
  EXPECT_EQ(request.logprobs_top, 3u);
  EXPECT_TRUE(chat.drops_oldest);
  EXPECT_EQ(chat.reasoning_effort, "low");
  EXPECT_FALSE(chat.parallel_tool_calls);
  EXPECT_EQ(std::get<JsonSchemaForm>(request.constraint->form).param, "text.format.schema");
  EXPECT_TRUE(std::holds_alternative<JsonObjectForm>(
      Decode(R"("input":"q","text":{"format":{"type":"json_object"}})")->call.requests[0].constraint->form));
  EXPECT_FALSE(Decode(R"("input":"q","store":false)")->store);
  EXPECT_EQ(Decode(R"("input":"q","include":["message.output_text.logprobs"])")->call.requests[0].logprobs_top, 0u);
  EXPECT_EQ(Decode(R"("input":"q","n":5,"include":["reasoning.encrypted_content"])")->call.requests[0].choices, 1u);
}

TEST_F(DecodeResponseTest, RefusalsNameTheField) {
  struct Case {
    std::string_view fields, param;
  };
  const Case cases[] = {
      {R"("stream":true)", "input"},
      {R"("input":[])", "input"},
      {R"("input":7)", "input"},
      {R"("input":["x"])", "input[0]"},
      {R"("input":[{"role":"tool","content":"x"}])", "input[0].role"},
      {R"("input":[{"role":"user"}])", "input[0].content"},
      {R"("input":[{"role":"user","content":[{"type":"input_text","text":"x"},{"type":"input_image","image_url":"y"}]}])",
       "input[0].content[1].type"},
      {R"("input":[{"role":"user","content":[{"type":"input_file","file_id":"y"}]}])", "input[0].content[0].type"},
      {R"("input":[{"role":"user","content":[{"type":"input_audio"}]}])", "input[0].content[0].type"},
      {R"("input":[{"role":"user","content":"x"},{"type":"web_search_call","id":"w"}])", "input[1].type"},
      {R"("input":[{"type":"function_call","name":"f","arguments":"{}"}])", "input[0].call_id"},
      {R"("input":[{"type":"function_call_output","call_id":"c","output":"x"}])", "input"},
      {R"("input":[{"type":"item_reference","id":"msg_gone"}])", "input"},
      {R"("input":"x","tools":[{"name":"f"}])", "tools[0].type"},
      {R"("input":"x","tools":[{"type":"function"}])", "tools[0].name"},
      {R"("input":"x","tools":[{"type":"function","name":"f","parameters":"{}"}])", "tools[0].parameters"},
      {R"("input":"x","tools":[{"type":"mcp"}],"tool_choice":"required")", "tool_choice"},
      {R"("input":"x","tools":[{"type":"mcp"}],"tool_choice":{"type":"mcp"})", "tool_choice.type"},
      {R"("input":"x","tool_choice":"maybe")", "tool_choice"},
      {R"("input":"x","background":true,"store":false)", "background"},
      {R"("input":"x","truncation":"some")", "truncation"},
      {R"("input":"x","text":{"format":{"type":"json_schema","schema":{}}})", "text.format.name"},
      {R"("input":"x","text":{"format":{"type":"yaml"}})", "text.format.type"},
      {R"("input":"x","metadata":{"a":1})", "metadata.a"},
      {R"("input":"x","max_output_tokens":0)", "max_output_tokens"},
      {R"("input":"x","conversation":"conv_1")", "conversation"},
      {R"("input":"x","prompt":{"id":"p"})", "prompt"},
      {R"("input":"x","temperature":3)", "temperature"},
  };
  for (const Case& c : cases) {
    const Result<ResponseCall> decoded = Decode(c.fields);
    ASSERT_FALSE(decoded.ok()) << c.fields;
    EXPECT_EQ(decoded.status().code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(decoded.status().param(), c.param) << c.fields << ": " << decoded.status().message();
  }
}

}  // namespace
}  // namespace bedplate::openai
