#pragma once
/// Someone whose speed is measured: this program's model, or a rival in a process of its own.

#include <chrono>
#include <string>

#include "base/status.h"
#include "cmd/bench/model_cost.h"

namespace bedplate {

struct Timing {
  double seconds = 0;
  uint64_t tokens = 0;  // over all streams
};

class Contestant {
 public:
  virtual ~Contestant() = default;
  [[nodiscard]] const std::string& engine() const { return engine_; }    // "bedplate", "llama.cpp"
  [[nodiscard]] const std::string& setting() const { return setting_; }  // "repack=on flash=off"; may be empty
  /// Does the work once. Positions that a decode starts from are not timed, and may be kept for the next time.
  /// patience: how long a rival is waited for, positions that aren't timed included. Errors: why it can't.
  virtual Result<Timing> Run(const Workload& workload, std::chrono::seconds patience) = 0;

 protected:
  Contestant(std::string engine, std::string setting) : engine_(std::move(engine)), setting_(std::move(setting)) {}

 private:
  std::string engine_;
  std::string setting_;
};

}  // namespace bedplate
