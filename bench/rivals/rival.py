"""What `bedplate bench --against` and a rival's program say to each other: one JSON object a line.

The program is started as  PROGRAM MODEL --threads N --streams S --positions P [--set NAME=VALUE]...  with the most
streams, and the most positions of one, that will be asked for. It answers {"ready": version}, or {"refused": why} and
ends. Then, for each line on standard input:

    {"do": "prefill", "tokens": 512}                            a prompt of so many tokens, nothing cached
    {"do": "decode", "streams": 8, "depth": 512, "tokens": 128}  tokens one by one in each stream, after depth positions

it answers {"seconds": s, "tokens": n}, n over all streams, or {"refused": why}. Loading, the positions before a decode
and making up tokens are not in the seconds. Prompts differ each time, so that no cache of prefixes can help.
"""

import argparse
import json
import os
import random
import sys


class Refused(Exception):
    """The rival can't do this; the message says why."""


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--streams", type=int, required=True)
    parser.add_argument("--positions", type=int, required=True)
    parser.add_argument("--set", action="append", default=[], help="NAME=VALUE")
    args = parser.parse_args()
    args.set = dict(setting.split("=", 1) for setting in args.set)
    return args


class Tokens:
    """Token ids drawn from the ordinary part of a vocabulary."""

    def __init__(self, vocabulary):
        self._draw = random.Random(1)
        self._high = min(vocabulary, 40000)

    def draw(self, count):
        return [self._draw.randrange(1000, self._high) for _ in range(count)]


def serve(load):
    """load(args) -> an object with version, prefill(tokens) and decode(streams, depth, tokens), each -> (seconds, n)."""
    # Libraries print what they like to standard output; the answers go to a copy of it.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(**fields):
        answers.write(json.dumps(fields) + "\n")
        answers.flush()

    try:
        rival = load(arguments())
    except Exception as error:  # whatever a library throws is its refusal
        answer(refused=" ".join(str(error).split())[:400] or type(error).__name__)
        return 0
    answer(ready=rival.version)
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            if asked["do"] == "prefill":
                seconds, tokens = rival.prefill(asked["tokens"])
            else:
                seconds, tokens = rival.decode(asked["streams"], asked["depth"], asked["tokens"])
            answer(seconds=seconds, tokens=tokens)
        except Exception as error:
            answer(refused=" ".join(str(error).split())[:400] or type(error).__name__)
    return 0
