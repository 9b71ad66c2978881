"""OpenVINO GenAI. Its GGUF reader takes llama and qwen files in some formats; others are re-quantised for it first.

Settings: weights=as-is, or weights=q4_0: what the reader refuses becomes Q4_0, in a copy beside this program, which has
fewer bytes than the original and so is to the rival's advantage. pipeline=stateful or pipeline=paged.
"""

import hashlib
import os
import pathlib
import sys
import time

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


def model_path(args):
    return args.model if args.set.get("weights", "as-is") == "as-is" else requantised(args.model)


def greedy(tokens):
    config = openvino_genai.GenerationConfig()
    config.max_new_tokens = tokens
    config.ignore_eos = True
    config.do_sample = False
    return config


class Stateful:
    """LLMPipeline: one batch, with keys and values in the model's own state. Its own clocks give the times."""

    def __init__(self, args):
        self.version = f"openvino-genai {openvino_genai.__version__}"
        self._pipeline = openvino_genai.LLMPipeline(
            model_path(args), "CPU", INFERENCE_NUM_THREADS=args.threads, ATTENTION_BACKEND="SDPA"
        )
        self._tokens = Tokens(32000)
        self._generate(1, 16, 1)

    def _generate(self, streams, depth, tokens):
        """Raw timings of `tokens` tokens after `depth` positions in each stream."""
        ids = np.array([self._tokens.draw(depth) for _ in range(streams)], dtype=np.int64)
        inputs = openvino_genai.TokenizedInputs(openvino.Tensor(ids), openvino.Tensor(np.ones_like(ids)))
        return self._pipeline.generate(inputs, greedy(tokens)).perf_metrics.raw_metrics

    def prefill(self, tokens):
        return self._generate(1, tokens, 1).m_times_to_first_token[0] / 1e3, tokens

    def decode(self, streams, depth, tokens):
        times = self._generate(streams, depth, tokens + 1).m_new_token_times  # milliseconds, one a step
        return (times[-1] - times[0]) / 1e3, streams * (len(times) - 1)


class Paged:
    """ContinuousBatchingPipeline: a page pool and a scheduler. Its steps are run, and timed, from here."""

    def __init__(self, args):
        self.version = f"openvino-genai {openvino_genai.__version__}"
        scheduler = openvino_genai.SchedulerConfig()
        scheduler.cache_size = 6  # GB: 32 streams of 1,000 positions, or one of 33,000, with room to spare
        scheduler.max_num_batched_tokens = 4096
        scheduler.max_num_seqs = max(args.streams, 1)
        scheduler.enable_prefix_caching = False
        self._pipeline = openvino_genai.ContinuousBatchingPipeline(
            model_path(args), scheduler, "CPU", {"INFERENCE_NUM_THREADS": args.threads}
        )
        self._tokens = Tokens(32000)
        self._requests = 0
        self.prefill(16)

    def _add(self, depth, tokens):
        ids = np.array([self._tokens.draw(depth)], dtype=np.int64)
        self._requests += 1
        return self._pipeline.add_request(self._requests, openvino.Tensor(ids), greedy(tokens))

    def _finish(self):
        while self._pipeline.has_non_finished_requests():
            self._pipeline.step()

    def prefill(self, tokens):
        handle = self._add(tokens, 1)
        start = time.perf_counter()
        self._finish()
        seconds = time.perf_counter() - start
        handle.read_all()
        return seconds, tokens

    def decode(self, streams, depth, tokens):
        # The first streams decode while the last are being read, and must not end before the timed steps do.
        spare = 4 + streams * (depth // 4096 + 1)
        handles = [self._add(depth, tokens + spare) for _ in range(streams)]
        begun = [False] * streams
        while not all(begun):
            self._pipeline.step()
            begun = [was or handle.can_read() for was, handle in zip(begun, handles)]
        start = time.perf_counter()
        for _ in range(tokens):
            self._pipeline.step()
        seconds = time.perf_counter() - start
        for handle in handles:
            handle.stop()
        self._finish()
        return seconds, streams * tokens


def load(args):
    return Paged(args) if args.set.get("pipeline") == "paged" else Stateful(args)


sys.exit(serve(load))
