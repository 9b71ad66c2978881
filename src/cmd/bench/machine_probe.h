#pragma once
/// What this machine can do at this moment: how fast its threads read memory, and multiply and add 8-bit integers.

#include <cstdint>
#include <memory>

#include "base/buffer.h"
#include "base/status.h"
#include "base/thread_team.h"
#include "kernels/isa.h"

namespace bedplate {

class MachineProbe {
 public:
  /// Takes a buffer of four times the last cache, at least 256 MiB and at most 2 GiB, and touches it.
  static Result<std::unique_ptr<MachineProbe>> Create(uint32_t threads, Isa isa);

  /// All threads read the buffer, each its part; the best of three passes. Tens of milliseconds.
  [[nodiscard]] double ReadBytesPerSecond();
  /// All threads multiply and add in registers (kernels/int8_peak.h); the best of three passes of about 20 ms.
  [[nodiscard]] double Int8OperationsPerSecond();

 private:
  MachineProbe(uint32_t threads, Isa isa, Buffer buffer) : team_(threads), isa_(isa), buffer_(std::move(buffer)) {}

  ThreadTeam team_;
  Isa isa_;
  Buffer buffer_;
};

}  // namespace bedplate
