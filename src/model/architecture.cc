#include "model/architecture.h"

namespace bedplate {

LayerForward LayerOf(Architecture architecture) {
  switch (architecture) {
    case Architecture::kLlama:
    case Architecture::kQwen2:
      return &LlamaLayer;
    case Architecture::kQwen3:
      return &Qwen3Layer;
    case Architecture::kGemma3:
      return &Gemma3Layer;
  }
  return &LlamaLayer;
}

}  // namespace bedplate
