#pragma once
/// For tests of constraints: does a finished grammar allow a text, byte by byte.

#include <gtest/gtest.h>

#include <memory>
#include <string_view>

#include "text/constraint/token_masks.h"

namespace bedplate {

class Language {
 public:
  explicit Language(Grammar grammar) : grammar_(std::move(grammar)), automaton_(grammar_, 16) {}

  [[nodiscard]] bool Allows(std::string_view text) {
    PositionNumber at = automaton_.start();
    if (at == ByteAutomaton::kDead || at == ByteAutomaton::kTooAmbiguous) return false;
    for (const char c : text) {
      at = automaton_.Next(at, static_cast<uint8_t>(c));
      if (at == ByteAutomaton::kDead || at == ByteAutomaton::kTooAmbiguous) return false;
    }
    return automaton_.Accepts(at);
  }

 private:
  const Grammar grammar_;
  ByteAutomaton automaton_;
};

}  // namespace bedplate
