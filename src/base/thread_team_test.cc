// Every member runs once per Run, barriers separate phases, and writes before a barrier are seen after it.
#include "base/thread_team.h"

#include <gtest/gtest.h>

#include <atomic>
#include <numeric>
#include <vector>

namespace bedplate {
namespace {

TEST(ThreadTeam, EveryMemberRunsOncePerRound) {
  for (const uint32_t size : {1u, 2u, 5u}) {
    ThreadTeam team(size);
    std::vector<int> runs(size, 0);
    for (int round = 0; round < 500; ++round) {
      team.Run([&](ThreadTeam::Member member) { ++runs[member.index()]; });
    }
    for (const int n : runs) EXPECT_EQ(n, 500);
  }
}

TEST(ThreadTeam, BarrierPublishesWrites) {
  ThreadTeam team(4);
  for (int round = 0; round < 300; ++round) {
    std::vector<int> values(4, 0);
    std::atomic<int> wrong{0};
    team.Run([&](ThreadTeam::Member member) {
      for (int phase = 1; phase <= 3; ++phase) {
        values[member.index()] = phase;
        member.Barrier();
        for (const int v : values) wrong += v != phase ? 1 : 0;
        member.Barrier();
      }
    });
    EXPECT_EQ(wrong.load(), 0);
  }
}

TEST(ThreadTeam, WakesAfterSleeping) {
  ThreadTeam team(2);
  std::atomic<int> sum{0};
  for (int i = 0; i < 3; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    team.Run([&](ThreadTeam::Member) { ++sum; });
  }
  EXPECT_EQ(sum.load(), 6);
}

TEST(UsableCpuCount, IsAtLeastOne) {
  EXPECT_GE(UsableCpuCount(), 1u);
}

}  // namespace
}  // namespace bedplate
