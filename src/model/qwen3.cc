// Qwen 3 (Yang et al. 2025, arXiv 2505.09388): no biases, and an RMS norm on each head of q and k before they turn.
#include "model/architecture.h"

namespace bedplate {

void Qwen3Layer(StepWorker& step, const LayerWeights& layer, uint32_t index) {
  step.Norm(layer.attention_norm);
  step.ProjectQkv(layer);
  step.NormHeads(layer);
  step.RotateAndStore(index);
  step.Attend(index);
  step.AddAttention(layer.attention_output);

  step.Norm(layer.ffn_norm);
  step.GatedHidden(layer);
  step.AddHidden(layer.down);
}

}  // namespace bedplate
