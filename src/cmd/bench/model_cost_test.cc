// Limits of a model whose numbers are easy, by hand.
#include "cmd/bench/model_cost.h"

#include <gtest/gtest.h>

namespace bedplate {
namespace {

ModelCost EasyCost() {
  ModelCost cost;
  cost.body_weights = 1'000'000;
  cost.head_weights = 500'000;
  cost.weight_bytes = 1'000'000;
  cost.config.layers = 2;
  cost.config.kv_heads = 1;
  cost.config.head_dim = cost.config.value_head_dim = 125;  // 1000 bytes a position over both layers
  cost.config.layer_is_sliding = {false, false};
  return cost;
}
constexpr MachineSpeed kMachine{.read_bytes_per_second = 1e9, .int8_operations_per_second = 1e12};

TEST(ModelCost, PrefillIsBoundByArithmeticAndDecodeByMemory) {
  const ModelCost cost = EasyCost();
  using Kind = Workload::Kind;
  // 1000 tokens: 2e9 + 1e6 operations take 2.001 ms, reading the weights 1 ms.
  EXPECT_NEAR(LimitTokensPerSecond({Kind::kPrefill, 1000}, cost, kMachine), 1000 / 2.001e-3, 1);
  // One stream around position 1000: 1 MB of weights and 1 MB of keys and values.
  EXPECT_NEAR(LimitTokensPerSecond({Kind::kDecode, 100, 1, 950}, cost, kMachine), 500, 0.01);
  // Four streams read the weights once.
  EXPECT_NEAR(LimitTokensPerSecond({Kind::kDecode, 100, 4, 950}, cost, kMachine), 800, 0.01);
}

TEST(ModelCost, SlidingLayersReadTheirWindow) {
  ModelCost cost = EasyCost();
  EXPECT_EQ(KvBytes(cost.config, 1000), 1'000'000u);
  EXPECT_EQ(KvBytes(cost.config, 1000, KvType::kQ8), (500u + 4 * 4 * 2) * 1000);  // and a scale for 32 numbers
  cost.config.layer_is_sliding = {true, false};
  cost.config.sliding_window = 100;
  EXPECT_EQ(KvBytes(cost.config, 1000), 550'000u);
  EXPECT_EQ(KvBytes(cost.config, 50), 50'000u);
}

TEST(ModelCost, NamesSayWhatIsMeasured) {
  EXPECT_EQ((Workload{Workload::Kind::kPrefill, 512}.Name()), "prefill 512");
  EXPECT_EQ((Workload{Workload::Kind::kDecode, 128, 1, 8192}.Name()), "decode 1 stream at 8192");
  EXPECT_EQ((Workload{Workload::Kind::kDecode, 128, 32, 512}.Name()), "decode 32 streams at 512");
}

}  // namespace
}  // namespace bedplate
