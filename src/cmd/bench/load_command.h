#pragma once
/// `bedplate bench --url`: a load test of a server, from its options to its report.

#include <cstdint>
#include <string>

#include "base/status.h"
#include "cmd/bench/load_client.h"
#include "cmd/bench/load_report.h"
#include "cmd/command_line.h"

namespace bedplate {

struct LoadCommandOptions {
  LoadTarget target;
  LoadShape shape;    // requests 0: four for each stream, or a hundred at a rate
  double rate = 0;    // requests/s; 0: streams
  std::string trace;  // a file; empty: none
  double good_first_ms = 2000, good_between_ms = 200;
  bool json = false;
  std::string plot;

  /// --url and what goes with it.
  void AddTo(CommandLine& command);
  [[nodiscard]] LoadTargets good() const { return {good_first_ms / 1000, good_between_ms / 1000}; }
};

Status RunLoadCommand(LoadCommandOptions options);

}  // namespace bedplate
