"""OpenVINO GenAI. Its GGUF reader takes llama and qwen files in some formats; others are re-quantised for it first.

Setting: weights=as-is, or weights=q4_0: what the reader refuses becomes Q4_0, in a copy beside this program, which has
fewer bytes than the original and so is to the rival's advantage.
"""

import hashlib
import os
import pathlib
import sys

import numpy as np
import openvino
import openvino_genai
from rival import Refused, Tokens, serve

READABLE = {"F32", "F16", "BF16", "Q4_0", "Q4_1", "Q8_0", "Q4_K", "Q6_K"}


def requantised(path):
    """A copy of the file with every tensor in a format that the reader takes."""
    import gguf

    reader = gguf.GGUFReader(path)
    if all(tensor.tensor_type.name in READABLE for tensor in reader.tensors):
        raise Refused("its reader takes the formats of this file as they are")
    size = os.path.getsize(path)
    name = hashlib.sha256(f"{os.path.abspath(path)} {size} {os.path.getmtime(path)}".encode()).hexdigest()[:16]
    target = pathlib.Path(__file__).resolve().parent / f"requantised-{name}.gguf"
    if target.exists():
        return str(target)
    architecture = reader.get_field("general.architecture").contents()
    partial = target.with_suffix(".partial")
    writer = gguf.GGUFWriter(partial, architecture)
    for field in reader.fields.values():
        if field.name == "general.architecture" or field.name.startswith("GGUF."):
            continue
        kind = field.types[0]
        sub = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, field.contents(), kind, sub_type=sub)
    converted = {}
    for tensor in reader.tensors:
        data, kind = tensor.data, tensor.tensor_type
        if kind.name not in READABLE:
            values = gguf.quants.dequantize(data, kind)
            kind = gguf.GGMLQuantizationType.Q4_0
            data = gguf.quants.quantize(values, kind)
        converted[tensor.name] = data
        writer.add_tensor(tensor.name, data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    partial.rename(target)
    return str(target)


class OpenVino:
    def __init__(self, args):
        self.version = f"openvino-genai {openvino_genai.__version__}"
        path = args.model if args.set.get("weights", "as-is") == "as-is" else requantised(args.model)
        self._pipeline = openvino_genai.LLMPipeline(path, "CPU", INFERENCE_NUM_THREADS=args.threads)
        self._tokens = Tokens(32000)
        self._generate(1, 16, 1)

    def _generate(self, streams, depth, tokens):
        """Raw timings of `tokens` tokens after `depth` positions in each stream."""
        ids = np.array([self._tokens.draw(depth) for _ in range(streams)], dtype=np.int64)
        config = openvino_genai.GenerationConfig()
        config.max_new_tokens = tokens
        config.ignore_eos = True
        config.do_sample = False
        inputs = openvino_genai.TokenizedInputs(openvino.Tensor(ids), openvino.Tensor(np.ones_like(ids)))
        return self._pipeline.generate(inputs, config).perf_metrics.raw_metrics

    def prefill(self, tokens):
        return self._generate(1, tokens, 1).m_times_to_first_token[0] / 1e6, tokens

    def decode(self, streams, depth, tokens):
        times = self._generate(streams, depth, tokens + 1).m_new_token_times  # milliseconds, one a step
        return (times[-1] - times[0]) / 1e3, streams * (len(times) - 1)


sys.exit(serve(OpenVino))
