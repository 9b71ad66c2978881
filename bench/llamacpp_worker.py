"""One llama.cpp setting, loaded once, measured on request: each line on stdin runs one round.

A round: a fresh context, a prompt of --prompt tokens in one call, then --generate single-token calls. Tokens are
drawn beforehand, so neither sampling nor Python work on the vocabulary is in llama.cpp's times. Prints {"ready":
true}, then one JSON line a round: {"prefill_tokens_per_second": x, "decode_tokens_per_second": y}.
"""

import argparse
import json
import random
import sys
import time

from llamacpp import Model


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--generate", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repack", choices=["on", "off"], default="on")
    parser.add_argument("--flash-attention", choices=["on", "off"], default="on")
    args = parser.parse_args()

    model = Model(
        args.model,
        threads=args.threads,
        repack=args.repack == "on",
        flash_attention=args.flash_attention == "on",
        context=args.prompt + args.generate + 64,
    )
    draw = random.Random(1)
    prompt = [draw.randrange(1000, min(model.vocabulary, 40000)) for _ in range(args.prompt)]
    generated = [draw.randrange(1000, min(model.vocabulary, 40000)) for _ in range(args.generate)]
    model.feed(prompt[:16])  # touch the weights once before the first round
    model.feed(generated[:1])
    print(json.dumps({"ready": True}), flush=True)

    for _ in sys.stdin:
        model.clear()
        start = time.perf_counter()
        model.feed(prompt)
        model.last_logits()
        prefilled = time.perf_counter()
        for token in generated:
            model.feed([token])
            model.last_logits()
        done = time.perf_counter()
        print(
            json.dumps(
                {
                    "prefill_tokens_per_second": args.prompt / (prefilled - start),
                    "decode_tokens_per_second": args.generate / (done - prefilled),
                }
            ),
            flush=True,
        )


if __name__ == "__main__":
    main()
