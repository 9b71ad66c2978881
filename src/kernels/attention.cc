#include "kernels/attention.h"

#include "kernels/attention_body.h"
#include "kernels/lanes_scalar.h"

namespace bedplate {

size_t AttentionScratchFloats(uint32_t head_dim, uint32_t group) {
  using Body = AttentionBody<ScalarLanes>;
  return Body::ScratchFloats(Body::kRowsAtOnce * group, head_dim);
}

}  // namespace bedplate
