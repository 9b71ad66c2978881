// Method: a vocabulary whose tokens are the parts of an answer, some of them control tokens; sequences of them go in,
// and pieces, reasons and counts are compared.
#include "engine/output.h"

#include <gtest/gtest.h>

#include "base/cat.h"

namespace bedplate {
namespace {

const std::vector<std::string> kTokens = {
    "<tool_call>",
    "</tool_call>",
    "<eos>",
    "<other>",
    "{\"name\":\"f\",",
    "\"arguments\":{\"a\":",
    "\"stop\"}}",
    "<think>",
    "</think>",
    "stop",
    "st",
    "hi",
    "op",
};

class ChoiceOutputTest : public testing::Test {
 protected:
  ChoiceOutputTest() {
    TokenizerSpec spec;
    spec.model = "gpt2";
    spec.pre = "default";
    spec.tokens = kTokens;
    spec.kinds.assign(kTokens.size(), TokenKind::kNormal);
    for (const size_t control : {0, 1, 2, 3}) spec.kinds[control] = TokenKind::kControl;
    spec.eos = TokenId{2};
    auto made = Tokenizer::Create(spec);
    EXPECT_TRUE(made.ok()) << made.status().message();
    tokenizer_ = std::move(*made);
    prepared_.request.id = "request";
    prepared_.request.prompt = ChatPrompt{};
    prepared_.output_tokens_max = 100;
    prepared_.output = OutputParserOptions{
        .format = {.calls = CallSyntax::kHermes, .reasoning_open = "<think>", .reasoning_close = "</think>"},
        .tools = true,
        .tool_names = {"f"},
        .in_reasoning = false};
  }

  // Until the choice has finished.
  std::string Say(const std::vector<std::string>& texts) {
    ChoiceOutput output(*tokenizer_, prepared_, 0);
    std::string out;
    for (const std::string& text : texts) {
      const TokenId token = *tokenizer_->Find(text);
      const ChoiceOutput::Accepted accepted = output.IsEnd(token) ? output.End() : output.Accept(token, {});
      told_reasoning_tokens_ += accepted.delta.reasoning_tokens;
      for (const OutputPiece& piece : accepted.delta.pieces) {
        constexpr std::string_view kLetters = "TRBAE";
        out += Cat(kLetters[static_cast<size_t>(piece.kind)], "(", piece.text, ")");
        if (!piece.call_id.empty()) ids_.push_back(piece.call_id);
      }
      if (!accepted.finished.has_value()) continue;
      constexpr std::string_view kReasons[] = {" stop", " length", " calls"};
      out += kReasons[static_cast<size_t>(accepted.finished->reason)];
      if (!accepted.finished->stop_string.empty()) out += Cat(" at ", accepted.finished->stop_string);
      break;
    }
    tokens_ = output.tokens();
    reasoning_tokens_ = output.reasoning_tokens();
    return out;
  }

  std::unique_ptr<Tokenizer> tokenizer_;
  PreparedRequest prepared_;
  std::vector<std::string> ids_;
  uint32_t tokens_ = 0, reasoning_tokens_ = 0, told_reasoning_tokens_ = 0;
};

TEST_F(ChoiceOutputTest, ControlTokensThatAreMarkersReachTheParser) {
  EXPECT_EQ(
      Say({"hi", "<tool_call>", "{\"name\":\"f\",", "\"arguments\":{\"a\":", "\"stop\"}}", "</tool_call>", "<eos>"}),
      "T(hi)B(f)A({\"a\":)A(\"stop\"})E() calls");
  EXPECT_EQ(Say({"hi", "<other>", "hi", "<eos>"}), "T(hi)T(hi) stop") << "others stay unwritten";
}

TEST_F(ChoiceOutputTest, StopStringsEndTheTextAndNothingElse) {
  prepared_.request.stop_strings = {"stop"};
  EXPECT_EQ(
      Say({"<tool_call>", "{\"name\":\"f\",", "\"arguments\":{\"a\":", "\"stop\"}}", "</tool_call>", "hi", "st", "op"}),
      "B(f)A({\"a\":)A(\"stop\"})E()T(hi) stop at stop");
  EXPECT_EQ(Say({"<think>", "stop", "</think>", "hi", "stop"}), "R(stop)T(hi) stop at stop");
  EXPECT_EQ(Say({"hi", "st", "<eos>"}), "T(hi)T(st) stop");
}

TEST_F(ChoiceOutputTest, OneCallEndsTheChoiceIfNoMoreAreWanted) {
  std::get<ChatPrompt>(prepared_.request.prompt).parallel_tool_calls = false;
  EXPECT_EQ(Say({"<tool_call>", "{\"name\":\"f\",", "\"arguments\":{\"a\":", "\"stop\"}}", "</tool_call>", "hi"}),
            "B(f)A({\"a\":)A(\"stop\"})E() calls");
  EXPECT_EQ(tokens_, 4u);
}

TEST_F(ChoiceOutputTest, ACutCallIsToldAsCut) {
  prepared_.output_tokens_max = 3;
  EXPECT_EQ(Say({"<tool_call>", "{\"name\":\"f\",", "\"arguments\":{\"a\":"}), "B(f)A({\"a\":)E() length");
  prepared_.output_tokens_max = 2;
  EXPECT_EQ(Say({"<tool_call>", "{\"name\":\"f\","}), "T(<tool_call>{\"name\":\"f\",) length");
}

TEST_F(ChoiceOutputTest, CountsReasoningWithItsMarkers) {
  EXPECT_EQ(Say({"<think>", "hi", "</think>", "hi", "<eos>"}), "R(hi)T(hi) stop");
  EXPECT_EQ(reasoning_tokens_, 3u);
  EXPECT_EQ(told_reasoning_tokens_, 3u) << "who is cut off pays for what was told";
  EXPECT_EQ(tokens_, 4u);
}

TEST_F(ChoiceOutputTest, CallIdsAreUniqueAndFit) {
  const std::vector<std::string> call = {"<tool_call>", "{\"name\":\"f\",", "\"arguments\":{\"a\":", "\"stop\"}}",
                                         "</tool_call>"};
  std::vector<std::string> two = call;
  two.insert(two.end(), call.begin(), call.end());
  Say(two);
  prepared_.request.id = "another";
  Say(call);
  ASSERT_EQ(ids_.size(), 3u);
  for (size_t i = 0; i < ids_.size(); ++i) {
    EXPECT_EQ(ids_[i].size(), 29u);
    EXPECT_EQ(ids_[i].find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_"), std::string::npos) << ids_[i];
    for (size_t j = 0; j < i; ++j) EXPECT_NE(ids_[i], ids_[j]);
  }
}

TEST_F(ChoiceOutputTest, WithoutAParserAllIsText) {
  prepared_.output.reset();
  EXPECT_EQ(Say({"<think>", "{\"name\":\"f\",", "<tool_call>", "<eos>"}), "T(<think>)T({\"name\":\"f\",) stop");
}

TEST_F(ChoiceOutputTest, EndsAtTheLastTokenThatIsAllowed) {
  struct Few final : OutputAllowance {
    explicit Few(int count) : left(count) {}
    bool TakeToken() override { return left-- > 0; }
    int left;
  };
  prepared_.allowance = std::make_shared<Few>(2);  // beyond the first
  EXPECT_EQ(Say({"hi", "hi", "hi", "hi"}), "T(hi)T(hi)T(hi) length");
  EXPECT_EQ(tokens_, 3u);
  prepared_.allowance = std::make_shared<Few>(2);
  EXPECT_EQ(Say({"hi", "hi", "<eos>"}), "T(hi)T(hi) stop") << "what isn't needed is no cut";
  const auto few = std::make_shared<Few>(5);
  prepared_.allowance = few;
  prepared_.output_tokens_max = 3;
  EXPECT_EQ(Say({"hi", "hi", "hi", "hi"}), "T(hi)T(hi)T(hi) length");
  EXPECT_EQ(few->left, 3) << "no token is asked for that max_tokens forbids";
}

}  // namespace
}  // namespace bedplate
