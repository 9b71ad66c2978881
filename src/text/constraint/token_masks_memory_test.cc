// Method: each allocation of a walk through a constraint fails in turn. What walks next gets the masks of one that
// never failed, and whoever stood in the constraint before is told.
#include <gtest/gtest.h>

#include <new>

#include "text/constraint/gbnf.h"
#include "text/constraint/token_masks.h"

namespace {
constexpr uint64_t kNever = UINT64_MAX;
thread_local uint64_t allocations_left = kNever;  // of this thread, until one fails
}  // namespace

// The linker puts it before operator new (--wrap, in CMakeLists.txt): sanitizers have an operator new of their own,
// which can't be replaced but can be called.
// NOLINTBEGIN(bugprone-reserved-identifier): names that the linker gives
extern "C" void* __real__Znwm(size_t size);
extern "C" void* __wrap__Znwm(size_t size);
extern "C" void* __wrap__Znwm(size_t size) {
  if (allocations_left == 0) {
    allocations_left = kNever;
    throw std::bad_alloc();
  }
  if (allocations_left != kNever) --allocations_left;
  return __real__Znwm(size);
}
// NOLINTEND(bugprone-reserved-identifier)

namespace bedplate {
namespace {

std::unique_ptr<TokenMasks> MasksOfExpressions(size_t memory_max) {
  static const std::vector<std::string_view> kTexts{"a", "b", "ab", "(", ")", "\"", " ", "\xC3\xA9", "((", "b)"};
  Grammar grammar;
  CompileBudget budget;
  const auto root = AddGbnf(grammar,
                            "root ::= e \"\\\"\" .* \"\\\"\"\n"
                            "e ::= e \"a\" e | \"b\" | \"(\" e \")\" | \"a\"{2,900} e",
                            budget);
  EXPECT_TRUE(root.ok() && grammar.Finish(*root).ok());
  return std::make_unique<TokenMasks>(std::move(grammar), std::make_shared<const TokenTrie>(std::span(kTexts)),
                                      memory_max);
}

using Walked = std::vector<std::vector<uint64_t>>;

/// The masks along one text.
Walked Walk(TokenMasks& masks) {
  Walked walked;
  TokenMasks::Cursor cursor(masks);
  for (const int32_t token : {3, 0, 0, 1, 0, 8, 1, 4, 0, 9, 4, 5, 7, 6, 5}) {
    const auto mask = cursor.Allowed();
    if (!mask.ok()) break;
    walked.emplace_back(mask->begin(), mask->end());
    const std::vector<TokenId> draft{TokenId{token}, TokenId{1}};
    static_cast<void>(cursor.Fits(draft));
    if (!cursor.Accept(TokenId{token})) break;
  }
  return walked;
}

TEST(TokenMasksMemory, WhatFailsHalfWayLeavesNothingBehind) {
  for (const size_t memory_max : {TokenMasks::kMemoryMax, size_t{20'000}}) {
    const Walked want = Walk(*MasksOfExpressions(memory_max));
    ASSERT_EQ(want.size(), 15u);
    const auto never_failed = MasksOfExpressions(memory_max);
    TokenMasks::Cursor untouched(*never_failed);
    ASSERT_TRUE(untouched.Accept(TokenId{3}));
    const auto there = untouched.Allowed();
    ASSERT_TRUE(there.ok());
    const std::vector<uint64_t> want_there(there->begin(), there->end());
    ASSERT_NE(want_there, want.front());
    int failed = 0, lost = 0;
    bool fails = true;
    for (uint64_t n = 0; fails; n += 1 + n / 32) {
      const auto masks = MasksOfExpressions(memory_max);
      TokenMasks::Cursor before(*masks);
      ASSERT_TRUE(before.Accept(TokenId{3}));  // away from where the masks begin anew
      allocations_left = n;
      try {
        static_cast<void>(Walk(*masks));
        fails = false;
      } catch (const std::bad_alloc&) {
        ++failed;
      }
      allocations_left = kNever;
      EXPECT_EQ(Walk(*masks), want) << "after allocation " << n << " had failed";
      const auto told = before.Allowed();
      if (told.ok()) {
        EXPECT_EQ(std::vector<uint64_t>(told->begin(), told->end()), want_there) << "after allocation " << n;
      } else {
        EXPECT_EQ(told.status().code(), StatusCode::kInternal);
        ++lost;
      }
      EXPECT_EQ(before.Accept(TokenId{1}), told.ok());
      EXPECT_EQ(Walk(*masks), want) << "after allocation " << n << " had failed, again";
    }
    EXPECT_GT(failed, 50);
    EXPECT_GT(lost, 0);
  }
}

}  // namespace
}  // namespace bedplate
