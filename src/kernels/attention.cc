#include "kernels/attention.h"

#include <algorithm>

#include "kernels/attention_bf16_body.h"
#include "kernels/attention_body.h"
#include "kernels/attention_q8_body.h"
#include "kernels/lanes_scalar.h"

namespace bedplate {

size_t AttentionScratchFloats(uint32_t head_dim, uint32_t group) {
  const uint32_t queries = AttentionSteps<ScalarLanes>::kRowsAtOnce * group;
  return std::max({AttentionBody<ScalarLanes>::ScratchFloats(queries, head_dim),
                   AttentionQ8Body<ScalarLanes>::ScratchFloats(queries, head_dim),
                   AttentionBf16Body<ScalarLanes>::ScratchFloats(queries, head_dim)});
}

}  // namespace bedplate
