// Llama 2 and 3 (Touvron et al. 2023, arXiv 2307.09288; Dubey et al. 2024, arXiv 2407.21783); SmolLM2 and Mistral share
// it, and Qwen 2 and 2.5 (Yang et al. 2024, arXiv 2407.10671), whose biases on q, k and v their Linears carry.
#include "model/architecture.h"

namespace bedplate {

void LlamaLayer(StepWorker& step, const LayerWeights& layer, uint32_t index) {
  step.Norm(layer.attention_norm);
  step.ProjectQkv(layer);
  step.RotateAndStore(index);
  step.Attend(index);
  step.AddAttention(layer.attention_output);

  step.Norm(layer.ffn_norm);
  step.GatedHidden(layer);
  step.AddHidden(layer.down);
}

}  // namespace bedplate
