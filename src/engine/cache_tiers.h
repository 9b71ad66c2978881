#pragma once
/// The tiers of an engine's prefix cache (pages/page_tiers.h), as its options and its model ask for them.

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "engine/engine.h"
#include "engine/memory_plan.h"
#include "pages/page_tiers.h"

namespace bedplate {

/// What the keys of a model's cached pages stand for: weights, numerics, type and layout of keys and values. Without
/// the model's content it is good for this process only.
std::string CacheIdentity(const LoadedModel& model);

/// None where no tier is asked for. The model has been reserved as planned; its page_file is taken. A file that can't
/// be used is logged and done without.
Result<std::unique_ptr<PageTiers>> MakeCacheTiers(const MemoryPlan& plan, LoadedModel& model, const Clock& clock);

}  // namespace bedplate
