#pragma once
/// Exceptions of libraries, at the places where they end. Our own code doesn't throw, but the standard library and Asio
/// do when memory or threads run out, and any call of theirs may. A thread's loop catches what a piece of work threw
/// and fails that piece alone; a thread that can't go on ends the process with a message rather than with a bare abort.
///
///   try { work(); } catch (...) { Fail(CaughtStatus()); }

#include "base/status.h"

namespace bedplate {

/// Inside a catch block: what was thrown, as kInternal. Without memory its reason is "out_of_memory", and making the
/// Status takes none.
Status CaughtStatus() noexcept;

/// Inside a catch block, where nothing is left that could be told: says on stderr what was thrown and in which thread,
/// and ends the process with status 70 (sysexits.h: EX_SOFTWARE). Nothing needs unwinding: files appear whole or not at
/// all (file.h). Takes no memory.
[[noreturn]] void EndProcessForCaught(const char* thread) noexcept;

}  // namespace bedplate
