// Gemma 3, text (Gemma Team 2025, arXiv 2503.19786): norms before and after each branch, a norm on each head of q and
// k, a GELU gate, and five sliding layers (with a rotary base of their own) to each full one.
#include "model/architecture.h"

namespace bedplate {

void Gemma3Layer(StepWorker& step, const LayerWeights& layer, uint32_t index) {
  step.Norm(layer.attention_norm);
  step.ProjectQkv(layer);
  step.NormHeads(layer);
  step.RotateAndStore(index);
  step.Attend(index);
  step.AddAttention(layer.attention_output, layer.post_attention_norm);

  step.Norm(layer.ffn_norm);
  step.GatedHidden(layer);
  step.AddHidden(layer.down, layer.post_ffn_norm);
}

}  // namespace bedplate
