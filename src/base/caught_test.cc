// Method: each kind of exception is thrown once; ends of the process are seen from outside it.
#include "base/caught.h"

#include <gtest/gtest.h>

#include <new>
#include <stdexcept>

namespace bedplate {
namespace {

template <class Thrown>
Status Catch(const Thrown& thrown) {
  try {
    throw thrown;
  } catch (...) {
    return CaughtStatus();
  }
}

TEST(Caught, NamesWhatWasThrown) {
  const Status memory = Catch(std::bad_alloc());
  EXPECT_EQ(memory.code(), StatusCode::kInternal);
  EXPECT_EQ(memory.reason(), "out_of_memory");
  const Status library = Catch(std::runtime_error("too many threads"));
  EXPECT_EQ(library.code(), StatusCode::kInternal);
  EXPECT_NE(library.message().find("too many threads"), std::string::npos);
  EXPECT_EQ(Catch(7).code(), StatusCode::kInternal);
}

TEST(CaughtDeathTest, AThreadThatCannotGoOnEndsTheProcessWithAMessage) {
  const auto end = [] {
    try {
      throw std::bad_alloc();
    } catch (...) {
      EndProcessForCaught("engine thread");
    }
  };
  EXPECT_EXIT(end(), testing::ExitedWithCode(70), "the engine thread can't go on: out of memory");
}

}  // namespace
}  // namespace bedplate
