#pragma once
/// Bedplate's own model, without HTTP or sampling: tokens are drawn beforehand, every step computes its logits.

#include <memory>
#include <span>
#include <vector>

#include "cmd/bench/contestant.h"
#include "model/step_model.h"

namespace bedplate {

/// model outlives it, and its Reserve is called here, for the largest of the workloads.
Result<std::unique_ptr<Contestant>> MakeModelContestant(StepModel& model, std::span<const Workload> workloads);

}  // namespace bedplate
