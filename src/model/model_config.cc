#include "model/model_config.h"

#include <cmath>

#include "base/cat.h"
#include "model/model_config_fields.h"
#include "model/model_file.h"

namespace bedplate {
namespace {

/// What only the tensors say: the number of logits, biases, and whether the embedding serves as output matrix.
Status ReadFromTensors(const ModelFile& file, ModelConfig* c) {
  const TensorView* embedding = file.FindTensor("token_embd.weight");
  if (embedding == nullptr) return Status::DataLoss("the model has no tensor \"token_embd.weight\"");
  if (embedding->shape.size() != 2 || embedding->shape[1] != c->width) {
    return Status::DataLoss(Cat("tensor \"token_embd.weight\" is not a matrix of rows of ", c->width, " elements"));
  }
  if (embedding->shape[0] > kVocabularyRange.max) {
    return Status::DataLoss(
        Cat("tensor \"token_embd.weight\" has ", embedding->shape[0], " rows; allowed: ", kVocabularyRange.max));
  }
  c->vocabulary = static_cast<uint32_t>(embedding->shape[0]);
  // A folder may repeat the tied matrix as lm_head; the config decides. A GGUF file is tied when it has no
  // output.weight.
  const bool output = file.FindTensor("output.weight") != nullptr;
  if (file.is_gguf()) {
    c->tied_embeddings = !output;
  } else if (!c->tied_embeddings && !output) {
    return Status::DataLoss("config.json says \"tie_word_embeddings\": false, but there is no tensor lm_head.weight");
  }
  c->qk_norm = file.FindTensor("blk.0.attn_q_norm.weight") != nullptr;
  c->attention_bias = file.FindTensor("blk.0.attn_q.bias") != nullptr;
  c->attention_output_bias = file.FindTensor("blk.0.attn_output.bias") != nullptr;
  const bool wants_qk_norm = c->architecture == Architecture::kQwen3 || c->architecture == Architecture::kGemma3;
  if (c->qk_norm != wants_qk_norm) {
    return Status::DataLoss(Cat("architecture ", ArchitectureName(c->architecture),
                                wants_qk_norm ? " needs" : " can't have", " the tensor \"blk.0.attn_q_norm.weight\""));
  }
  return Status::Ok();
}

Status CheckWhole(const ModelConfig& c) {
  if (c.heads % c.kv_heads != 0) {
    return Status::DataLoss(
        Cat("the model has ", c.heads, " heads and ", c.kv_heads, " key/value heads, which don't divide them"));
  }
  for (const RopeConfig* rope : {&c.rope, &c.rope_local}) {
    if (rope->dims < 2 || rope->dims % 2 != 0 || rope->dims > c.head_dim) {
      return Status::DataLoss(Cat("the model rotates ", rope->dims,
                                  " dimensions of a head; allowed: an even number from 2 to ", c.head_dim));
    }
  }
  if (c.experts != 0) {
    return Status::Unimplemented(Cat("this is a mixture of ", c.experts,
                                     " experts, which this build can't run yet; serve it with "
                                     "another engine and register that as a provider"));
  }
  return Status::Ok();
}

}  // namespace

std::string_view ArchitectureName(Architecture architecture) {
  switch (architecture) {
    case Architecture::kLlama:
      return "llama";
    case Architecture::kQwen2:
      return "qwen2";
    case Architecture::kQwen3:
      return "qwen3";
    case Architecture::kGemma3:
      return "gemma3";
  }
  return "unknown";
}

Status UnknownArchitecture(std::string_view stated) {
  return Status::Unimplemented(
      Cat("architecture ", Quoted(stated),
          " is not run by this build; it runs llama (Llama, SmolLM2, Mistral), qwen2, qwen3 and gemma3 "
          "(text). Serve this model with another engine and register that as a provider"));
}

float YarnMagnitude(float factor) {
  return factor <= 1.0f ? 1.0f : static_cast<float>(0.1 * std::log(static_cast<double>(factor)) + 1.0);
}

std::string StatedArchitecture(const ModelFile& file) {
  if (file.is_gguf()) {
    const Result<std::optional<std::string_view>> name = file.metadata().String("general.architecture");
    return name.ok() && name->has_value() ? std::string(**name) : "";
  }
  const Json* type = file.hf().config.Find("model_type");
  return type != nullptr && type->is_string() ? type->as_string() : "";
}

Result<ModelConfig> ReadModelConfig(const ModelFile& file) {
  const auto in_file = [&](const Status& status) {
    return Status(status.code(), Cat(file.path().string(), ": ", status.message()));
  };
  Result<ModelConfig> config = file.is_gguf() ? ReadGgufConfig(file) : ReadHfConfig(file);
  if (!config.ok()) return in_file(config.status());
  if (file.vocabulary_only()) {
    return in_file(Status::InvalidArgument("this file holds a vocabulary and no weights; it can tokenize, not run"));
  }
  if (const Status status = ReadFromTensors(file, &*config); !status.ok()) return in_file(status);
  if (const Status status = CheckWhole(*config); !status.ok()) return in_file(status);
  return config;
}

}  // namespace bedplate
