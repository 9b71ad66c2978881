// Method: tables of bodies: what is accepted becomes these fields of the Request, what is not names its field.
#include "serve/openai/decode.h"

#include <gtest/gtest.h>

#include "base/cat.h"

namespace bedplate::openai {
namespace {

Result<Call> Chat(std::string_view fields, std::string_view messages = R"([{"role":"user","content":"hi"}])") {
  const Result<Json> body =
      ParseJson(Cat(R"({"model":"m","messages":)", messages, fields.empty() ? "" : ",", fields, "}"));
  EXPECT_TRUE(body.ok()) << fields;
  return DecodeChat(*body);
}
Result<Call> Completion(std::string_view fields) {
  const Result<Json> body = ParseJson(Cat(R"({"model":"m",)", fields, "}"));
  EXPECT_TRUE(body.ok()) << fields;
  return DecodeCompletions(*body, {.prompts_max = 3});
}

TEST(DecodeChat, TakesEveryField) {
  const Result<Call> call = Chat(R"("temperature":0.5,"top_p":0.25,"top_k":40,"min_p":0.1,"typical_p":0.5,
      "repetition_penalty":1.5,"frequency_penalty":-1,"presence_penalty":2,"logit_bias":{"7":-100,"8":1.5},"seed":-1,"n":3,
      "max_tokens":10,"max_completion_tokens":20,"stop":["a","b"],"stop_token_ids":[5],"ignore_eos":true,"logprobs":true,
      "top_logprobs":4,"priority":-2,"chat_template_kwargs":{"enable_thinking":false},"reasoning_effort":"low","stream":true,
      "stream_options":{"include_usage":true},"user":"u","store":false,"metadata":{},"unknown_thing":[1],
      "tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"auto","parallel_tool_calls":true,
      "response_format":{"type":"text"},"modalities":["text"],"speculation":false,
      "prediction":{"type":"content","content":[{"type":"text","text":"int "},{"type":"text","text":"main"}]})");
  ASSERT_TRUE(call.ok()) << call.status().message();
  EXPECT_TRUE(call->stream);
  ASSERT_EQ(call->requests.size(), 1u);
  const Request& r = call->requests[0];
  EXPECT_FLOAT_EQ(r.sampling.temperature, 0.5f);
  EXPECT_FLOAT_EQ(r.sampling.top_p, 0.25f);
  EXPECT_EQ(r.sampling.top_k, 40u);
  EXPECT_FLOAT_EQ(r.sampling.min_p, 0.1f);
  EXPECT_FLOAT_EQ(r.sampling.typical_p, 0.5f);
  EXPECT_FLOAT_EQ(r.sampling.repetition_penalty, 1.5f);
  EXPECT_FLOAT_EQ(r.sampling.frequency_penalty, -1);
  EXPECT_FLOAT_EQ(r.sampling.presence_penalty, 2);
  EXPECT_EQ(r.sampling.logit_bias.size(), 2u);
  EXPECT_EQ(r.sampling.seed, ~uint64_t{0});
  EXPECT_EQ(r.choices, 3u);
  EXPECT_EQ(r.output_tokens_max, 20u);
  EXPECT_EQ(r.stop_strings, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(r.stop_tokens, std::vector<TokenId>{TokenId{5}});
  EXPECT_TRUE(r.ignore_end_of_generation);
  EXPECT_EQ(r.logprobs_top, 4u);
  EXPECT_EQ(r.priority, 2);
  EXPECT_EQ(r.prediction, "int main");
  EXPECT_FALSE(r.speculation);
  const auto& chat = std::get<ChatPrompt>(r.prompt);
  EXPECT_TRUE(chat.tools.is_array());
  EXPECT_EQ(chat.template_arguments.size(), 1u);
  EXPECT_EQ(chat.reasoning_effort, "low");
}

TEST(DecodeChat, NullsAndAbsencesAreDefaults) {
  const Result<Call> call = Chat(R"("temperature":null,"top_p":null,"n":null,"stop":null,"seed":null,"stream":null,
      "logprobs":null,"tools":null,"max_tokens":null,"stream_options":null,"response_format":null,"logit_bias":null)");
  ASSERT_TRUE(call.ok()) << call.status().message();
  const Request& r = call->requests[0];
  EXPECT_FLOAT_EQ(r.sampling.temperature, 1);
  EXPECT_FLOAT_EQ(r.sampling.top_p, 1);
  EXPECT_EQ(r.choices, 1u);
  EXPECT_TRUE(r.speculation);
  EXPECT_EQ(r.prediction, "");
  EXPECT_FALSE(call->stream || r.output_tokens_max || r.sampling.seed || r.logprobs_top);
  EXPECT_TRUE(std::get<ChatPrompt>(r.prompt).tools.is_null());
}

TEST(DecodeChat, ReadsMessages) {
  const Result<Call> call = Chat("", R"([{"role":"system","content":"s"},{"role":"developer","content":[]},
      {"role":"user","name":"n","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},
      {"role":"assistant","content":null,"reasoning_content":"why","tool_calls":[{"id":"1","type":"function",
       "function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"1","content":"r"}])");
  ASSERT_TRUE(call.ok()) << call.status().message();
  const auto& messages = std::get<ChatPrompt>(call->requests[0].prompt).messages;
  ASSERT_EQ(messages.size(), 5u);
  EXPECT_EQ(messages[2].content, "ab");
  EXPECT_EQ(messages[2].name, "n");
  EXPECT_EQ(messages[3].reasoning, "why");
  EXPECT_EQ(messages[3].tool_calls[0].name, "f");
  EXPECT_EQ(messages[4].tool_call_id, "1");
}

TEST(DecodeChat, ReadsTheToolChoice) {
  const auto chat = [](std::string_view fields) {
    const Result<Call> call = Chat(Cat(R"("tools":[{"type":"function","function":{"name":"f"}}],)", fields));
    EXPECT_TRUE(call.ok()) << call.status().message();
    return std::get<ChatPrompt>(call->requests[0].prompt);
  };
  EXPECT_TRUE(chat(R"("tool_choice":"none")").tools.is_null());
  EXPECT_EQ(chat(R"("tool_choice":"auto")").tool_choice.kind, ToolChoice::Kind::kAuto);
  EXPECT_EQ(chat(R"("tool_choice":"required")").tool_choice.kind, ToolChoice::Kind::kRequired);
  const ChatPrompt allowed = chat(R"("tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[
      {"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"other"}}]}})");
  EXPECT_EQ(allowed.tool_choice.kind, ToolChoice::Kind::kRequired);
  EXPECT_EQ(allowed.tools.as_array().size(), 1u);
  EXPECT_TRUE(
      chat(R"("tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[]}})").tools.is_null());
  const ChatPrompt named = chat(R"("tool_choice":{"type":"function","function":{"name":"f"}})");
  EXPECT_EQ(named.tool_choice.kind, ToolChoice::Kind::kNamed);
  EXPECT_EQ(named.tool_choice.name, "f");
  EXPECT_TRUE(named.parallel_tool_calls);
  EXPECT_FALSE(chat(R"("parallel_tool_calls":false)").parallel_tool_calls);
}

TEST(DecodeChat, RefusalsNameTheField) {
  const std::pair<const char*, const char*> cases[] = {
      {R"("temperature":2.1)", "temperature"},
      {R"("temperature":"1")", "temperature"},
      {R"("top_p":-0.1)", "top_p"},
      {R"("top_p":1.1)", "top_p"},
      {R"("n":0)", "n"},
      {R"("n":129)", "n"},
      {R"("n":1.5)", "n"},
      {R"("max_tokens":0)", "max_tokens"},
      {R"("max_tokens":-1)", "max_tokens"},
      {R"("max_completion_tokens":"5")", "max_completion_tokens"},
      {R"("seed":1e30)", "seed"},
      {R"("stop":"")", "stop"},
      {R"("stop":[1])", "stop[0]"},
      {R"("stop":5)", "stop"},
      {R"("stop":["1","2","3","4","5","6","7","8","9","10","11","12","13","14","15","16","17"])", "stop"},
      {R"("logit_bias":{"x":1})", "logit_bias"},
      {R"("logit_bias":{"1":101})", "logit_bias.1"},
      {R"("logit_bias":[])", "logit_bias"},
      {R"("logprobs":1)", "logprobs"},
      {R"("top_logprobs":5)", "top_logprobs"},
      {R"("logprobs":true,"top_logprobs":21)", "top_logprobs"},
      {R"("stream":"yes")", "stream"},
      {R"("stream_options":{"include_usage":true})", "stream_options"},
      {R"("stream":true,"stream_options":{"include_usage":1})", "stream_options.include_usage"},
      {R"("frequency_penalty":3)", "frequency_penalty"},
      {R"("presence_penalty":-3)", "presence_penalty"},
      {R"("repetition_penalty":0)", "repetition_penalty"},
      {R"("typical_p":0)", "typical_p"},
      {R"("min_p":2)", "min_p"},
      {R"("stop_token_ids":[-1])", "stop_token_ids"},
      {R"("priority":"high")", "priority"},
      {R"("response_format":{"type":"xml"})", "response_format.type"},
      {R"("response_format":{})", "response_format.type"},
      {R"("response_format":{"type":"json_schema"})", "response_format.json_schema"},
      {R"("response_format":{"type":"json_schema","json_schema":{"schema":{}}})", "response_format.json_schema.name"},
      {R"("response_format":{"type":"json_schema","json_schema":{"name":"a b","schema":{}}})",
       "response_format.json_schema.name"},
      {R"("response_format":{"type":"json_schema","json_schema":{"name":"a"}})", "response_format.json_schema.schema"},
      {R"("response_format":{"type":"json_schema","json_schema":{"name":"a","schema":[]}})",
       "response_format.json_schema.schema"},
      {R"("response_format":{"type":"json_object"},"guided_regex":"a")", "guided_regex"},
      {R"("structured_outputs":{})", "structured_outputs"},
      {R"("structured_outputs":{"regex":"a","grammar":"b"})", "structured_outputs"},
      {R"("structured_outputs":{"choice":["a",1]})", "structured_outputs.choice[1]"},
      {R"("structured_outputs":{"json":{},"whitespace_pattern":" "})", "structured_outputs.whitespace_pattern"},
      {R"("guided_whitespace_pattern":" ")", "guided_whitespace_pattern"},
      {R"("text":{"format":{"type":"json_object"}})", "text"},
      {R"("output_config":{"format":{}})", "output_config"},
      {R"("format":"json")", "format"},
      {R"("response_format":{"type":"json_object","schema":"a"})", "response_format.schema"},
      {R"("regex":"a","ebnf":"b")", "ebnf"},
      {R"("messages":[{"role":"user","content":"q"},{"role":"assistant","audio":{"id":"a"}}])", "messages[1].audio"},
      {R"("response_format":"text")", "response_format"},
      {R"("guided_json":5)", "guided_json"},
      {R"("guided_json":"{")", "guided_json"},
      {R"("grammar":{})", "grammar"},
      {R"("tool_choice":"required")", "tool_choice"},
      {R"("tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"some")", "tool_choice"},
      {R"("parallel_tool_calls":"no")", "parallel_tool_calls"},
      {R"("tool_choice":{"type":"function"})", "tool_choice"},
      {R"("tool_choice":{"type":"allowed_tools"})", "tool_choice.allowed_tools"},
      {R"("tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"all","tools":[]}})",
       "tool_choice.allowed_tools.mode"},
      {R"("tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto"}})", "tool_choice.allowed_tools.tools"},
      {R"("tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[]}})", "tool_choice"},
      {R"("tools":{})", "tools"},
      {R"("tools":[{"type":"web_search"}])", "tools[0].type"},
      {R"("tools":[{"type":"function"}])", "tools[0].function"},
      {R"("functions":[])", "functions"},
      {R"("modalities":["audio"])", "modalities"},
      {R"("audio":{})", "audio"},
      {R"("prediction":"int main")", "prediction"},
      {R"("prediction":{"type":"content"})", "prediction.content"},
      {R"("prediction":{"type":"content","content":5})", "prediction.content"},
      {R"("prediction":{"type":"image","content":"x"})", "prediction.type"},
      {R"("speculation":"off")", "speculation"},
      {R"("chat_template_kwargs":[])", "chat_template_kwargs"},
      {R"("chat_template_kwargs":{"messages":1})", "chat_template_kwargs.messages"},
  };
  for (const auto& [fields, param] : cases) {
    const Result<Call> call = Chat(fields);
    EXPECT_EQ(call.status().code(), StatusCode::kInvalidArgument) << fields;
    EXPECT_EQ(call.status().param(), param) << fields;
    EXPECT_NE(call.status().message(), "") << fields;
  }
  const std::pair<const char*, const char*> messages[] = {
      {"[]", "messages"},
      {"null", "messages"},
      {"{}", "messages"},
      {"[1]", "messages[0]"},
      {R"([{"content":"x"}])", "messages[0].role"},
      {R"([{"role":"robot","content":"x"}])", "messages[0].role"},
      {R"([{"role":"user"}])", "messages[0].content"},
      {R"([{"role":"user","content":5}])", "messages[0].content"},
      {R"([{"role":"user","content":["x"]}])", "messages[0].content[0]"},
      {R"([{"role":"user","content":[{"type":"image_url","image_url":{}}]}])", "messages[0].content[0].type"},
      {R"([{"role":"user","content":[{"type":"text"}]}])", "messages[0].content[0].text"},
      {R"([{"role":"assistant","tool_calls":[{"id":"1"}]}])", "messages[0].tool_calls[0].function"},
  };
  for (const auto& [text, param] : messages) EXPECT_EQ(Chat("", text).status().param(), param) << text;
}

TEST(DecodeChat, TakesEveryWayToSayWhatTheOutputMustLookLike) {
  const auto form = [](std::string_view fields) {
    const Result<Call> call = Chat(fields);
    EXPECT_TRUE(call.ok()) << fields << call.status().message();
    return call->requests[0].constraint->form;
  };
  EXPECT_FALSE(Chat(R"("response_format":{"type":"text"})")->requests[0].constraint.has_value());
  EXPECT_TRUE(std::holds_alternative<JsonObjectForm>(form(R"("response_format":{"type":"json_object"})")));
  const auto beside =
      std::get<JsonSchemaForm>(form(R"("response_format":{"type":"json_object","schema":{"type":"object"}})"));
  EXPECT_EQ(WriteJson(beside.schema), R"({"type":"object"})");
  EXPECT_EQ(beside.param, "response_format.schema");
  const auto schema = std::get<JsonSchemaForm>(form(
      R"("response_format":{"type":"json_schema","json_schema":{"name":"x","strict":true,"schema":{"type":"null"}}})"));
  EXPECT_EQ(WriteJson(schema.schema), R"({"type":"null"})");
  EXPECT_EQ(schema.param, "response_format.json_schema.schema");
  EXPECT_FALSE(schema.compact);
  EXPECT_TRUE(
      std::get<JsonSchemaForm>(form(R"("structured_outputs":{"json":{},"disable_any_whitespace":true})")).compact);
  EXPECT_EQ(std::get<RegexForm>(form(R"("structured_outputs":{"regex":"a+"})")).pattern, "a+");
  EXPECT_EQ(std::get<RegexForm>(form(R"("guided_regex":"a+")")).param, "guided_regex");
  EXPECT_EQ(std::get<RegexForm>(form(R"("regex":"a+")")).param, "regex");
  EXPECT_EQ(std::get<GrammarForm>(form(R"("ebnf":"root ::= \"a\"")")).param, "ebnf");
  EXPECT_EQ(std::get<ChoiceForm>(form(R"("guided_choice":["a","b"])")).choices.size(), 2u);
  EXPECT_EQ(std::get<GrammarForm>(form(R"("guided_grammar":"root ::= \"a\"")")).text, "root ::= \"a\"");
  EXPECT_EQ(std::get<GrammarForm>(form(R"("grammar":"root ::= \"a\"")")).param, "grammar");
  EXPECT_TRUE(std::holds_alternative<JsonSchemaForm>(form(R"("guided_json":"{\"type\":\"null\"}")")));
  EXPECT_TRUE(std::holds_alternative<JsonSchemaForm>(form(R"("json_schema":{"type":"null"})")));
  EXPECT_TRUE(Completion(R"("prompt":"a","guided_regex":"a")")->requests[0].constraint.has_value());
}

TEST(DecodeCompletions, TakesEveryFormOfPrompt) {
  EXPECT_EQ(std::get<TextPrompt>(Completion(R"("prompt":"a")")->requests[0].prompt).text, "a");
  EXPECT_EQ(Completion(R"("prompt":["a","b"])")->requests.size(), 2u);
  EXPECT_EQ(std::get<TokenPrompt>(Completion(R"("prompt":[1,2])")->requests[0].prompt).tokens.size(), 2u);
  const Result<Call> lists = Completion(R"("prompt":[[1,2],[3]],"echo":true,"logprobs":2,"max_tokens":0)");
  ASSERT_EQ(lists->requests.size(), 2u);
  EXPECT_EQ(std::get<TokenPrompt>(lists->requests[1].prompt).tokens, std::vector<TokenId>{TokenId{3}});
  EXPECT_EQ(lists->requests[1].prompt_logprobs_top, 2u);
  EXPECT_EQ(lists->requests[1].output_tokens_max, 0u);
  EXPECT_EQ(Completion(R"("prompt":"a")")->requests[0].output_tokens_max, 16u);
}

TEST(DecodeCompletions, RefusalsNameTheField) {
  const std::pair<const char*, const char*> cases[] = {
      {R"("n":1)", "prompt"},
      {R"("prompt":5)", "prompt"},
      {R"("prompt":[])", "prompt"},
      {R"("prompt":[1,"a"])", "prompt"},
      {R"("prompt":["a",1])", "prompt[1]"},
      {R"("prompt":[[1],["a"]])", "prompt[1]"},
      {R"("prompt":[-1])", "prompt"},
      {R"("prompt":["a","b","c","d"])", "prompt"},
      {R"("prompt":"a","max_tokens":0)", "max_tokens"},
      {R"("prompt":"a","logprobs":21)", "logprobs"},
      {R"("prompt":"a","logprobs":true)", "logprobs"},
      {R"("prompt":"a","suffix":"b")", "suffix"},
      {R"("prompt":"a","best_of":2)", "best_of"},
      {R"("prompt":"a","echo":"x")", "echo"},
  };
  for (const auto& [fields, param] : cases) EXPECT_EQ(Completion(fields).status().param(), param) << fields;
  EXPECT_TRUE(Completion(R"("prompt":"a","best_of":2,"n":2,"suffix":"")").ok());
}

}  // namespace
}  // namespace bedplate::openai
