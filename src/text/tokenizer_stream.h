#pragma once
/// Turns generated tokens, one at a time, into text that is valid UTF-8 at every moment: the bytes of a character that
/// is not yet complete are held back (three at most).
///
/// Owns:    only the held bytes; the tokenizer must outlive it.
/// Threads: one at a time.
/// Errors:  none. Bytes that can't become a character come out as U+FFFD, one for each maximal subpart, as Unicode's
///          section 3.9 and the WHATWG decoder have it.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "text/tokenizer.h"

namespace bedplate {

class StreamDecoder {
 public:
  struct Options {
    bool special = false;               // write control tokens as their text
    bool text_start = false;            // the first token begins a text: take away SentencePiece's prefixed space
    std::vector<TokenId> spelled = {};  // control tokens that are written as their text, while others are not
  };
  StreamDecoder(const Tokenizer& tokenizer, Options options) : tokenizer_(tokenizer), options_(std::move(options)) {}
  explicit StreamDecoder(const Tokenizer& tokenizer) : StreamDecoder(tokenizer, Options()) {}

  /// The text that this token completes; may be empty.
  std::string Push(TokenId id);
  /// The end: held bytes will never complete, so they become U+FFFD. The decoder is as new afterwards.
  std::string Flush();
  /// Bytes held back: 0 to 3.
  uint32_t held_bytes() const { return static_cast<uint32_t>(held_.size()); }

 private:
  const Tokenizer& tokenizer_;
  Options options_;
  bool started_ = false;
  std::string held_;
};

/// `text` with every maximal ill-formed subpart replaced by U+FFFD. When `held` is given, an incomplete sequence at the
/// very end is moved there instead.
std::string ToValidUtf8(std::string_view text, std::string* held = nullptr);

}  // namespace bedplate
