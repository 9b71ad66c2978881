#pragma once
/// Invariants. BP_CHECK is on in every build: a broken invariant is our own bug, and going on would corrupt results.
/// What a client, a file, a disk or a peer can cause is a Status (status.h), never a check.

namespace bedplate {
/// Prints the condition and its place to stderr and aborts. Any thread.
[[noreturn]] void CheckFailed(const char* condition, const char* file, int line) noexcept;
}  // namespace bedplate

#define BP_CHECK(condition) \
  (static_cast<bool>(condition) ? static_cast<void>(0) : ::bedplate::CheckFailed(#condition, __FILE__, __LINE__))

#if defined(BEDPLATE_DCHECK)
#define BP_DCHECK(condition) BP_CHECK(condition)
#else
#define BP_DCHECK(condition) static_cast<void>(sizeof((condition) ? 1 : 0))
#endif
