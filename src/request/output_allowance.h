#pragma once
/// How much of an answer may be computed, where that depends on who asks and not on the request alone. Each sequence
/// has its first token, and asks before every further one. False: the sequence ends there, as at its max_tokens.
///
/// Threads: any. Never waits.

namespace bedplate {

class OutputAllowance {
 public:
  virtual ~OutputAllowance() = default;
  virtual bool TakeToken() = 0;
};

}  // namespace bedplate
