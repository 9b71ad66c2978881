"""mistral.rs, by its Python package. A prompt is timed by its own counters; several streams are chats opened together."""

import os
import sys
import threading
import time

from rival import Refused, arguments, serve

# Rayon reads this when the library is loaded.
os.environ.setdefault("RAYON_NUM_THREADS", str(arguments().threads))

import mistralrs  # noqa: E402

# Common words are one token each; the counters say how many it was.
WORDS = "time year people way day man thing woman life child world school state family student group country problem"
PLAIN_TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"


class MistralRs:
    def __init__(self, args):
        self.version = "mistralrs"
        folder, name = os.path.split(os.path.abspath(args.model))
        template = os.path.join(os.path.dirname(os.path.abspath(__file__)), "plain.jinja")
        with open(template, "w") as out:
            out.write(PLAIN_TEMPLATE)
        self._runner = mistralrs.Runner(
            which=mistralrs.Which.GGUF(quantized_model_id=folder, quantized_filename=name),
            max_seqs=max(args.streams, 1),
            prefix_cache_n=0,
            token_source="none",
            jinja_explicit=template,
        )
        self._rounds = 0

    def _prompt(self, words):
        pool = WORDS.split()
        self._rounds += 1
        return "".join(f" {pool[(self._rounds * 5 + i * 7 + i // 18) % len(pool)]}" for i in range(words))

    def prefill(self, tokens):
        request = mistralrs.CompletionRequest(
            prompt=self._prompt(tokens), model="default", max_tokens=1, ignore_eos=True, temperature=0.0
        )
        usage = self._runner.send_completion_request(request).usage
        return usage.total_prompt_time_sec, usage.prompt_tokens

    def _chat(self, depth, tokens, times):
        """Appends when each piece of the answer came."""
        request = mistralrs.ChatCompletionRequest(
            messages=[{"role": "user", "content": self._prompt(depth)}],
            model="default",
            max_tokens=tokens,
            ignore_eos=True,
            temperature=0.0,
            stream=True,
            enable_thinking=False,
        )
        for _ in self._runner.send_chat_completion_request(request):
            times.append(time.perf_counter())

    def decode(self, streams, depth, tokens):
        # The first streams decode while the last are being read, so they get more to do; what counts is what came
        # between the last one's first piece and the first one's end.
        spare = 2 * streams if streams > 1 else 1
        times = [[] for _ in range(streams)]
        readers = [threading.Thread(target=self._chat, args=(depth, tokens + spare, mine)) for mine in times]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
        if not all(times):
            raise Refused(f"{sum(1 for mine in times if not mine)} of {streams} streams told of nothing")
        start, end = max(mine[0] for mine in times), min(mine[-1] for mine in times)
        counted = sum(1 for mine in times for at in mine if start < at <= end)
        if end <= start or counted < tokens // 4:
            raise Refused(f"{streams} streams of {tokens} tokens ran side by side for {counted} pieces only")
        return end - start, counted


sys.exit(serve(MistralRs))
