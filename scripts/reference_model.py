"""Turns a GGUF file into a Hugging Face model in fp32 on the de-quantised weights: the independent reference.

Nothing of Bedplate's and nothing of llama.cpp's computes here: the gguf package de-quantises, transformers runs the
architecture. Only the names and the three places where a GGUF differs from the original checkpoint are ours:
  - llama: the rows of attn_q and attn_k are permuted, (head, half, 2) order instead of (head, 2, half);
  - gemma3: each norm's weight is stored plus one;
  - gemma3: the local rope base (10,000) and the window pattern (every sixth layer is global) are not in the file.
"""

import gguf
import numpy as np
import torch
import transformers

LAYER_NAMES = {
    "attn_norm.weight": "input_layernorm.weight",
    "attn_q.weight": "self_attn.q_proj.weight",
    "attn_k.weight": "self_attn.k_proj.weight",
    "attn_v.weight": "self_attn.v_proj.weight",
    "attn_q.bias": "self_attn.q_proj.bias",
    "attn_k.bias": "self_attn.k_proj.bias",
    "attn_v.bias": "self_attn.v_proj.bias",
    "attn_output.weight": "self_attn.o_proj.weight",
    "attn_q_norm.weight": "self_attn.q_norm.weight",
    "attn_k_norm.weight": "self_attn.k_norm.weight",
    "ffn_norm.weight": "post_attention_layernorm.weight",
    "ffn_gate.weight": "mlp.gate_proj.weight",
    "ffn_up.weight": "mlp.up_proj.weight",
    "ffn_down.weight": "mlp.down_proj.weight",
}
GEMMA_LAYER_NAMES = LAYER_NAMES | {
    "post_attention_norm.weight": "post_attention_layernorm.weight",
    "ffn_norm.weight": "pre_feedforward_layernorm.weight",
    "post_ffw_norm.weight": "post_feedforward_layernorm.weight",
}
TOP_NAMES = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}


class Metadata:
    def __init__(self, reader):
        self._reader = reader
        self.architecture = self.get("general.architecture")

    def get(self, key, default=None):
        field = self._reader.fields.get(key)
        return default if field is None else field.contents()

    def own(self, key, default=None):
        value = self.get(f"{self.architecture}.{key}", default)
        if value is None:
            raise SystemExit(f"the file has no {self.architecture}.{key}")
        return value


def hf_name(name, architecture):
    if name in TOP_NAMES:
        return TOP_NAMES[name]
    _, layer, rest = name.split(".", 2)
    names = GEMMA_LAYER_NAMES if architecture == "gemma3" else LAYER_NAMES
    return f"model.layers.{layer}.{names[rest]}"


def unpermute(weight, heads):
    """From GGUF's interleaved pairs back to the two halves that transformers rotates."""
    rows = weight.shape[0]
    return weight.reshape(heads, rows // heads // 2, 2, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)


def config_of(meta, vocabulary, tied):
    rope = {"rope_type": "default", "rope_theta": float(meta.own("rope.freq_base"))}
    common = dict(
        vocab_size=vocabulary,
        hidden_size=meta.own("embedding_length"),
        intermediate_size=meta.own("feed_forward_length"),
        num_hidden_layers=meta.own("block_count"),
        num_attention_heads=meta.own("attention.head_count"),
        num_key_value_heads=meta.own("attention.head_count_kv"),
        max_position_embeddings=meta.own("context_length"),
        rms_norm_eps=float(meta.own("attention.layer_norm_rms_epsilon")),
        tie_word_embeddings=tied,
        attn_implementation="eager",
    )
    if meta.architecture == "llama":
        return transformers.LlamaConfig(rope_parameters=rope, **common)
    if meta.architecture == "qwen2":
        return transformers.Qwen2Config(rope_parameters=rope, use_sliding_window=False, **common)
    if meta.architecture == "gemma3":
        local = {"rope_type": "default", "rope_theta": 10000.0}
        layers = common["num_hidden_layers"]
        return transformers.Gemma3TextConfig(
            rope_parameters={"full_attention": rope, "sliding_attention": local},
            head_dim=meta.own("attention.key_length"),
            query_pre_attn_scalar=meta.own("attention.key_length"),
            sliding_window=meta.own("attention.sliding_window"),
            layer_types=["full_attention" if (i + 1) % 6 == 0 else "sliding_attention" for i in range(layers)],
            hidden_activation="gelu_pytorch_tanh",
            **common,
        )
    raise SystemExit(f"no reference for the architecture {meta.architecture}; there is one for llama, qwen2 and gemma3")


def load(path):
    """The model, in evaluation mode, fp32. Every tensor of the file is used and every weight of the model is set."""
    reader = gguf.GGUFReader(path)
    meta = Metadata(reader)
    tensors = {t.name: t for t in reader.tensors}
    tied = "output.weight" not in tensors
    config = config_of(meta, int(tensors["token_embd.weight"].shape[1]), tied)
    kinds = {
        "llama": transformers.LlamaForCausalLM,
        "qwen2": transformers.Qwen2ForCausalLM,
        "gemma3": transformers.Gemma3ForCausalLM,
    }
    with torch.device("meta"):
        model = kinds[meta.architecture](config)
    model = model.to_empty(device="cpu")  # the weights follow; the buffers are made anew below
    state = {}
    for name, tensor in tensors.items():
        weight = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        if meta.architecture == "llama" and ("attn_q." in name or "attn_k." in name):
            heads = config.num_attention_heads if "attn_q." in name else config.num_key_value_heads
            weight = unpermute(weight, heads)
        if meta.architecture == "gemma3" and name.endswith("norm.weight"):
            weight = weight - 1.0
        state[hf_name(name, meta.architecture)] = torch.from_numpy(np.ascontiguousarray(weight))
    missing, unexpected = model.load_state_dict(state, strict=False, assign=True)
    missing = [name for name in missing if not (tied and name == "lm_head.weight")]
    if missing or unexpected:
        raise SystemExit(f"weights do not match: missing {missing}, unexpected {unexpected}")
    if tied:
        model.tie_weights()
    reset_buffers(model, config)
    return model.float().eval()


def reset_buffers(model, config):
    """The rotary tables and the embedding scale are computed, not loaded; build them outside the meta device."""
    rotary = type(model.model.rotary_emb)
    model.model.rotary_emb = rotary(config)
    if hasattr(model.model.embed_tokens, "embed_scale"):
        model.model.embed_tokens.embed_scale = torch.tensor(config.hidden_size**0.5)


@torch.no_grad()
def log_probs(model, tokens, first=0):
    """float32 [len(tokens) - first, vocabulary]: row i is the distribution of token first + i + 1."""
    logits = model(torch.tensor([tokens]), use_cache=False, logits_to_keep=len(tokens) - first).logits[0]
    out = torch.empty_like(logits)
    for i, row in enumerate(logits):  # one row at a time: the whole in double would be gigabytes
        out[i] = torch.log_softmax(row.double(), dim=-1)
    return out.numpy()
