#pragma once
/// The attention and vector kernels that tests hold against the scalar twin. Test-only.

#include <string_view>
#include <vector>

#include "kernels/isa_tables.h"

namespace bedplate::test {

struct NamedLanes {
  std::string_view name;
  AttentionTables attention;
  const VectorKernels* vector;
};

/// All but the twin: those that this CPU runs, and AVX-512's by emulation. In lanes_emulated_test.cc.
std::vector<NamedLanes> VectorLanes();

}  // namespace bedplate::test
