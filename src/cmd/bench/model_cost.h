#pragma once
/// What a model's work costs at the least, in bytes read and operations done, and so how fast a machine could do it.
/// Counted: the weights of every matrix a token passes (read once a step; one multiply and one add each for each
/// token), and the keys and values that attention reads. Not counted: attention's own arithmetic, norms, sampling.

#include <cstdint>
#include <string>

#include "model/model_config.h"
#include "model/model_file.h"

namespace bedplate {

/// One thing that is measured.
struct Workload {
  enum class Kind : uint8_t { kPrefill, kDecode };
  Kind kind = Kind::kPrefill;
  uint32_t tokens = 0;   // of the prompt; or generated in each stream
  uint32_t streams = 1;  // sequences decoded together
  uint32_t depth = 0;    // positions that each stream has before

  [[nodiscard]] uint64_t tokens_in_all() const { return uint64_t{tokens} * streams; }
  /// "prefill 512"; "decode 32 streams at 512".
  [[nodiscard]] std::string Name() const;
};

struct ModelCost {
  uint64_t body_weights = 0;  // elements of all matrices but embeddings and the output matrix
  uint64_t head_weights = 0;  // of the output matrix
  uint64_t weight_bytes = 0;  // of both, as the file stores them
  ModelConfig config;
  KvType kv_type = kDefaultKvType;
};
ModelCost CostOf(const ModelFile& file, const ModelConfig& config);

struct MachineSpeed {
  double read_bytes_per_second = 0;
  double int8_operations_per_second = 0;
};

/// Tokens/s that neither memory nor arithmetic lets anyone exceed.
double LimitTokensPerSecond(const Workload& workload, const ModelCost& cost, const MachineSpeed& machine);

/// Keys and values of one sequence of that many positions; sliding layers keep their window only.
uint64_t KvBytes(const ModelConfig& config, uint64_t positions, KvType type = kDefaultKvType);

}  // namespace bedplate
