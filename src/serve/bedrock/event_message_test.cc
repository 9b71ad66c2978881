// Method: a message whose bytes botocore's decoder was given and read; then random ones there and back, cut at every
// byte, and with each bit flipped.
#include "serve/bedrock/event_message.h"

#include <gtest/gtest.h>

#include <string>
#include <tuple>

#include "base/random.h"

namespace bedplate::bedrock {
namespace {

std::string Bytes(const EventMessage& message) {
  std::string out;
  AppendMessage(message, out);
  return out;
}

std::string FromHex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

TEST(EventMessage, IsWrittenAsAmazonReadsIt) {
  std::string out;
  AppendEvent("messageStart", R"({"role":"assistant"})", out);
  EXPECT_EQ(out, FromHex("000000760000005296d5fade"
                         "0b3a6576656e742d7479706507000c6d6573736167655374617274"
                         "0d3a636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e"
                         "0d3a6d6573736167652d747970650700056576656e74"
                         "7b22726f6c65223a22617373697374616e74227d6fa8c599"));
  out.clear();
  AppendException("throttlingException", "slow \"down\"", out);
  std::string_view rest = out;
  const auto message = TakeMessage(rest);
  ASSERT_TRUE(message.ok() && message->has_value());
  EXPECT_EQ((*message)->headers[0], (std::pair<std::string, std::string>(":exception-type", "throttlingException")));
  EXPECT_EQ((*message)->headers[2], (std::pair<std::string, std::string>(":message-type", "exception")));
  EXPECT_EQ((*message)->payload, R"({"message":"slow \"down\""})");
  EXPECT_TRUE(rest.empty());
}

TEST(EventMessage, ThereAndBackAndNeverFromPart) {
  Prng rng(7);
  for (int round = 0; round < 30; ++round) {
    EventMessage message;
    const auto text = [&](int64_t least, char c) { return std::string(static_cast<size_t>(rng.Range(least, 40)), c); };
    for (int64_t i = rng.Range(0, 3); i > 0; --i) message.headers.emplace_back(text(1, 'n'), text(0, 'v'));
    for (int64_t i = rng.Range(0, 80); i > 0; --i) message.payload += static_cast<char>(rng.Range(0, 255));
    const std::string bytes = Bytes(message);
    std::string_view rest = bytes;
    const auto taken = TakeMessage(rest);
    ASSERT_TRUE(taken.ok());
    EXPECT_EQ(*taken, message);
    for (size_t cut = 0; cut < bytes.size(); ++cut) {
      std::string_view part = std::string_view(bytes).substr(0, cut);
      const auto none = TakeMessage(part);
      EXPECT_TRUE(none.ok() && !none->has_value());
    }
    for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
      std::string wrong = bytes;
      wrong[bit / 8] = static_cast<char>(wrong[bit / 8] ^ (1 << bit % 8));
      std::string_view view = wrong;
      EXPECT_EQ(TakeMessage(view).status().code(), StatusCode::kDataLoss) << bit;
    }
  }
}

TEST(EventMessage, RefusesWhatIsNoMessage) {
  const std::tuple<std::string_view, std::string_view, StatusCode> cases[] = {
      {"headers longer than the message", "00000017000000636359a419016107000162639ddc4d8c", StatusCode::kDataLoss},
      {"a length below the least", "0000000f00000000e77248b845ab32b2", StatusCode::kDataLoss},
      {"a length over the cap", "01800001000000001cfe1cb57803077f", StatusCode::kDataLoss},
      {"a header with no name", "0000001500000005bd4833140007000162a83860a4", StatusCode::kDataLoss},
      {"a header's value cut off", "000000160000000663e1187e016107000562c1b0a450", StatusCode::kDataLoss},
      {"a header cut off", "0000001400000004f72f2a3201610700ca8c1f30", StatusCode::kDataLoss},
      {"a header that is a number", "00000017000000072986015801610400000005d209572b", StatusCode::kUnimplemented},
      {"no headers at all", "000000100000000005c248eb7d98c8ff", StatusCode::kOk},
  };
  for (const auto& [what, hex, code] : cases) {
    const std::string bytes = FromHex(hex);
    std::string_view view = bytes;
    EXPECT_EQ(TakeMessage(view).status().code(), code) << what;
    EXPECT_EQ(view.empty(), code == StatusCode::kOk) << what;
  }
}

}  // namespace
}  // namespace bedplate::bedrock
