#include "base/caught.h"

#include <unistd.h>

#include <cstdio>
#include <exception>
#include <new>
#include <string>

namespace bedplate {
namespace {

// Both fit into a string itself (15 bytes in libstdc++): no memory is asked for when there is none.
constexpr const char* kNoMemory = "out of memory";
constexpr const char* kNoMemoryReason = "out_of_memory";

Status NoMemory() {
  return Status::Internal(kNoMemory).WithReason(kNoMemoryReason);
}

}  // namespace

Status CaughtStatus() noexcept {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return NoMemory();
  } catch (const std::exception& error) {
    try {
      return Status::Internal(std::string("internal error: ") + error.what());
    } catch (...) {
      return NoMemory();
    }
  } catch (...) {
    return Status::Internal("internal error");
  }
}

void EndProcessForCaught(const char* thread) noexcept {
  const Status status = CaughtStatus();
  std::fprintf(stderr, "bedplate: the %s can't go on: %s\n", thread, status.message().c_str());
  ::_exit(70);
}

}  // namespace bedplate
