// Method: a table of requests that are refused, with the param, reason and words that client libraries look for; the
// messages that a template sees; what is resolved.

#include "engine/prepare.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "engine/sim_testing.h"

namespace bedplate {
namespace {

constexpr uint32_t kContext = 50;

class Prepare : public testing::Test {
 protected:
  Prepare() : model_(MakeSimLoadedModel({})) {}

  void UseTemplate(std::string_view source) {
    auto parsed = ChatTemplate::Parse(source);
    ASSERT_TRUE(parsed.ok()) << parsed.status().message();
    model_.chat_template = std::move(*parsed);
  }
  static Request Text(std::string text) {
    Request r;
    r.prompt = TextPrompt{std::move(text)};
    return r;
  }
  static Message UserSays(std::string text) {
    Message message;
    message.role = "user";
    message.content = std::move(text);
    return message;
  }
  static Request Chat(std::vector<Message> messages) {
    Request r;
    r.prompt = ChatPrompt{.messages = std::move(messages), .tools = {}, .template_arguments = {}};
    return r;
  }
  Result<PreparedRequest> Run(Request request) { return PrepareRequest(std::move(request), model_, kContext, 0); }
  std::string TextOf(const PreparedRequest& p) {
    return model_.tokenizer->Decode(p.tokens, {.special = true, .text_start = true});
  }

  LoadedModel model_;
};

TEST_F(Prepare, RefusesWhatIsOutOfRange) {
  struct Case {
    std::function<void(Request&)> change;
    std::string param, reason, words;
  };
  const auto nan = std::numeric_limits<float>::quiet_NaN();
  const Case cases[] = {
      {[](Request& r) { r.sampling.temperature = 2.5f; }, "temperature", "decimal_above_max_value",
       "Expected a value <= 2, but got 2.5"},
      {[](Request& r) { r.sampling.temperature = -1; }, "temperature", "decimal_below_min_value",
       "Expected a value >= 0, but got -1"},
      {[=](Request& r) { r.sampling.temperature = nan; }, "temperature", "invalid_value", "not a number"},
      {[](Request& r) { r.sampling.top_p = 0; }, "top_p", "decimal_below_min_value", "Expected a value > 0"},
      {[](Request& r) { r.sampling.top_p = 1.01f; }, "top_p", "decimal_above_max_value", "<= 1"},
      {[](Request& r) { r.sampling.min_p = -0.1f; }, "min_p", "decimal_below_min_value", ">= 0"},
      {[](Request& r) { r.sampling.typical_p = 0; }, "typical_p", "decimal_below_min_value", "> 0"},
      {[](Request& r) { r.sampling.repetition_penalty = 0; }, "repetition_penalty", "decimal_below_min_value", "> 0"},
      {[](Request& r) { r.sampling.frequency_penalty = 2.1f; }, "frequency_penalty", "decimal_above_max_value", "<= 2"},
      {[](Request& r) { r.sampling.presence_penalty = -2.1f; }, "presence_penalty", "decimal_below_min_value", ">= -2"},
      {[](Request& r) { r.sampling.logit_bias = {{TokenId{99}, 1.0f}}; }, "logit_bias", "invalid_value", "token id 99"},
      {[](Request& r) { r.sampling.logit_bias = {{TokenId{1}, 101.0f}}; }, "logit_bias", "decimal_above_max_value",
       "<= 100"},
      {[](Request& r) { r.choices = 0; }, "n", "integer_below_min_value", ">= 1"},
      {[](Request& r) { r.choices = 129; }, "n", "integer_above_max_value", "<= 128, but got 129"},
      {[](Request& r) { r.stop_strings = {"a", ""}; }, "stop", "empty_string", "empty"},
      {[](Request& r) { r.stop_strings.assign(17, "x"); }, "stop", "array_above_max_length", "maximum length 16"},
      {[](Request& r) { r.stop_tokens = {TokenId{-1}}; }, "stop_token_ids", "invalid_value", "token id -1"},
      {[](Request& r) { r.logprobs_top = 21; }, "top_logprobs", "integer_above_max_value", "<= 20"},
      {[](Request& r) { r.prompt_logprobs_top = 21; }, "prompt_logprobs", "integer_above_max_value", "<= 20"},
      {[](Request& r) { r.output_tokens_max = 0; }, "max_tokens", "integer_below_min_value", ">= 1"},
      {[](Request& r) { r.prompt = TokenPrompt{{TokenId{0}, TokenId{25}}}; }, "prompt", "invalid_value",
       "'prompt[1]': token id 25"},
      {[](Request& r) { r.prompt = TokenPrompt{}; }, "prompt", "empty_prompt", "empty"},
      {[](Request& r) { r.prompt = TextPrompt{}; }, "prompt", "empty_prompt", "empty"},
      {[](Request& r) { r.prompt = ChatPrompt{}; }, "messages", "empty_array", "minimum length 1"},
      {[](Request& r) { r.prompt = TokenPrompt{std::vector(51, TokenId{0})}; }, "prompt", "context_length_exceeded",
       "This model's maximum context length is 50 tokens. However, your prompt resulted in 51 tokens. Please reduce"},
      {[](Request& r) { r.prompt = TokenPrompt{std::vector(50, TokenId{0})}; }, "prompt", "context_length_exceeded",
       "leaves no room"},
      {[](Request& r) {
         r.prompt = TokenPrompt{std::vector(40, TokenId{0})};
         r.output_tokens_max = 11;
       },
       "prompt", "context_length_exceeded",
       "maximum context length is 50 tokens. However, you requested 51 tokens (40 in the prompt, 11 in the "
       "completion)"},
  };
  for (const Case& c : cases) {
    Request request = Text("abc");
    c.change(request);
    const auto prepared = Run(request);
    ASSERT_FALSE(prepared.ok()) << c.param << " " << c.words;
    EXPECT_EQ(prepared.status().code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(prepared.status().param(), c.param);
    EXPECT_EQ(prepared.status().reason(), c.reason) << c.param;
    EXPECT_NE(prepared.status().message().find(c.words), std::string::npos) << prepared.status().message();
  }
}

TEST_F(Prepare, ALongTextIsRefusedWithAsManyNumbersAsItsWorth) {
  struct Case {
    size_t letters;
    std::string words;
  };
  const Case cases[] = {
      {2 * kContext, "your prompt resulted in 100 tokens."},
      {2 * kContext + 1, "your prompt resulted in at least 101 tokens."},
      // 4000 letters and no token longer than the 5 bytes of <eos>: this is known without encoding.
      {4000, "your prompt resulted in at least 800 tokens."},
  };
  for (const Case& c : cases) {
    std::string text;
    while (text.size() < c.letters) text += "ab";
    text.resize(c.letters);
    const auto prepared = Run(Text(text));
    ASSERT_FALSE(prepared.ok());
    EXPECT_EQ(prepared.status().reason(), "context_length_exceeded");
    EXPECT_NE(prepared.status().message().find(c.words), std::string::npos) << prepared.status().message();
  }
  UseTemplate("{{ messages[0].content }}");
  const auto chat = Run(Chat({UserSays(std::string(4000, 'c'))}));
  ASSERT_FALSE(chat.ok());
  EXPECT_EQ(chat.status().param(), "messages");
  EXPECT_NE(chat.status().message().find("your messages resulted in at least 800 tokens."), std::string::npos);
}

TEST_F(Prepare, AFileWithoutATemplateNamesTheWaysOut) {
  const auto prepared = Run(Chat({UserSays("hi")}));
  ASSERT_FALSE(prepared.ok());
  EXPECT_EQ(prepared.status().code(), StatusCode::kInvalidArgument);
  EXPECT_NE(prepared.status().message().find("--chat-template"), std::string::npos);
  EXPECT_NE(prepared.status().message().find("/v1/completions"), std::string::npos);
}

TEST_F(Prepare, UserTextNeverBecomesASpecialToken) {
  UseTemplate("{{ messages[0].content }}{{ eos_token }}");
  const auto prepared = Run(Chat({UserSays("a<eos>")}));
  ASSERT_TRUE(prepared.ok()) << prepared.status().message();
  EXPECT_EQ(std::ranges::count(prepared->tokens, TokenId{kSimEos}), 1);
  EXPECT_EQ(prepared->tokens.back(), TokenId{kSimEos});
  EXPECT_EQ(Run(Text("a<eos>"))->tokens.back(), TokenId{kSimEos}) << "a raw prompt is the caller's own";
}

TEST_F(Prepare, MessagesHaveTheShapeTemplatesExpect) {
  UseTemplate("{% if tools %}{% endif %}{% for m in messages %}{{ m | tojson }}\n{% endfor %}");
  Message developer = UserSays("d"), assistant = UserSays(""), tool = UserSays("r");
  developer.role = "developer";
  assistant.role = "assistant";
  assistant.name = "bob";
  assistant.reasoning = "hm";
  assistant.tool_calls = {{"c1", "f", R"({"a":1})"}, {"c2", "g", "not json"}};
  tool.role = "tool";
  tool.tool_call_id = "c1";
  Request request = Chat({developer, assistant, tool});
  request.echo = true;
  const auto prepared = PrepareRequest(request, model_, 4000, 0);
  ASSERT_TRUE(prepared.ok()) << prepared.status().message();
  EXPECT_EQ(
      prepared->prompt_text,
      "{\"role\": \"system\", \"content\": \"d\"}\n"
      "{\"role\": \"assistant\", \"content\": \"\", \"name\": \"bob\", \"reasoning_content\": \"hm\", \"tool_calls\": "
      "[{\"id\": \"c1\", \"type\": \"function\", \"function\": {\"name\": \"f\", \"arguments\": {\"a\": 1}}}, "
      "{\"id\": \"c2\", \"type\": \"function\", \"function\": {\"name\": \"g\", \"arguments\": \"not json\"}}]}\n"
      "{\"role\": \"tool\", \"content\": \"r\", \"name\": \"f\", \"tool_call_id\": \"c1\"}\n");
}

TEST_F(Prepare, MessagesFitWhatTheTemplateAsksOfThem) {
  UseTemplate(
      "{% if tools %}{% endif %}{% for m in messages %}{% if m.tool_calls and m['content'] is none %}none {% endif %}"
      "{% if m.tool_calls %}{% if m.tool_calls[0].id|length != 9 %}{{ raise_exception('no') }}{% endif %}"
      "{{ m.tool_calls[0].id }}{% endif %}{% if m.role == 'tool' %} {{ m.tool_call_id }}{% endif %}{% endfor %}");
  Message assistant = UserSays(""), tool = UserSays("r");
  assistant.role = "assistant";
  assistant.tool_calls = {{"call_of_any_length", "f", "{}"}};
  tool.role = "tool";
  tool.tool_call_id = "call_of_any_length";
  Request request = Chat({assistant, tool});
  request.echo = true;
  const auto prepared = Run(request);
  ASSERT_TRUE(prepared.ok()) << prepared.status().message();
  const std::string& text = prepared->prompt_text;
  ASSERT_EQ(text.size(), 5u + 9 + 1 + 9) << text;
  EXPECT_EQ(text.substr(0, 5), "none ");
  EXPECT_EQ(text.substr(5, 9), text.substr(15)) << "the result names its call";
}

TEST_F(Prepare, ATemplateWithoutToolsGetsThemAsText) {
  UseTemplate("{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}");
  Message assistant = UserSays("Wait."), result = UserSays("12"), second = UserSays("13");
  assistant.role = "assistant";
  assistant.tool_calls = {{"c1", "f", R"({"a": 1})"}};
  result.role = second.role = "tool";
  Request request = Chat({UserSays("q"), assistant, result, second, UserSays("and?")});
  std::get<ChatPrompt>(request.prompt).tools = *ParseJson(R"([{"type":"function","function":{"name":"f"}}])");
  request.echo = true;
  const auto prepared = PrepareRequest(request, model_, 4000, 0);
  ASSERT_TRUE(prepared.ok()) << prepared.status().message();
  const std::string& text = prepared->prompt_text;
  EXPECT_TRUE(text.starts_with("[system]You can call functions.")) << text;
  EXPECT_NE(text.find("\n{\"name\":\"f\"}[user]q[assistant]Wait.\n<tool_call>\n{\"name\": \"f\", \"arguments\": "
                      "{\"a\":1}}\n</tool_call>[user]<tool_response>\n12\n</tool_response>\n\n<tool_response>\n13\n"
                      "</tool_response>\n\nand?"),
            std::string::npos)
      << text;
  ASSERT_TRUE(prepared->output.has_value());
  EXPECT_TRUE(prepared->output->tools);
  EXPECT_EQ(prepared->output->tool_names, std::vector<std::string>{"f"});
}

TEST_F(Prepare, ASystemMessageInTheMiddleIsNoError) {
  UseTemplate(
      "{% for m in messages %}{% if m.role == 'system' and not loop.first %}{{ raise_exception('system first') }}{% "
      "endif %}"
      "[{{ m.role }}]{{ m.content }}{% endfor %}");
  Message first = UserSays("a"), later = UserSays("b");
  first.role = later.role = "system";
  Request request = Chat({first, UserSays("q"), later, UserSays("r")});
  request.echo = true;
  const auto prepared = Run(request);
  ASSERT_TRUE(prepared.ok()) << prepared.status().message();
  EXPECT_EQ(prepared->prompt_text, "[system]a[user]q\n\nb\n\nr");
}

TEST_F(Prepare, ReasoningEffortGoesWhereTheTemplateReadsIt) {
  const auto ask = [&](std::string_view source, std::string effort) {
    UseTemplate(source);
    Request request = Chat({UserSays("q")});
    std::get<ChatPrompt>(request.prompt).reasoning_effort = std::move(effort);
    request.echo = true;
    const auto prepared = Run(request);
    EXPECT_TRUE(prepared.ok()) << prepared.status().message();
    return prepared.ok() ? prepared->prompt_text : std::string();
  };
  constexpr std::string_view kSwitch =
      "{% if enable_thinking is defined %}{{ enable_thinking }}{% else %}unset{% endif %}";
  EXPECT_EQ(ask(kSwitch, ""), "unset");
  EXPECT_EQ(ask(kSwitch, "none"), "False");
  EXPECT_EQ(ask(kSwitch, "high"), "True");
  EXPECT_EQ(ask("a{{ reasoning_effort }}", "high"), "ahigh");
  EXPECT_EQ(ask("a", "high"), "a") << "ignored where the template knows of none";
}

TEST_F(Prepare, TheOutputBeginsWhereThePromptEnds) {
  UseTemplate("{{ messages[0].content }}</think><think>\n");
  EXPECT_TRUE(Run(Chat({UserSays("q")}))->output->in_reasoning);
  UseTemplate("<think>x</think>{{ messages[0].content }}");
  EXPECT_FALSE(Run(Chat({UserSays("<think>")}))->output->in_reasoning) << "a user can't open it";
  EXPECT_FALSE(Run(Text("a<think>"))->output.has_value()) << "raw prompts have raw answers";
}

TEST_F(Prepare, NothingIsHeldToAFormBehindAnEndThatItCannotReach) {
  UseTemplate("{{ tools }}{{ messages[0].content }}</think><think>\n");
  for (const TokenKind kind : {TokenKind::kUserDefined, TokenKind::kControl}) {
    TokenizerSpec spec;
    spec.model = "gpt2";
    spec.pre = "default";
    for (char c = 'a'; c <= 'z'; ++c) spec.tokens.emplace_back(1, c);
    spec.tokens.emplace_back("</think>");
    spec.kinds.assign(spec.tokens.size(), TokenKind::kNormal);
    spec.kinds.back() = kind;
    model_.tokenizer = *Tokenizer::Create(spec);
    const std::string refused = kind == TokenKind::kControl ? "reasoning" : "";
    const auto check = [&](const Request& request, std::string_view param) {
      const Status status = PrepareRequest(request, model_, 4000, 0).status();
      EXPECT_EQ(status.ok(), refused.empty()) << status.message();
      EXPECT_EQ(status.param(), refused.empty() ? "" : param);
      EXPECT_NE(status.message().find(refused), std::string::npos) << status.message();
    };
    Request request = Chat({UserSays("q")});
    EXPECT_TRUE(PrepareRequest(request, model_, 4000, 0).ok());
    request.constraint = Constraint{.form = RegexForm{.pattern = "a+", .param = "guided_regex"}};
    check(request, "guided_regex");
    request.constraint = Constraint{.form = JsonObjectForm{}};
    check(request, "response_format");
    request.constraint.reset();
    auto& chat = std::get<ChatPrompt>(request.prompt);
    chat.tools = *ParseJson(R"([{"type":"function","function":{"name":"g"}}])");
    chat.tool_choice.kind = ToolChoice::Kind::kRequired;
    check(request, "tool_choice");
  }
}

TEST_F(Prepare, AnOutputMayEndWithTheContext) {
  Request request = Text("abc");
  request.output_tokens_max = 1000;
  EXPECT_EQ(Run(request).status().reason(), "context_length_exceeded");
  request.output_ends_with_context = true;
  EXPECT_EQ(Run(request)->output_tokens_max, kContext - 3);
  request.prompt = TokenPrompt{std::vector(kContext, TokenId{0})};
  EXPECT_EQ(Run(request).status().reason(), "context_length_exceeded") << "there is no room for any";
}

TEST_F(Prepare, AsFewOfTheOldestTurnsGoAsNeeded) {
  UseTemplate("{% for m in messages %}{{ m.content }}{% endfor %}");
  const auto message = [](std::string role, std::string content) {
    Message m = UserSays(std::move(content));
    m.role = std::move(role);
    return m;
  };
  std::vector<Message> messages = {message("system", "s")};
  for (const char* letter : {"a", "b", "c", "d"}) {
    messages.push_back(UserSays(std::string(9, *letter)));
    messages.push_back(message("assistant", "e"));
  }
  messages.pop_back();
  Request request = Chat(messages);  // 1 + 3 * 10 + 9 tokens of 50
  request.echo = true;
  const auto text_with = [&](uint32_t output_tokens, bool drops) {
    request.output_tokens_max = output_tokens;
    std::get<ChatPrompt>(request.prompt).drops_oldest = drops;
    const auto prepared = Run(request);
    return prepared.ok() ? prepared->prompt_text : prepared.status().reason();
  };
  const std::string a = std::string(9, 'a') + "e", b = std::string(9, 'b') + "e", c = std::string(9, 'c') + "e";
  const std::string d(9, 'd');
  EXPECT_EQ(text_with(10, true), "s" + a + b + c + d) << "all of it fits";
  EXPECT_EQ(text_with(11, true), "s" + b + c + d);
  EXPECT_EQ(text_with(21, true), "s" + c + d);
  EXPECT_EQ(text_with(25, true), "s" + c + d) << "half of the context is the answer's at most";
  EXPECT_EQ(text_with(11, false), "context_length_exceeded");
  std::get<ChatPrompt>(request.prompt).messages = {message("system", "s"), UserSays(std::string(60, 'a')),
                                                   UserSays("b")};
  EXPECT_EQ(text_with(5, true), "sb") << "what fits is found beyond what can't even be counted";
  std::get<ChatPrompt>(request.prompt).messages = {UserSays("a"), UserSays(std::string(60, 'b'))};
  EXPECT_EQ(text_with(5, true), "context_length_exceeded") << "the last turn stays";
}

TEST_F(Prepare, AnAnswerMayBeBegun) {
  UseTemplate("{{ messages[0].content }}b");
  Request request = Chat({UserSays("a")});
  std::get<ChatPrompt>(request.prompt).answer_begin = "c<eos>";
  request.echo = true;
  const auto prepared = Run(request);
  ASSERT_TRUE(prepared.ok()) << prepared.status().message();
  EXPECT_EQ(prepared->prompt_text, "abc<eos>");
  EXPECT_EQ(std::ranges::count(prepared->tokens, TokenId{kSimEos}), 0) << "it is a user's text";
}

TEST_F(Prepare, CountsWhatDoesNotFit) {
  EXPECT_EQ(*CountPromptTokens(Text(std::string(10 * kContext, 'a')), model_, 0), 10 * kContext);
  EXPECT_EQ(CountPromptTokens(Chat({}), model_, 0).status().param(), "messages");
}

TEST_F(Prepare, AForcedCallIsAConstraint) {
  UseTemplate("{{ tools }}<tool_call>");
  Request request = Chat({UserSays("q")});
  auto& chat = std::get<ChatPrompt>(request.prompt);
  chat.tools = *ParseJson(R"([{"type":"function","function":{"name":"f","parameters":{"type":"object"}}},)"
                          R"({"type":"function","function":{"name":"g"}}])");
  EXPECT_FALSE(PrepareRequest(request, model_, 4000, 0)->request.constraint.has_value());
  chat.tool_choice.kind = ToolChoice::Kind::kRequired;
  const auto any = PrepareRequest(request, model_, 4000, 0);
  ASSERT_TRUE(any.ok()) << any.status().message();
  const auto& form = std::get<StructuralForm>(any->request.constraint->form);
  ASSERT_EQ(form.alternatives.size(), 2u);
  EXPECT_EQ(form.alternatives[0].begin, "<tool_call>\n{\"name\": \"f\", \"arguments\": ");
  EXPECT_EQ(form.alternatives[0].end, "}\n</tool_call>");
  EXPECT_EQ(WriteJson(form.alternatives[1].content.schema), R"({"type":"object"})");
  EXPECT_EQ(form.least, 1u);
  EXPECT_EQ(form.most, 1u);
  chat.tool_choice = {.kind = ToolChoice::Kind::kNamed, .name = "g"};
  const auto named = PrepareRequest(request, model_, 4000, 0);
  EXPECT_EQ(std::get<StructuralForm>(named->request.constraint->form).alternatives.size(), 1u);
  request.ignore_end_of_generation = true;
  EXPECT_EQ(PrepareRequest(request, model_, 4000, 0).status().param(), "ignore_eos");
  request.ignore_end_of_generation = false;
  chat.tool_choice.name = "h";
  EXPECT_EQ(PrepareRequest(request, model_, 4000, 0).status().param(), "tool_choice");
  UseTemplate("{{ tools }}<|channel|><|message|>");
  chat.tool_choice.name = "g";
  EXPECT_EQ(PrepareRequest(request, model_, 4000, 0).status().param(), "tool_choice") << "needs control tokens";
}

// An agent whose answers have a form must still be able to act.
TEST_F(Prepare, CallsMayStandInPlaceOfAForm) {
  UseTemplate("{{ tools }}<tool_call>");
  Request request = Chat({UserSays("q")});
  request.constraint = Constraint{.form = JsonObjectForm{}};
  EXPECT_FALSE(PrepareRequest(request, model_, 4000, 0)->request.constraint->or_calls.has_value()) << "no tools";
  auto& chat = std::get<ChatPrompt>(request.prompt);
  chat.tools = *ParseJson(R"([{"type":"function","function":{"name":"f","parameters":{"type":"object"}}},)"
                          R"({"type":"function","function":{"name":"g","parameters":{"uniqueItems":true}}}])");
  const auto prepared = PrepareRequest(request, model_, 4000, 0);
  ASSERT_TRUE(prepared.ok()) << prepared.status().message();
  ASSERT_TRUE(std::holds_alternative<JsonObjectForm>(prepared->request.constraint->form));
  ASSERT_TRUE(prepared->request.constraint->or_calls.has_value());
  const StructuralForm& calls = *prepared->request.constraint->or_calls;
  ASSERT_EQ(calls.alternatives.size(), 4u);
  EXPECT_EQ(calls.alternatives[2].begin, "<tool_call>\n{\"name\": \"g\", \"arguments\": ");
  EXPECT_EQ(calls.alternatives[3].begin, "{\"name\": \"g\", \"arguments\": ") << "small models forget the marker";
  EXPECT_EQ(WriteJson(calls.alternatives[3].content.schema), R"({"type":"object"})") << "no reason to refuse";
  EXPECT_EQ(calls.most, 1u);
  UseTemplate("{{ tools }}<|channel|><|message|>");
  EXPECT_EQ(PrepareRequest(request, model_, 4000, 0).status().param(), "tools") << "needs control tokens";
}

TEST_F(Prepare, ATemplateThatRefusesIsTheClientsError) {
  UseTemplate("{{ raise_exception('roles must alternate') }}");
  const auto prepared = Run(Chat({UserSays("a")}));
  ASSERT_FALSE(prepared.ok());
  EXPECT_EQ(prepared.status().code(), StatusCode::kInvalidArgument);
  EXPECT_NE(prepared.status().message().find("roles must alternate"), std::string::npos);
}

TEST_F(Prepare, ResolvesTheOutputsLength) {
  EXPECT_EQ(Run(Text("abc"))->output_tokens_max, kContext - 3);
  Request request = Text("abc");
  request.output_tokens_max = 7;
  EXPECT_EQ(Run(request)->output_tokens_max, 7u);
  request.output_tokens_max = kContext - 3;
  EXPECT_TRUE(Run(request).ok());
  request.output_tokens_max = 0;
  request.echo = true;
  const auto echoed = Run(request);
  ASSERT_TRUE(echoed.ok());
  EXPECT_EQ(echoed->output_tokens_max, 0u);
  EXPECT_EQ(echoed->prompt_text, "abc");
  request.prompt = TokenPrompt{{TokenId{0}, TokenId{kSimEos}}};
  EXPECT_EQ(Run(request)->prompt_text, "a<eos>");
}

}  // namespace
}  // namespace bedplate
