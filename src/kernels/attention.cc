#include "kernels/attention.h"

#include "kernels/attention_body.h"
#include "kernels/lanes_scalar.h"

namespace bedplate {

size_t AttentionScratchFloats(uint32_t head_dim, uint32_t group) {
  using Body = AttentionBody<ScalarLanes>;
  return size_t{2} * kAttentionBlock * head_dim + size_t{group} * (kAttentionBlock + 1) +
         Body::kRowsAtOnce * Body::StateFloats(head_dim, group) + 64;
}

}  // namespace bedplate
