"""llama.cpp, through its own C interface without sampling. Settings: repack=on|off, flash=on|off."""

import sys
import time

from llamacpp import Model, version
from rival import Tokens, serve


class LlamaCpp:
    def __init__(self, args):
        self.version = version()
        self._model = Model(
            args.model,
            threads=args.threads,
            repack=args.set.get("repack", "on") == "on",
            flash_attention=args.set.get("flash", "on") == "on",
            context=args.positions + 64,
            sequences=args.streams,
        )
        self._tokens = Tokens(self._model.vocabulary)
        self._held = None  # (streams, depth) whose positions the context holds
        self._model.feed(self._tokens.draw(16))  # touches the weights once

    def prefill(self, tokens):
        prompt = self._tokens.draw(tokens)
        self._held = None
        self._model.clear()
        start = time.perf_counter()
        self._model.feed(prompt)
        self._model.last_logits()
        return time.perf_counter() - start, tokens

    def decode(self, streams, depth, tokens):
        if self._held != (streams, depth):
            self._model.clear()
            for stream in range(streams):
                self._model.feed(self._tokens.draw(depth), sequence=stream)
            self._held = (streams, depth)
        for stream in range(streams):
            self._model.keep(stream, depth)
        drawn = [self._tokens.draw(streams) for _ in range(tokens)]
        start = time.perf_counter()
        for step, ids in enumerate(drawn):
            self._model.step(ids, depth + step)
        return time.perf_counter() - start, streams * tokens


sys.exit(serve(LlamaCpp))
