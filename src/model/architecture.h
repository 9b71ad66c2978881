#pragma once
/// One file an architecture (llama.cc, qwen3.cc, ...), each a straight telling of its decoder layer in StepWorker's
/// words.

#include <cstdint>

#include "model/model_config.h"
#include "model/step_worker.h"

namespace bedplate {

using LayerForward = void (*)(StepWorker& step, const LayerWeights& layer, uint32_t index);

void LlamaLayer(StepWorker& step, const LayerWeights& layer, uint32_t index);
void Qwen3Layer(StepWorker& step, const LayerWeights& layer, uint32_t index);
void Gemma3Layer(StepWorker& step, const LayerWeights& layer, uint32_t index);

LayerForward LayerOf(Architecture architecture);

}  // namespace bedplate
