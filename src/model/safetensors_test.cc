// Method: headers written as text. A table of broken files with the words their errors must hold; every truncation.
#include "model/safetensors.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "model/test_files.h"

namespace bedplate {
namespace {

constexpr std::string_view kHeader = R"({"__metadata__":{"format":"pt"},)"
                                     R"("b":{"dtype":"BF16","shape":[2,3],"data_offsets":[8,20]},)"
                                     R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                                     R"("s":{"dtype":"F16","shape":[],"data_offsets":[20,22]}})";

TEST(Safetensors, ReadsWhatWasWritten) {
  const std::string file = BuildSafetensors(kHeader, "0123456789abcdefghijkl");
  const auto parsed = ParseSafetensors(BytesOf(file));
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  ASSERT_EQ(parsed->size(), 3u);
  const TensorView& b = (*parsed)[0];
  EXPECT_EQ(b.name, "b");
  EXPECT_EQ(b.type, WeightType::kBF16);
  EXPECT_EQ(b.shape, (std::vector<uint64_t>{2, 3}));
  EXPECT_EQ(std::to_integer<char>(b.bytes[0]), '8');
  EXPECT_EQ((*parsed)[2].shape, (std::vector<uint64_t>{1}));
}

TEST(Safetensors, RefusesBrokenFilesInWords) {
  struct Case {
    std::string header;
    size_t data;
    StatusCode code;
    std::string words;
  };
  const auto lost = StatusCode::kDataLoss;
  const std::vector<Case> cases = {
      {"", 0, lost, "not valid JSON"},
      {"[]", 0, lost, "not a JSON object"},
      {R"({"t":{"shape":[1],"data_offsets":[0,4]}})", 4, lost, "no dtype"},
      {R"({"t":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}})", 4, StatusCode::kUnimplemented, "\"F8_E4M3\""},
      {R"({"t":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}})", 8, StatusCode::kUnimplemented, "\"I64\""},
      {R"({"t":{"dtype":"F32","data_offsets":[0,4]}})", 4, lost, "no shape"},
      {R"({"t":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}})", 0, lost, "sizes are 1 or more"},
      {R"({"t":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4, lost, "sizes are 1 or more"},
      {R"({"t":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}})", 4, lost, "sizes are 1 or more"},
      {R"({"t":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,4]}})", 4, lost, "more elements"},
      {R"({"t":{"dtype":"F32","shape":[1,1,1,1,1],"data_offsets":[0,4]}})", 4, lost, "5 dimensions"},
      {R"({"t":{"dtype":"F32","shape":[1]}})", 4, lost, "no data_offsets"},
      {R"({"t":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}})", 4, lost, "the file holds 4 bytes"},
      {R"({"t":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}})", 4, lost, "data_offsets -4 to 0"},
      {R"({"t":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", 4, lost, "data_offsets 4 to 0"},
      {R"({"t":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4, lost, "need 8"},
      {R"({"t":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 8, lost, "leaves a gap"},
      {R"({"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 8, lost, "bytes after the last tensor"},
      {R"({"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"u":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
       8, lost, "overlaps"},
      {R"({"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"t":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
       8, lost, "there twice"},
      {R"({"":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4, lost, "tensor name"},
  };
  for (const Case& c : cases) {
    const std::string file = BuildSafetensors(c.header, std::string(c.data, 'x'));
    const auto parsed = ParseSafetensors(BytesOf(file));
    ASSERT_FALSE(parsed.ok()) << c.header;
    EXPECT_EQ(parsed.status().code(), c.code) << c.header;
    EXPECT_NE(parsed.status().message().find(c.words), std::string::npos) << parsed.status().message();
  }
  std::string huge(8, '\xFF');
  EXPECT_NE(ParseSafetensors(BytesOf(huge)).status().message().find("claims"), std::string::npos);
}

TEST(Safetensors, TruncationsAreErrorsAndChangesNeverCrash) {
  const std::string file = BuildSafetensors(kHeader, "0123456789abcdefghijkl");
  for (size_t length = 0; length < file.size(); ++length) {
    const std::vector<char> cut(file.begin(), file.begin() + static_cast<ptrdiff_t>(length));
    ASSERT_FALSE(ParseSafetensors(BytesOf({cut.data(), cut.size()})).ok()) << length;
  }
  Prng prng(TestSeed());
  for (int round = 0; round < 5000; ++round) {
    std::vector<char> changed(file.begin(), file.end());
    changed[static_cast<size_t>(prng.Range(0, static_cast<int64_t>(file.size()) - 1))] = static_cast<char>(prng.Next());
    const auto parsed = ParseSafetensors(BytesOf({changed.data(), changed.size()}));
    if (!parsed.ok()) continue;
    for (const TensorView& t : *parsed) ASSERT_EQ(t.bytes.size(), RowBytes(t.type, t.elements()));
  }
}

}  // namespace
}  // namespace bedplate
