#pragma once
/// A page holds the keys and values of kPageTokens consecutive positions of one sequence, for the layers of one group.

#include <cstdint>

#include "base/ids.h"

namespace bedplate {

// 16 tokens per page: larger wastes half a page per sequence, smaller grows the page table and the gather cost.
inline constexpr uint32_t kPageTokens = 16;
/// Stands in a page table of a sliding group where the positions have left the window and their page was given back.
inline constexpr PageId kNoPage{0xFFFFFFFFu};

}  // namespace bedplate
