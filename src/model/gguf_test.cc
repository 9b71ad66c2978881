// Method: small files built in memory. A table of hostile mutations, each with the words its error must hold; every
// truncation; and many random byte changes, which must give an error or a file whose every value can be read.
#include "model/gguf.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/random.h"
#include "model/test_files.h"

namespace bedplate {
namespace {

GgufBuilder SmallFile() {
  GgufBuilder b;
  b.String("general.architecture", "llama");
  b.Uint("llama.block_count", 2);
  b.Scalar("a.u8", GgufType::kUint8, uint8_t{200});
  b.Scalar("a.i8", GgufType::kInt8, int8_t{-3});
  b.Scalar("a.u16", GgufType::kUint16, uint16_t{60000});
  b.Scalar("a.i16", GgufType::kInt16, int16_t{-300});
  b.Scalar("a.i32", GgufType::kInt32, int32_t{-70000});
  b.Scalar("a.u64", GgufType::kUint64, ~uint64_t{0});
  b.Scalar("a.i64", GgufType::kInt64, int64_t{-5});
  b.Scalar("a.f64", GgufType::kFloat64, 0.1);
  b.Float("a.f32", 1.5f);
  b.Bool("a.bool", true);
  b.Strings("a.strings", {"one", "", "th\xFFree"});
  b.Array<int32_t>("a.ints", GgufType::kInt32, {1, -2, 3});
  b.Array<uint8_t>("a.bools", GgufType::kBool, {1, 0, 1});
  b.Array<float>("a.floats", GgufType::kFloat32, {0.5f, -1.0f});
  std::string nested = GgufBuilder::ArrayHead(GgufType::kArray, 2);
  for (int i = 0; i < 2; ++i) nested += GgufBuilder::ArrayHead(GgufType::kUint8, 3) + "abc";
  b.Raw("a.nested", GgufType::kArray, nested);
  b.Tensor("token_embd.weight", WeightType::kQ8_0, {4, 64});
  b.Tensor("norm", WeightType::kF32, {3});
  b.Tensor("experts", WeightType::kQ4_K, {2, 3, 256});
  return b;
}

TEST(Gguf, ReadsWhatWasWritten) {
  for (const uint32_t version : {2u, 3u}) {
    GgufBuilder b = SmallFile();
    b.version = version;
    const std::string file = b.Build();
    const Result<GgufContents> parsed = ParseGguf(BytesOf(file));
    ASSERT_TRUE(parsed.ok()) << parsed.status().message();
    EXPECT_EQ(parsed->version, version);
    const GgufMetadata& m = parsed->metadata;
    EXPECT_EQ(m.keys().size(), 17u);
    EXPECT_EQ(m.keys()[1], "llama.block_count");
    EXPECT_EQ(**m.String("general.architecture"), "llama");
    EXPECT_EQ(**m.Uint("a.u8"), 200u);
    EXPECT_EQ(**m.Int("a.i8"), -3);
    EXPECT_EQ(**m.Uint("a.u16"), 60000u);
    EXPECT_EQ(**m.Int("a.i16"), -300);
    EXPECT_EQ(**m.Int("a.i32"), -70000);
    EXPECT_EQ(**m.Uint("a.u64"), ~uint64_t{0});
    EXPECT_EQ(**m.Int("a.i64"), -5);
    EXPECT_EQ(**m.Float("a.f64"), 0.1);
    EXPECT_EQ(**m.Float("a.f32"), 1.5);
    EXPECT_EQ(**m.Bool("a.bool"), true);
    EXPECT_EQ(**m.Strings("a.strings"), (std::vector<std::string_view>{"one", "", "th\xFFree"}));
    EXPECT_EQ(**m.Ints("a.ints"), (std::vector<int64_t>{1, -2, 3}));
    EXPECT_EQ(**m.Ints("a.bools"), (std::vector<int64_t>{1, 0, 1}));
    EXPECT_EQ(**m.Floats("a.floats"), (std::vector<float>{0.5f, -1.0f}));
    EXPECT_FALSE(m.Uint("absent")->has_value());
    EXPECT_EQ(m.Describe("a.strings"), "[3 string]");

    ASSERT_EQ(parsed->tensors.size(), 3u);
    const TensorView& t = parsed->tensors[0];
    EXPECT_EQ(t.name, "token_embd.weight");
    EXPECT_EQ(t.shape, (std::vector<uint64_t>{4, 64}));
    EXPECT_EQ(t.bytes.size(), 4 * 2 * 34u);
    EXPECT_EQ(std::to_integer<int>(t.bytes[5]), 5);
    EXPECT_EQ(parsed->tensors[2].shape, (std::vector<uint64_t>{2, 3, 256}));
    EXPECT_EQ(parsed->tensors[2].elements(), 1536u);
  }
}

TEST(Gguf, WrongTypesAreNamed) {
  const std::string file = SmallFile().Build();
  const Result<GgufContents> parsed = ParseGguf(BytesOf(file));
  ASSERT_TRUE(parsed.ok());
  const GgufMetadata& m = parsed->metadata;
  for (const Status& status :
       {m.Uint("general.architecture").status(), m.Uint("a.i8").status(), m.Int("a.u64").status(),
        m.Int("a.bool").status(), m.Float("a.u8").status(), m.Bool("a.u8").status(), m.String("a.u8").status(),
        m.Strings("a.ints").status(), m.Ints("a.floats").status(), m.Floats("a.nested").status(),
        m.Strings("general.architecture").status()}) {
    EXPECT_EQ(status.code(), StatusCode::kDataLoss);
    EXPECT_NE(status.message().find(" at byte "), std::string::npos) << status.message();
    EXPECT_NE(status.message().find("is needed"), std::string::npos) << status.message();
  }
}

TEST(Gguf, AVocabularyAloneOpens) {
  GgufBuilder b;
  b.String("general.architecture", "llama");
  b.Strings("tokenizer.ggml.tokens", {"a", "b"});
  const std::string file = b.Build();
  const Result<GgufContents> parsed = ParseGguf(BytesOf(file));
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  EXPECT_TRUE(parsed->tensors.empty());
}

struct Hostile {
  std::string name;
  std::string file;
  StatusCode code;
  std::string words;
};

std::string With(const std::function<void(GgufBuilder&)>& change) {
  GgufBuilder b;
  b.String("general.architecture", "llama");
  change(b);
  return b.Build();
}
template <class T>
std::string Patched(std::string file, size_t at, T value) {
  std::memcpy(file.data() + at, &value, sizeof value);
  return file;
}

TEST(Gguf, RefusesHostileFilesInWords) {
  const std::string good = SmallFile().Build();
  const auto lost = StatusCode::kDataLoss;
  const auto unimplemented = StatusCode::kUnimplemented;
  const uint64_t huge = uint64_t{1} << 62;
  const std::vector<Hostile> cases = {
      {"empty", "", lost, "not a GGUF file"},
      {"other magic", "PK\x03\x04 a zip", lost, "not a GGUF file: it begins with \"PK\\x03\\x04\""},
      {"version 1", Patched(good, 4, uint32_t{1}), unimplemented, "version 1"},
      {"version 4", Patched(good, 4, uint32_t{4}), unimplemented, "version 4"},
      {"big-endian", Patched(good, 4, uint32_t{0x03000000}), unimplemented, "big-endian"},
      {"tensor count", Patched(good, 8, huge), lost, "at byte 8: tensor count"},
      {"metadata count", Patched(good, 16, huge), lost, "at byte 16: metadata count"},
      {"key length", Patched(good, 24, huge), lost, "the key of metadata 0 claims"},
      {"empty key", With([](auto& b) { b.Uint("", 1); }), lost, "is 0 bytes long"},
      {"key twice", With([](auto& b) {
         b.Uint("k", 1);
         b.Uint("k", 2);
       }),
       lost, "\"k\" is there twice"},
      {"value type", With([](auto& b) { b.Raw("k", static_cast<GgufType>(13), "xxxx"); }), lost, "\"k\" has type 13"},
      {"bool of 2", With([](auto& b) { b.Scalar("k", GgufType::kBool, uint8_t{2}); }), lost, "bool of value 2"},
      {"bool in array", With([](auto& b) { b.template Array<uint8_t>("k", GgufType::kBool, {0, 7}); }), lost,
       "bool of value 7"},
      {"string length", With([](auto& b) { b.Raw("k", GgufType::kString, std::string(7, '\x7f') + '\0'); }), lost,
       "\"k\" claims"},
      {"array count", With([](auto& b) {
         b.Raw("k", GgufType::kArray, GgufBuilder::ArrayHead(GgufType::kUint64, uint64_t{1} << 61));
       }),
       lost, "claims 2305843009213693952 elements of uint64"},
      {"array of strings count",
       With([](auto& b) { b.Raw("k", GgufType::kArray, GgufBuilder::ArrayHead(GgufType::kString, 1000000)); }), lost,
       "elements of string"},
      {"string in array", With([](auto& b) {
         std::string bytes = GgufBuilder::ArrayHead(GgufType::kString, 1);
         AppendLittleEndian(bytes, uint64_t{999});
         b.Raw("k", GgufType::kArray, bytes);
       }),
       lost, "element 0 of metadata \"k\" claims 999 bytes"},
      {"deep arrays", With([](auto& b) {
         std::string bytes;
         for (int i = 0; i < 6; ++i) bytes += GgufBuilder::ArrayHead(GgufType::kArray, 1);
         b.Raw("k", GgufType::kArray, bytes + std::string(64, '\0'));
       }),
       lost, "nests arrays deeper than"},
      {"alignment 48", With([](auto& b) { b.Uint("general.alignment", 48); }), lost, "general.alignment is 48"},
      {"alignment 0", With([](auto& b) { b.Uint("general.alignment", 0); }), lost, "general.alignment is 0"},
      {"alignment a string", With([](auto& b) { b.String("general.alignment", "32"); }), lost, "general.alignment"},
      {"no dimension", With([](auto& b) {
         b.TensorRecord("t", 0, {}, 0);
         b.Data("xxxxxxxx");
       }),
       lost, "has 0 dimensions"},
      {"five dimensions", With([](auto& b) { b.TensorRecord("t", 0, {1, 1, 1, 1, 1}, 0); }), lost, "has 5 dimensions"},
      {"zero size", With([](auto& b) { b.TensorRecord("t", 0, {4, 0}, 0); }), lost, "dimension 0 of tensor \"t\" is 0"},
      {"overflowing shape", With([&](auto& b) { b.TensorRecord("t", 0, {huge, 8}, 0); }), lost,
       "more elements than any file"},
      {"type IQ2_XXS", With([](auto& b) { b.TensorRecord("t", 16, {256}, 0); }), unimplemented, "is IQ2_XXS"},
      {"type MXFP4", With([](auto& b) { b.TensorRecord("t", 39, {256}, 0); }), unimplemented, "is MXFP4"},
      {"type 999", With([](auto& b) { b.TensorRecord("t", 999, {256}, 0); }), unimplemented, "is type 999"},
      {"part of a block", With([](auto& b) {
         b.TensorRecord("t", 8, {33}, 0);
         b.Data(std::string(64, 'x'));
       }),
       lost, "multiple of 32"},
      {"offset not aligned", With([](auto& b) {
         b.TensorRecord("t", 0, {1}, 4);
         b.Data("xxxxxxxx");
       }),
       lost, "no multiple of the alignment 32"},
      {"offset past the end", With([](auto& b) {
         b.TensorRecord("t", 0, {1}, 64);
         b.Data("xxxxxxxx");
       }),
       lost, "interrupted download"},
      {"offset near 2^64", With([](auto& b) {
         b.TensorRecord("t", 0, {32}, ~uint64_t{31});
         b.Data("xxxx");
       }),
       lost, "interrupted download"},
      {"overlap", With([](auto& b) {
         b.TensorRecord("t", 0, {16}, 0);
         b.TensorRecord("u", 0, {16}, 32);
         b.Data(std::string(128, 'x'));
       }),
       lost, "tensor \"u\" overlaps tensor \"t\""},
      {"name twice", With([](auto& b) {
         b.Tensor("t", WeightType::kF32, {1});
         b.Tensor("t", WeightType::kF32, {1});
       }),
       lost, "tensor \"t\" is there twice"},
      {"name too long", With([](auto& b) { b.Tensor(std::string(256, 't'), WeightType::kF32, {1}); }), lost,
       "allowed: 1 to 255"},
  };
  for (const Hostile& c : cases) {
    const Result<GgufContents> parsed = ParseGguf(BytesOf(c.file));
    ASSERT_FALSE(parsed.ok()) << c.name;
    EXPECT_EQ(parsed.status().code(), c.code) << c.name << ": " << parsed.status().message();
    EXPECT_NE(parsed.status().message().find(c.words), std::string::npos)
        << c.name << ": " << parsed.status().message();
  }
}

void ReadEverything(const GgufContents& contents) {
  for (const std::string& key : contents.metadata.keys()) {
    (void)contents.metadata.Uint(key).ok();
    (void)contents.metadata.Int(key).ok();
    (void)contents.metadata.Float(key).ok();
    (void)contents.metadata.Strings(key).ok();
    (void)contents.metadata.Ints(key).ok();
    (void)contents.metadata.Floats(key).ok();
    EXPECT_FALSE(contents.metadata.Describe(key).empty());
  }
  for (const TensorView& tensor : contents.tensors) {
    ASSERT_EQ(tensor.bytes.size(), RowBytes(tensor.type, tensor.elements()));
    EXPECT_LT(static_cast<int>(tensor.bytes.front()) + static_cast<int>(tensor.bytes.back()), 512);
  }
}

// Each file lies in memory of its exact length, so that under the sanitizers a read past the end is seen.
TEST(Gguf, EveryTruncationIsAnError) {
  const std::string file = SmallFile().Build();
  for (size_t length = 0; length < file.size(); ++length) {
    const std::vector<char> cut(file.begin(), file.begin() + static_cast<ptrdiff_t>(length));
    const Result<GgufContents> parsed = ParseGguf(BytesOf({cut.data(), cut.size()}));
    ASSERT_FALSE(parsed.ok()) << length;
    ASSERT_FALSE(parsed.status().message().empty());
  }
}

TEST(Gguf, RandomChangesNeverCrash) {
  const std::string file = SmallFile().Build();
  Prng prng(TestSeed());
  size_t read = 0;
  for (int round = 0; round < 6000; ++round) {
    std::vector<char> changed(file.begin(), file.end());
    for (int64_t n = prng.Range(1, 3); n > 0; --n) {
      changed[static_cast<size_t>(prng.Range(0, static_cast<int64_t>(file.size()) - 1))] =
          static_cast<char>(prng.Next());
    }
    const Result<GgufContents> parsed = ParseGguf(BytesOf({changed.data(), changed.size()}));
    if (parsed.ok()) {
      ReadEverything(*parsed);
      ++read;
    }
  }
  EXPECT_GT(read, 0u);
}

}  // namespace
}  // namespace bedplate
