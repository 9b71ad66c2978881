#pragma once
/// For the fuzz targets of constraints: along a text that the input's bytes choose, no position is a dead end, and a
/// position that counts were taken from allows the same bytes.

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/check.h"
#include "text/constraint/byte_automaton.h"

namespace bedplate {

inline void WalkAsFuzz(Grammar grammar, RuleNumber root, std::span<const uint8_t> choices) {
  const Status finished = grammar.Finish(root);
  if (!finished.ok()) {
    BP_CHECK(finished.code() == StatusCode::kInvalidArgument);
    return;
  }
  ByteAutomaton automaton(grammar, 4);
  PositionNumber at = automaton.start();
  if (at == ByteAutomaton::kTooAmbiguous || at == ByteAutomaton::kDead) return;
  constexpr size_t kSteps = 40;
  for (size_t step = 0; step < kSteps; ++step) {
    std::vector<PositionNumber> next;
    const PositionNumber clamped = automaton.Clamped(at);
    BP_CHECK(automaton.Accepts(clamped) == automaton.Accepts(at));
    for (uint32_t byte = 0; byte < 256; ++byte) {
      const PositionNumber to = automaton.Next(at, static_cast<uint8_t>(byte));
      if (to == ByteAutomaton::kTooAmbiguous) return;
      BP_CHECK((automaton.Next(clamped, static_cast<uint8_t>(byte)) == ByteAutomaton::kDead) ==
               (to == ByteAutomaton::kDead));
      if (to != ByteAutomaton::kDead) next.push_back(to);
    }
    BP_CHECK(next.empty() == automaton.Ends(at));
    BP_CHECK(!next.empty() || automaton.Accepts(at));
    if (next.empty()) return;
    at = next[(choices.empty() ? step : choices[step % choices.size()] + step) % next.size()];
    if (step % 16 == 15) {
      PositionNumber* const held[] = {&at};
      automaton.Compact(held);
    }
  }
}

}  // namespace bedplate
