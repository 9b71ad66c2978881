#include "cmd/bench/model_cost.h"

#include <algorithm>

#include "base/cat.h"

namespace bedplate {

std::string Workload::Name() const {
  if (kind == Kind::kPrefill) return Cat("prefill ", tokens);
  return Cat("decode ", streams, streams == 1 ? " stream" : " streams", " at ", depth);
}

ModelCost CostOf(const ModelFile& file, const ModelConfig& config) {
  ModelCost cost;
  cost.config = config;
  const std::string_view head = config.tied_embeddings ? "token_embd.weight" : "output.weight";
  for (const TensorView& tensor : file.tensors()) {
    if (tensor.shape.size() < 2) continue;
    if (tensor.name == head) {
      cost.head_weights = tensor.elements();
    } else if (tensor.name == "token_embd.weight") {
      continue;  // a few rows are looked up
    } else {
      cost.body_weights += tensor.elements();
    }
    cost.weight_bytes += tensor.bytes.size();
  }
  return cost;
}

uint64_t KvBytes(const ModelConfig& config, uint64_t positions, KvType type) {
  const auto sliding =
      static_cast<uint64_t>(std::count(config.layer_is_sliding.begin(), config.layer_is_sliding.end(), true));
  const uint64_t seen = std::min<uint64_t>(positions, std::max<uint32_t>(config.sliding_window, 1));
  return config.KvBytesPerToken(type) / config.layers * ((config.layers - sliding) * positions + sliding * seen);
}

double LimitTokensPerSecond(const Workload& workload, const ModelCost& cost, const MachineSpeed& machine) {
  const auto body = 2.0 * static_cast<double>(cost.body_weights);
  const auto head = 2.0 * static_cast<double>(cost.head_weights);
  const auto weight_bytes = static_cast<double>(cost.weight_bytes);
  const auto seconds = [&](double operations, double bytes) {
    return std::max(operations / machine.int8_operations_per_second, bytes / machine.read_bytes_per_second);
  };
  const double n = workload.tokens;
  if (workload.kind == Workload::Kind::kPrefill) return n / seconds(n * body + head, weight_bytes);
  const double streams = workload.streams;
  const auto middle = static_cast<double>(KvBytes(cost.config, workload.depth + workload.tokens / 2, cost.kv_type));
  return streams / seconds(streams * (body + head), weight_bytes + streams * middle);
}

}  // namespace bedplate
