// Contestants with made-up speeds on a machine with a made-up mood: what is repeated, what is noisy, who alternates.
#include "cmd/bench/series.h"

#include <gtest/gtest.h>

namespace bedplate {
namespace {

class Fake final : public Contestant {
 public:
  /// Refuses every run, or those after `runs_before`.
  Fake(std::string engine, std::string* log, std::vector<double> seconds, std::string refusal = "",
       size_t runs_before = 0)
      : Contestant(std::move(engine), ""),
        log_(log),
        seconds_(std::move(seconds)),
        refusal_(std::move(refusal)),
        runs_before_(runs_before) {}
  Result<Timing> Run(const Workload& workload, std::chrono::seconds patience) override {
    *log_ += engine();
    patience_ = patience;
    if (!refusal_.empty() && runs_ >= runs_before_) return Status::Unimplemented(refusal_);
    return Timing{seconds_[runs_++ % seconds_.size()], workload.tokens_in_all()};
  }
  [[nodiscard]] std::chrono::seconds patience() const { return patience_; }

 private:
  std::string* log_;
  std::vector<double> seconds_;
  std::string refusal_;
  size_t runs_before_, runs_ = 0;
  std::chrono::seconds patience_{};
};

const Workload kDecode{Workload::Kind::kDecode, 10, 2, 8};

TEST(Series, AlternatesAndTakesMedians) {
  std::string log;
  std::vector<std::unique_ptr<Contestant>> contestants;
  contestants.push_back(std::make_unique<Fake>("A", &log, std::vector<double>{9, 1, 2, 4}));
  contestants.push_back(std::make_unique<Fake>("B", &log, std::vector<double>{1}));
  contestants.push_back(std::make_unique<Fake>("C", &log, std::vector<double>{1}, "no such format"));
  SeriesOptions options{.rounds = 3, .read_speed = [] { return 5e9; }};
  const std::vector<Series> all = MeasureInTurn(kDecode, contestants, options);
  EXPECT_EQ(log,
            "ABC"
            "AB"
            "AB"
            "AB");
  EXPECT_EQ(all[0].median(), 10);  // 20 tokens in 1, 2 and 4 seconds
  EXPECT_EQ(all[0].low(), 5);
  EXPECT_EQ(all[0].high(), 20);
  EXPECT_EQ(all[0].read_bytes_per_second(), 5e9);
  EXPECT_FALSE(all[0].noisy());
  EXPECT_EQ(all[2].refusal, "no such format");
  EXPECT_TRUE(all[2].rounds.empty());
}

TEST(Series, WhatFailsInALaterRoundKeepsTheEarlierOnes) {
  std::string log;
  std::vector<std::unique_ptr<Contestant>> contestants;
  contestants.push_back(std::make_unique<Fake>("A", &log, std::vector<double>{1}));
  contestants.push_back(std::make_unique<Fake>("B", &log, std::vector<double>{2}, "cut after 60 s", 3));
  const std::vector<Series> all = MeasureInTurn(kDecode, contestants, {.rounds = 4, .read_speed = [] { return 5e9; }});
  EXPECT_EQ(log,
            "AB"
            "AB"
            "AB"
            "AB"
            "A");
  EXPECT_EQ(all[1].rounds.size(), 2u);
  EXPECT_EQ(all[1].median(), 10);
  EXPECT_EQ(all[1].refusal, "");
  EXPECT_EQ(all[1].stopped, "cut after 60 s");
}

TEST(Series, WhatFailsInTheFirstRoundIsRefused) {
  std::string log;
  std::vector<std::unique_ptr<Contestant>> contestants;
  contestants.push_back(std::make_unique<Fake>("A", &log, std::vector<double>{1}));
  contestants.push_back(std::make_unique<Fake>("B", &log, std::vector<double>{2}, "cut after 60 s", 1));
  const std::vector<Series> all = MeasureInTurn(kDecode, contestants, {.rounds = 2, .read_speed = [] { return 5e9; }});
  EXPECT_EQ(log,
            "AB"
            "AB"
            "A");
  EXPECT_TRUE(all[1].rounds.empty());
  EXPECT_EQ(all[1].refusal, "cut after 60 s");
  EXPECT_EQ(all[1].stopped, "");
}

TEST(Series, SlowSettingsSitOut) {
  std::string log;
  std::vector<std::unique_ptr<Contestant>> contestants;
  contestants.push_back(std::make_unique<Fake>("A", &log, std::vector<double>{9}));
  contestants.push_back(std::make_unique<Fake>("B", &log, std::vector<double>{1}));
  contestants.push_back(std::make_unique<Fake>("B", &log, std::vector<double>{1, 1.5, 1}));    // after its first round
  contestants.push_back(std::make_unique<Fake>("B", &log, std::vector<double>{1, 1.1, 0.5}));  // may still be the best
  const std::vector<Series> all = MeasureInTurn(kDecode, contestants, {.rounds = 3, .read_speed = [] { return 5e9; }});
  EXPECT_EQ(log,
            "ABBB"
            "ABBB"
            "ABB"
            "ABB");
  EXPECT_TRUE(all[2].sat_out);
  EXPECT_EQ(all[2].rounds.size(), 1u);
  EXPECT_FALSE(all[0].sat_out);
  EXPECT_FALSE(all[3].sat_out);
}

TEST(Series, AFirstRunOfHalfTheSpeedIsTheLast) {
  std::string log;
  std::vector<std::unique_ptr<Contestant>> contestants;
  contestants.push_back(std::make_unique<Fake>("A", &log, std::vector<double>{9}));
  contestants.push_back(std::make_unique<Fake>("B", &log, std::vector<double>{1}));
  contestants.push_back(std::make_unique<Fake>("C", &log, std::vector<double>{2.5, 1}));
  contestants.push_back(std::make_unique<Fake>("B", &log, std::vector<double>{2.5, 1}));
  contestants.push_back(std::make_unique<Fake>("D", &log, std::vector<double>{100, 1}));  // less than a tenth of A's
  const std::vector<Series> all = MeasureInTurn(kDecode, contestants, {.rounds = 2, .read_speed = [] { return 5e9; }});
  EXPECT_EQ(log,
            "ABCBD"
            "ABC"
            "ABC");
  EXPECT_TRUE(all[3].sat_out);
  EXPECT_EQ(all[3].median(), 8);
  EXPECT_TRUE(all[4].sat_out);
  EXPECT_EQ(all[4].median(), 0.2);
  EXPECT_EQ(all[3].read_bytes_per_second(), 5e9);
}

TEST(Series, RivalsAreWaitedForBySoManyTimesOurTime) {
  std::string log;
  auto rival = std::make_unique<Fake>("B", &log, std::vector<double>{1});
  const Fake& waited_for = *rival;
  std::vector<std::unique_ptr<Contestant>> contestants;
  contestants.push_back(std::make_unique<Fake>("A", &log, std::vector<double>{1}));
  contestants.push_back(std::move(rival));
  SeriesOptions options{.rounds = 1, .read_speed = [] { return 5e9; }};
  MeasureInTurn(kDecode, contestants, options);
  EXPECT_EQ(waited_for.patience(), options.patience_min);  // ours took microseconds
  options.patience_ratio = 1e12;
  MeasureInTurn(kDecode, contestants, options);
  EXPECT_GT(waited_for.patience(), options.patience_min);
}

TEST(Series, RepeatsWhatTheMachinesMoodSpoilt) {
  std::string log;
  std::vector<std::unique_ptr<Contestant>> contestants;
  contestants.push_back(std::make_unique<Fake>("A", &log, std::vector<double>{1}));
  std::vector<double> speeds = {50, 80, 80, 80};  // the first pair differs, the second doesn't
  size_t probes = 0;
  SeriesOptions options{.rounds = 1, .read_speed = [&] { return speeds[probes++ % speeds.size()]; }};
  std::vector<Series> all = MeasureInTurn(kDecode, contestants, options);
  EXPECT_EQ(log, "AAA");
  EXPECT_FALSE(all[0].noisy());
  EXPECT_EQ(all[0].read_bytes_per_second(), 80);
  log.clear();
  speeds = {50, 80};  // never calm
  all = MeasureInTurn(kDecode, contestants, options);
  EXPECT_EQ(log, "AAAAA");  // unrecorded, once, three repeats
  EXPECT_TRUE(all[0].noisy());
}

}  // namespace
}  // namespace bedplate
