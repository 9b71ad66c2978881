"""mistral.rs, by its Python package. Its own counters give the times; its interface runs one request at a time."""

import os
import sys

from rival import Refused, arguments, serve

# Rayon reads this when the library is loaded.
os.environ.setdefault("RAYON_NUM_THREADS", str(arguments().threads))

import mistralrs  # noqa: E402

WORDS = " time year people way day man thing woman life child world school state family student group country problem"


class MistralRs:
    def __init__(self, args):
        self.version = "mistralrs"
        folder, name = os.path.split(os.path.abspath(args.model))
        self._runner = mistralrs.Runner(
            which=mistralrs.Which.GGUF(quantized_model_id=folder, quantized_filename=name),
            prefix_cache_n=0,
            token_source="none",
        )
        self._rounds = 0

    def _usage(self, depth, tokens):
        words = WORDS.split()
        self._rounds += 1
        # Common words are one token each; the counters say how many it was.
        prompt = "".join(f" {words[(self._rounds + i * 7) % len(words)]}" for i in range(depth))
        request = mistralrs.CompletionRequest(
            prompt=prompt, model="default", max_tokens=tokens, ignore_eos=True, temperature=0.0
        )
        return self._runner.send_completion_request(request).usage

    def prefill(self, tokens):
        usage = self._usage(tokens, 1)
        return usage.total_prompt_time_sec, usage.prompt_tokens

    def decode(self, streams, depth, tokens):
        if streams > 1:
            raise Refused("its Python interface runs one request at a time")
        usage = self._usage(depth, tokens)
        return usage.total_completion_time_sec, usage.completion_tokens


sys.exit(serve(MistralRs))
