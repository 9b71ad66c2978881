#pragma once
/// Guesses what a sequence writes next by looking up how its last tokens went on before: in the text it was told to
/// expect (OpenAI's `prediction`), in its prompt, in its own output. (Prompt look-up decoding, Saxena 2023; n-gram
/// speculation, Yang et al., "Inference with Reference", arXiv 2304.04487.)
///
/// It follows a source, a place in the text that continued like this: as long as the sequence writes what stands there,
/// the place moves along. When it doesn't, or while the run in common is short, the place with the longest run in
/// common is looked for; and after a change in the middle of a copy (a name replaced, a line put in), the place where
/// the copy broke is watched for its going on.
///
/// Every token that is appended is held against the guess, whether or not anyone used the guess; so what a guess is
/// worth (Chance) is learned at no cost. All of it is a function of the tokens alone.
///
/// Cost:    Append under 2 microseconds; 12 to 24 bytes a token. Allocates when the reserve is used up, by doubling.
/// Threads: one at a time.

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/ids.h"
#include "engine/acceptance.h"

namespace bedplate {

class TokenLookup {
 public:
  /// reserve: tokens of output to make room for.
  TokenLookup(std::span<const TokenId> prediction, std::span<const TokenId> prompt, size_t reserve);

  /// The sequence has written this token.
  void Append(TokenId token);
  /// The sequence is prompt and output so far: appends what is new. So a look-up that nobody asks costs nothing.
  void Follow(std::span<const TokenId> sequence);

  /// The guess: writes at most out.size() tokens to it, and returns how many.
  [[nodiscard]] uint32_t Guess(std::span<TokenId> out) const;
  /// The chance that the guess's token i is written, if those before it are.
  [[nodiscard]] double Chance(uint32_t i) const;

  /// Tokens of the output that were the ones guessed from the prediction.
  [[nodiscard]] uint32_t prediction_accepted() const { return prediction_accepted_; }

 private:
  static constexpr uint32_t kNone = 0xFFFFFFFFu;
  // By length of the run in common: 0 and 1, 2 and 3, 4 to 7, 8 to 15, more.
  static constexpr size_t kClasses = 5;

  [[nodiscard]] static size_t ClassOf(uint32_t matched);
  [[nodiscard]] bool Followable(uint32_t place) const { return place < text_.size() && text_[place].value >= 0; }
  void Index(uint32_t at);
  void Rebuild(size_t tokens);
  [[nodiscard]] size_t BucketOf(uint32_t at) const;
  [[nodiscard]] uint32_t Common(uint32_t place) const;
  void FindLonger();
  void WatchBreak();

  std::vector<TokenId> text_;      // prediction, a separator (-1) if there is one, prompt, output
  std::vector<uint32_t> earlier_;  // by place: the last place before with the same hash of two tokens; kNone
  std::vector<uint32_t> latest_;   // by hash; a power of two
  uint32_t prediction_size_ = 0;
  uint32_t source_ = kNone;    // the place whose token is guessed next
  uint32_t matched_ = 0;       // length of the run in common that ends before it
  uint32_t broke_at_ = kNone;  // where a copy was left
  // What guesses count for before there is a record of them in this sequence: an opening bid, soon outweighed.
  std::array<Acceptance, kClasses> acceptance_ = {Acceptance(0.4), Acceptance(0.5), Acceptance(0.7), Acceptance(0.85),
                                                  Acceptance(0.93)};
  uint32_t prediction_accepted_ = 0;
};

}  // namespace bedplate
