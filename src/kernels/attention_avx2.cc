#include "kernels/attention_body.h"
#include "kernels/isa_tables.h"
#include "kernels/lanes_avx2.h"

namespace bedplate {

AttentionKernels Avx2AttentionKernels() {
  return AttentionBody<Avx2Lanes>::Table();
}

}  // namespace bedplate
