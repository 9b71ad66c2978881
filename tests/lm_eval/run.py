#!/usr/bin/env python3
"""lm-eval's requests, as it sends them, against the reference's numbers: the short form of `./prove lm-eval`.

    tests/lm_eval/run.py        asks a server of its own (BEDPLATE_BINARY, or build/release/bin/bedplate)

tests/lm_eval/golden.json has each request's tokens and what transformers says of the scored ones, in nats (written by
`./prove lm-eval --golden`). Limits and their reasons: proofs/lm-eval. Only Python's standard library. Ends with
`N passed, N failed`.
"""

import json
import math
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
from bedplate_process import MODEL, private_server  # noqa: E402
from checks import Checks  # noqa: E402

RMS_MAX, LARGEST_MAX, BIAS_MAX, TIE_NATS = 0.25, 1.5, 0.02, 0.2
EACH = 8  # prompts in a request
PROMPTS_MAX = 90  # of a task


def scored(server, requests):
    """The sum of nats of each request's scored tokens, and whether each of them was the likeliest."""
    out = []
    for i in range(0, len(requests), EACH):
        batch = requests[i : i + EACH]
        body = {"model": MODEL, "prompt": [r["tokens"] for r in batch], "temperature": 0, "max_tokens": 1, "logprobs": 1}
        status, answer = server.request("POST", "/v1/completions", body | {"seed": 1234, "echo": True})
        if status != 200:
            raise RuntimeError(f"{status} {answer}")
        for request, choice in zip(batch, sorted(answer["choices"], key=lambda c: c["index"]), strict=True):
            first, said = len(request["tokens"]) - request["scored"], choice["logprobs"]
            nats, top = said["token_logprobs"], said["top_logprobs"]
            if len(nats) != len(request["tokens"]) + 1 or nats[0] is not None:
                raise RuntimeError(f"{len(nats)} log-probabilities of {len(request['tokens'])} tokens and one more")
            likeliest = all(own == max(t.values()) for own, t in zip(nats[first:-1], top[first:-1]))
            out.append((sum(nats[first:-1]), likeliest))
    return out


def main():
    requests = json.loads((ROOT / "tests/lm_eval/golden.json").read_text())["requests"]
    off = tokens = 0
    checks = Checks()
    with private_server() as server:
        for task in dict.fromkeys(r["task"] for r in requests):
            own = [r for r in requests if r["task"] == task][:PROMPTS_MAX]
            answers = scored(server, own)
            errors = [(nats - r["nats"]) / math.sqrt(r["scored"]) for r, (nats, _) in zip(own, answers)]
            rms, largest = math.sqrt(sum(e * e for e in errors) / len(errors)), max(map(abs, errors))
            off += sum(nats - r["nats"] for r, (nats, _) in zip(own, answers))
            tokens += sum(r["scored"] for r in own)
            about = f"{task}: {len(own)} requests, rms {rms:.4f}, largest {largest:.4f} nats a token"
            checks.check(about, rms <= RMS_MAX and largest <= LARGEST_MAX)
            clear = [(r, likeliest) for r, (_, likeliest) in zip(own, answers) if abs(r["margin"]) >= TIE_NATS]
            wrong = sum(likeliest != (r["margin"] > 0) for r, likeliest in clear)
            checks.check(f"{task}: {wrong} of {len(clear)} other than the reference in what is likeliest", wrong == 0)
    checks.check(f"all: mean {off / tokens:+.4f} nats a token", abs(off / tokens) <= BIAS_MAX)
    return checks.status()


if __name__ == "__main__":
    sys.exit(main())
