// A small model's packed weights are stored and found; then every byte that can be wrong, every file that can have been
// exchanged, and every lack of room is tried: the answer is the right bytes or none, and the next store mends it.
#include "model/packed_cache.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>

#include "base/random.h"
#include "kernels/matmul.h"
#include "model/test_files.h"

namespace bedplate {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;  // NOLINT: literals only

void WriteWhole(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

class PackedCacheTest : public ::testing::Test {
 protected:
  PackedCacheTest() {
    options_.folder = folder_.path() / "cache" / "packed";
    options_.settled_after = 0s;
    plan_.Add("a", WeightType::kQ4_K, 40, 256, PackedBytes(WeightType::kQ4_K, 40, 256));
    plan_.Add("b", WeightType::kF16, 17, 33, PackedBytes(WeightType::kF16, 17, 33));
    Prng rng(TestSeed());
    data_.resize(plan_.bytes);
    for (std::byte& b : data_) b = static_cast<std::byte>(rng.Next());
    model_path_ = WriteModel("model.gguf", 1);
  }

  fs::path WriteModel(const std::string& name, uint32_t number) const {
    GgufBuilder file;
    file.String("general.architecture", "llama");
    file.Uint("number", number);
    file.Tensor("a", WeightType::kF32, {4});
    return folder_.Write(name, file.Build());
  }
  ModelFile Open(const fs::path& path) const {
    Result<ModelFile> file = ModelFile::Open(path);
    EXPECT_TRUE(file.ok()) << file.status().message();
    return std::move(*file);
  }
  void Store(const fs::path& path) {
    const ModelFile model = Open(path);
    // It ends when it has stored.
    const PackedCacheWriter writer(options_, model, {.plan = &plan_, .weights = data_.data(), .tables = {}});
  }
  /// Whether the cache had it; and if, that it was right.
  bool Finds(const fs::path& path, const PackedPlan& plan) {
    const auto found = FindPacked(options_, Open(path), plan, team_);
    if (!found) return false;
    EXPECT_EQ(std::memcmp(found->file.bytes().data() + found->data_offset, data_.data(), data_.size()), 0);
    return true;
  }
  bool Finds(const fs::path& path) { return Finds(path, plan_); }
  [[nodiscard]] std::vector<KeptFile> Packs() const { return ListPackedCache(options_.folder); }

  TemporaryFolder folder_;
  PackedCacheOptions options_;
  PackedPlan plan_;
  std::vector<std::byte> data_;
  fs::path model_path_;
  ThreadTeam team_{2};
};

TEST_F(PackedCacheTest, FindsWhatWasStored) {
  EXPECT_FALSE(Finds(model_path_));
  Store(model_path_);
  EXPECT_TRUE(Finds(model_path_));
  ASSERT_EQ(Packs().size(), 1u);
  EXPECT_EQ(Packs()[0].label, "model.gguf");
  EXPECT_EQ(Packs()[0].bytes, PackedFileBytes(plan_));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(FindPacked(options_, Open(model_path_), plan_, team_)->file.bytes().data() +
                                        FindPacked(options_, Open(model_path_), plan_, team_)->data_offset) %
                64,
            0u);
  EXPECT_EQ(ClearPackedCache(options_.folder), PackedFileBytes(plan_));
  EXPECT_FALSE(Finds(model_path_));
  options_.folder.clear();
  EXPECT_FALSE(Finds(model_path_));
}

TEST_F(PackedCacheTest, RefusesEveryDamageAndMendsIt) {
  Store(model_path_);
  const fs::path path = Packs().at(0).path;
  const std::string whole = *ReadFile(path);
  const auto expect_mended = [&](const std::string& damaged, const std::string& what) {
    WriteWhole(path, damaged);
    EXPECT_FALSE(Finds(model_path_)) << what;
    EXPECT_FALSE(fs::exists(path)) << what;  // the next store must not take it for a good one
  };
  for (const size_t length :
       {size_t{0}, size_t{7}, size_t{255}, size_t{256}, size_t{300}, whole.size() / 2, whole.size() - 1}) {
    expect_mended(whole.substr(0, length), Cat("length ", length));
  }
  expect_mended(whole + '\0', "one more byte");
  Prng rng(TestSeed());
  const size_t tables_end = 256 + 2 * 40 + 8;  // header, two places, one chunk
  for (int round = 0; round < 300; ++round) {
    // Between tables and data lie unused bytes, which nothing reads.
    const size_t at = static_cast<size_t>(round % 2 == 0 ? rng.Range(0, static_cast<int64_t>(tables_end) - 1)
                                                         : rng.Range(4096, static_cast<int64_t>(whole.size()) - 1));
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ static_cast<char>(1 << rng.Range(0, 7)));
    expect_mended(damaged, Cat("byte ", at));
  }
  Store(model_path_);
  EXPECT_EQ(*ReadFile(path), whole);
  EXPECT_TRUE(Finds(model_path_));
}

TEST_F(PackedCacheTest, AnotherPlanIsAnotherFile) {
  Store(model_path_);
  const auto with = [&](auto change) {
    PackedPlan plan = plan_;
    change(plan.places[0]);
    return plan;
  };
  for (const PackedPlan& plan :
       {with([](PackedPlace& p) { ++p.name_hash; }), with([](PackedPlace& p) { p.inputs = 512; }),
        with([](PackedPlace& p) { p.outputs = 41; }), with([](PackedPlace& p) { p.offset = 64; })}) {
    EXPECT_FALSE(Finds(model_path_, plan));
    Store(model_path_);
  }
  // Another type is another fingerprint, so another name: the file stays.
  EXPECT_FALSE(Finds(model_path_, with([](PackedPlace& p) { p.type = WeightType::kQ5_K; })));
  EXPECT_TRUE(Finds(model_path_));
}

TEST_F(PackedCacheTest, AChangedModelIsPackedAnew) {
  Store(model_path_);
  const std::string first = *ReadFile(model_path_);
  const FileIdentity before = *IdentityOf(model_path_);
  do {  // written in place, same size; again if the clock of the file system has not moved
    WriteModel("model.gguf", 2);
  } while (*IdentityOf(model_path_) == before);
  EXPECT_FALSE(Finds(model_path_));
  Store(model_path_);
  EXPECT_EQ(Packs().size(), 2u);
  ASSERT_TRUE(WriteFileAtomically(model_path_, first).ok());  // replaced: the first content again
  EXPECT_FALSE(Finds(model_path_));                           // not known yet to be that
  Store(model_path_);
  EXPECT_EQ(Packs().size(), 2u);
  EXPECT_TRUE(Finds(model_path_));
}

TEST_F(PackedCacheTest, TheSameContentUnderAnotherNameSharesItsFile) {
  Store(model_path_);
  const fs::path copy = WriteModel("copy.gguf", 1);
  EXPECT_FALSE(Finds(copy));
  Store(copy);
  EXPECT_TRUE(Finds(copy));
  EXPECT_EQ(Packs().size(), 1u);
}

TEST_F(PackedCacheTest, AFileJustWrittenIsNotNoted) {
  options_.settled_after = 3600s;
  Store(model_path_);
  EXPECT_EQ(Packs().size(), 1u);
  EXPECT_FALSE(Finds(model_path_));
}

TEST_F(PackedCacheTest, TheLongestUnusedMakesRoom) {
  const fs::path models[] = {WriteModel("1.gguf", 11), WriteModel("2.gguf", 12), WriteModel("3.gguf", 13)};
  options_.bytes_max = 2 * PackedFileBytes(plan_);
  Store(models[0]);
  Store(models[1]);
  for (const KeptFile& pack : Packs()) {  // the clock of file times is coarse: set what it would be
    const auto age = pack.label == "1.gguf" ? 2h : 1h;
    fs::last_write_time(pack.path, fs::file_time_type::clock::now() - age);
  }
  EXPECT_TRUE(Finds(models[0]));  // used now
  Store(models[2]);
  EXPECT_TRUE(Finds(models[0]));
  EXPECT_FALSE(Finds(models[1]));
  EXPECT_TRUE(Finds(models[2]));
  options_.bytes_max = PackedFileBytes(plan_) - 1;  // room for none: nothing is thrown out in vain
  Store(models[1]);
  EXPECT_EQ(Packs().size(), 2u);
}

/// A disk of this many bytes that holds nothing but the cache.
auto DiskOf(uint64_t bytes) {
  return [bytes](const fs::path& folder) {
    uint64_t used = 0;
    for (const KeptFile& file : ListPackedCache(folder)) used += file.bytes;
    return std::optional(bytes - std::min(bytes, used));
  };
}

TEST_F(PackedCacheTest, AFullDiskMakesTheLongestUnusedGo) {
  const fs::path models[] = {WriteModel("1.gguf", 11), WriteModel("2.gguf", 12), WriteModel("3.gguf", 13)};
  const uint64_t each = PackedFileBytes(plan_);
  options_.disk_left_free = each / 2;
  options_.disk_free = DiskOf(2 * each + each / 2);  // room for two
  Store(models[0]);
  Store(models[1]);
  ASSERT_EQ(Packs().size(), 2u);
  for (const KeptFile& pack : Packs()) {
    fs::last_write_time(pack.path, fs::file_time_type::clock::now() - (pack.label == "1.gguf" ? 2h : 1h));
  }
  Store(models[2]);
  EXPECT_FALSE(Finds(models[0]));
  EXPECT_TRUE(Finds(models[1]));
  EXPECT_TRUE(Finds(models[2]));
  options_.disk_left_free = 3 * each;  // not even an empty cache would do: nothing is thrown out in vain
  Store(models[0]);
  EXPECT_EQ(Packs().size(), 2u);
  EXPECT_FALSE(Finds(models[0]));
  options_.disk_free = [](const fs::path&) { return std::optional<uint64_t>(); };  // nobody knows: then it is tried
  Store(models[0]);
  EXPECT_TRUE(Finds(models[0]));
}

TEST_F(PackedCacheTest, ADiskThatOthersFillIsNotMadeRoomOnInVain) {
  const uint64_t each = PackedFileBytes(plan_);
  Store(model_path_);
  // What is removed is still mapped by another process, so that nothing becomes free: all that may go goes, then no
  // more.
  options_.disk_left_free = 0;
  options_.disk_free = [&](const fs::path&) { return std::optional<uint64_t>(each / 2); };
  const fs::path other = WriteModel("other.gguf", 5);
  Store(other);
  EXPECT_FALSE(Finds(other));
  EXPECT_TRUE(Packs().empty());
}

TEST_F(PackedCacheTest, TablesAreKeptBesideTheWeights) {
  std::vector<std::byte> tables(5000);
  Prng rng(TestSeed());
  for (std::byte& b : tables) b = static_cast<std::byte>(rng.Next());
  const auto shared = std::make_shared<const std::vector<std::byte>>(tables);
  const auto store = [&](const PackedPlan* plan) {
    const ModelFile model = Open(model_path_);
    const PackedCacheWriter writer(
        options_, model,
        {.plan = plan, .weights = data_.data(), .tables = {.fingerprint = 7, .bytes = {shared, *shared}}});
  };
  Status answer;
  const auto finds = [&](uint64_t fingerprint) {
    std::vector<std::byte> got;
    const bool used = UseTables(options_, Open(model_path_), fingerprint, [&](const SharedBytes& found) {
      got.assign(found.bytes.begin(), found.bytes.end());
      return answer;
    });
    EXPECT_TRUE(!used || got == tables);
    return used;
  };
  EXPECT_FALSE(finds(7));
  store(&plan_);
  EXPECT_TRUE(finds(7));
  EXPECT_TRUE(Finds(model_path_));
  EXPECT_FALSE(finds(8));  // another maker's
  EXPECT_TRUE(finds(7));
  ASSERT_EQ(Packs().size(), 2u);
  const std::vector<KeptFile> files = Packs();
  const KeptFile file = *std::ranges::find(files, KeptFile::Kind::kTables, &KeptFile::kind);
  EXPECT_EQ(file.label, "model.gguf");
  EXPECT_EQ(file.bytes, KeptFileBytes(tables.size()));

  const std::string whole = *ReadFile(file.path);
  const auto expect_mended = [&](const std::string& damaged, const std::string& what) {
    WriteWhole(file.path, damaged);
    EXPECT_FALSE(finds(7)) << what;
    EXPECT_FALSE(fs::exists(file.path)) << what;
  };
  for (const size_t length : {size_t{0}, size_t{100}, size_t{4095}, size_t{4096}, whole.size() - 1}) {
    expect_mended(whole.substr(0, length), Cat("length ", length));
  }
  expect_mended(whole + '\0', "one more byte");
  for (int round = 0; round < 200; ++round) {
    const size_t at = static_cast<size_t>(round % 2 == 0 ? rng.Range(0, 231)
                                                         : rng.Range(4096, static_cast<int64_t>(whole.size()) - 1));
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ static_cast<char>(1 << rng.Range(0, 7)));
    expect_mended(damaged, Cat("byte ", at));
  }
  store(nullptr);  // the weights are there; the model's content is known from its note
  EXPECT_EQ(*ReadFile(file.path), whole);
  answer = Status::DataLoss("the user of the tables finds them wrong");
  EXPECT_FALSE(finds(7));
  EXPECT_FALSE(fs::exists(file.path));
  store(nullptr);
  answer = Status::ResourceExhausted("not the file's fault");
  EXPECT_FALSE(finds(7));
  EXPECT_TRUE(fs::exists(file.path));
  EXPECT_EQ(ClearPackedCache(options_.folder), PackedFileBytes(plan_) + KeptFileBytes(tables.size()));
}

TEST_F(PackedCacheTest, WhatKilledWritersLeftIsRemovedAndWhatOthersWriteIsNot) {
  fs::create_directories(options_.folder);
  WriteWhole(options_.folder / "dead.packed.partial", "half");
  WriteWhole(options_.folder / "alive.packed.partial", "half");
  WriteWhole(options_.folder / "notes.txt", "not ours");
  const int alive = ::open((options_.folder / "alive.packed.partial").c_str(), O_RDWR);
  ASSERT_EQ(::flock(alive, LOCK_EX | LOCK_NB), 0);
  Store(model_path_);
  EXPECT_FALSE(fs::exists(options_.folder / "dead.packed.partial"));
  EXPECT_TRUE(fs::exists(options_.folder / "alive.packed.partial"));
  EXPECT_TRUE(fs::exists(options_.folder / "notes.txt"));
  EXPECT_TRUE(Finds(model_path_));
  ::close(alive);
}

TEST_F(PackedCacheTest, AFolderThatCannotBeIsSurvived) {
  WriteWhole(folder_.path() / "cache", "a file where a folder should be");
  Store(model_path_);
  EXPECT_FALSE(Finds(model_path_));
}

TEST_F(PackedCacheTest, AnEndAbandonsWhatIsTooLargeToFinish) {
  options_.finish_bytes_max = 0;
  for (int round = 0; round < 20; ++round) Store(model_path_);  // stopped somewhere, or just done
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder_.path())) {
    EXPECT_FALSE(entry.path().string().ends_with(".partial")) << entry.path();
  }
  options_.finish_bytes_max = uint64_t{1} << 30;
  Store(model_path_);
  EXPECT_TRUE(Finds(model_path_));
}

}  // namespace
}  // namespace bedplate
