#include "engine/start_rule.h"

namespace bedplate {

StartAnswer PageRule::MayStart(const StartQuestion& q) const {
  if (q.running.empty()) return StartAnswer::kYes;  // alone, every prepared request fits
  for (size_t g = 0; g < q.kv.groups(); ++g) {
    uint64_t needed = q.kv.StillNeeded(q.sequence.pages, g, q.sequence.known() + 1);
    for (const Sequence* other : q.running) needed += q.kv.StillNeeded(other->pages, g, other->known() + 1) + 1;
    uint64_t available = q.kv.Available(g);
    for (const Sequence* other : q.leaving) available += q.kv.Held(other->pages, g);
    if (needed > available) return StartAnswer::kLater;
  }
  return StartAnswer::kYes;
}

}  // namespace bedplate
