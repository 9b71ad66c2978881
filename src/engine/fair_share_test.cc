// Method: flows that want and are served by hand; then random ones, served in the order that is told, held to the bound
// that fair_share.h states, with its sum written out.

#include "engine/fair_share.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "base/random.h"

namespace bedplate {
namespace {

/// Wants until it is told otherwise.
Flow& EnterWanting(FairShare& share, uint64_t id, uint32_t weight = 1) {
  Flow& flow = share.Enter(id, weight);
  flow.unread = 1;
  return flow;
}

std::string OrderOf(const FairShare& share) {
  std::string out;
  for (const Flow* flow : share.flows()) out += static_cast<char>('a' + flow->id);
  return out;
}

TEST(FairShare, TheLeastServedGoesFirst) {
  FairShare share;
  Flow &a = EnterWanting(share, 0), &b = EnterWanting(share, 1);
  share.Order();
  EXPECT_EQ(OrderOf(share), "ab") << "who came first, of equals";
  share.ServePrompt(a, 512);
  share.Order();
  EXPECT_EQ(OrderOf(share), "ba");
  share.ServePrompt(b, 500);
  share.Order();
  EXPECT_EQ(OrderOf(share), "ba") << "its turn isn't over";
  for (int i = 0; i < 100; ++i) share.ServeOutput(b);
  share.Order();
  EXPECT_EQ(OrderOf(share), "ab");
  EXPECT_EQ(FairShare::Served(b), 500 + 100 * FairShare::kOutputCost);
}

TEST(FairShare, AWeightDividesWhatCounts) {
  FairShare share;
  Flow &a = EnterWanting(share, 0, 3), &b = EnterWanting(share, 1, 1);
  share.Order();
  share.ServePrompt(a, 1500);
  share.ServePrompt(b, 513);
  share.Order();
  EXPECT_EQ(OrderOf(share), "ab") << "500 by weight";
  share.ServePrompt(a, 300);
  share.Order();
  EXPECT_EQ(OrderOf(share), "ba");
  share.Enter(0, 100);  // a weight can change
  share.ServePrompt(a, 100);
  EXPECT_EQ(FairShare::Served(a), 601);
}

TEST(FairShare, WhoWasAwayHasSavedNothingUp) {
  FairShare share;
  Flow& a = EnterWanting(share, 0);
  share.Order();
  for (int i = 0; i < 1000; ++i) {
    share.ServePrompt(a, 100);
    share.Order();
  }
  a.running = 2;
  Flow& b = EnterWanting(share, 1);
  b.running = 1;
  share.Order();
  EXPECT_EQ(OrderOf(share), "ba") << "before the one whose turn it was, and that asks for more";
  EXPECT_LT(FairShare::Served(a) - FairShare::Served(b), FairShare::kTurnTokens);
  share.ServePrompt(b, 511);
  share.Order();
  EXPECT_EQ(OrderOf(share), "ba");
  share.ServePrompt(b, 1);
  share.Order();
  EXPECT_EQ(OrderOf(share), "ab") << "for a turn";
}

TEST(FairShare, WhoOnlyWritesSavesNothingUpEither) {
  FairShare share;
  Flow &a = EnterWanting(share, 0), &b = EnterWanting(share, 1);
  share.Order();
  b.unread = 0;  // it has all that it asks for, and runs
  for (int i = 0; i < 1000; ++i) {
    share.ServePrompt(a, 100);
    share.Order();
  }
  b.unread = 1;
  share.Order();
  EXPECT_LT(FairShare::Served(a) - FairShare::Served(b), FairShare::kTurnTokens);
}

TEST(FairShare, LeavingAndComingBackGainsNothing) {
  FairShare share;
  Flow &a = EnterWanting(share, 0), &b = EnterWanting(share, 1);
  share.Order();
  share.ServePrompt(a, 100);
  share.ServePrompt(b, 5000);
  b.unread = 0;
  share.Leave(b);
  share.Order();
  Flow& again = EnterWanting(share, 1);
  share.Order();
  EXPECT_EQ(OrderOf(share), "ab");
  EXPECT_EQ(FairShare::Served(again) - FairShare::Served(a), 4900);
}

/// What one takes while others have all that they ask for takes nothing from those.
TEST(FairShare, NobodyOwesAnythingOnceAllHadEnough) {
  FairShare share;
  Flow &a = EnterWanting(share, 0), &b = EnterWanting(share, 1);
  share.Order();
  a.unread = b.unread = 0;
  share.ServePrompt(a, 600);
  share.ServePrompt(b, 5000);
  share.Order();
  a.unread = 100;
  a.running = 2;
  share.Order();
  b.unread = 500;
  b.running = 1;
  share.Order();
  EXPECT_EQ(OrderOf(share), "ba") << "it asks for less";
  EXPECT_LT(FairShare::Served(b) - FairShare::Served(a), FairShare::kTurnTokens);
}

TEST(FairShare, ComingAfterAllHadEnoughIsFromWhereTheyStand) {
  FairShare share;
  Flow& a = EnterWanting(share, 0);
  share.Order();
  share.ServePrompt(a, 5000);
  a.unread = 0;
  share.Order();
  Flow& b = EnterWanting(share, 1);
  share.Order();
  EXPECT_EQ(FairShare::Served(b), FairShare::Served(a));
}

/// Also while somebody wants all the time, and whatever the others were served.
TEST(FairShare, FlowsAreForgotten) {
  FairShare share;
  Flow& stays = EnterWanting(share, 0);
  for (uint64_t id = 1; id < 2000; ++id) {
    Flow& comes = EnterWanting(share, id);
    share.Order();
    share.ServePrompt(comes, 1000);
    comes.unread = 0;
    share.Leave(comes);
    share.Order();
    ASSERT_LE(share.flows().size(), 1 + FairShare::kIdleFlowsMax);
  }
  EXPECT_EQ(share.live(), 1u);
  share.ServePrompt(stays, 2000);  // as much as any of the others
  share.Order();
  share.Order();
  EXPECT_EQ(share.flows().size(), 1u);
  stays.unread = 0;
  share.Leave(stays);
  share.Order();
  EXPECT_EQ(share.flows().size(), 0u);
}

TEST(FairShare, StartsCountWhatIsNotReadYet) {
  FairShare share;
  Flow &a = share.Enter(0, 1), &b = share.Enter(1, 1);
  EXPECT_EQ(share.Next(), nullptr);
  a.waiting = b.waiting = {nullptr};
  share.Order();
  EXPECT_EQ(share.Next(), &a);
  a.unread = 100;
  EXPECT_EQ(share.Next(), &b);
  b.unread = 200;
  EXPECT_EQ(share.Next(), &a);
  a.waiting.clear();
  EXPECT_EQ(share.Next(), &b);
}

/// Whoever goes first is served what it likes, up to a most, and others come, go and have enough.
TEST(FairShare, TwoThatWantAllTheTimeAreServedAlike) {
  Prng rng(TestSeed());
  for (int round = 0; round < 100; ++round) {
    FairShare share;
    const auto most = static_cast<uint32_t>(rng.Pick({64, 256, 2000}));
    std::vector<Flow*> always;
    for (uint64_t id = 0; id < 5; ++id) {
      always.push_back(&EnterWanting(share, id, static_cast<uint32_t>(rng.Range(1, 5))));
    }
    std::vector<Flow*> others;
    for (int step = 0; step < 1000; ++step) {
      if (rng.Chance(0.1)) others.push_back(&EnterWanting(share, static_cast<uint64_t>(rng.Range(10, 30))));
      share.Order();
      Flow& first = **std::ranges::find_if(share.flows(), [](const Flow* flow) { return flow->unread > 0; });
      share.ServePrompt(first, static_cast<uint32_t>(rng.Range(1, most)));
      if (!others.empty() && rng.Chance(0.1)) {
        Flow& leaves = *others.back();
        others.pop_back();
        if (std::ranges::find(others, &leaves) == others.end()) leaves.unread = 0;
        share.Leave(leaves);
      }
      for (const Flow* a : always) {
        for (const Flow* b : always) {
          // The one that was served last had the lesser turn, and no more than a turn and what it got since.
          const double bound = FairShare::kTurnTokens + static_cast<double>(most) / a->weight;
          ASSERT_LE(FairShare::Served(*a) - FairShare::Served(*b), bound) << "round " << round << " step " << step;
        }
      }
    }
    double least = INFINITY;
    for (const Flow* flow : always) least = std::min(least, FairShare::Served(*flow));
    EXPECT_GT(least, 0) << "nobody starves";
  }
}

}  // namespace
}  // namespace bedplate
