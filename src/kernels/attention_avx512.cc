#include "kernels/attention_body.h"
#include "kernels/isa_tables.h"
#include "kernels/lanes_avx512.h"

namespace bedplate {

AttentionKernels Avx512AttentionKernels() {
  return AttentionBody<Avx512Lanes>::Table();
}

}  // namespace bedplate
