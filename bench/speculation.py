#!/usr/bin/env python3
"""What speculation gains: a code-editing set on one stream, and 32 streams where it must cost nothing.

    bench/speculation.py [MODEL] [--rounds 5] [--threads 2] [--prompts N] [--json FILE]

MODEL is a name that `bedplate pull` knows (default qwen2.5-coder-1.5b) or a GGUF file.

Method. One server, one loaded model. Each request is sent twice, with `speculation` on and off, in turns, the order
changing from prompt to prompt, so that a change of the machine's mood meets both. The set is bench/code_edits.json:
"here is a file, change this, print all of it", greedy. Tokens per second are output tokens over the time from the first
one to the last, so that reading the prompt plays no part. With --streams (default 32) so many requests run at once,
round by round on and off, and all output tokens count over the time from the first request to the end of the last.
With --prediction the file is also sent as the answer's prediction.

Every answer is held to its twin: the text, the end, the usage, and in the first round the log-probability of every
token must be equal. Exits non-zero if they are not, or when a median ratio is below --min-one or --min-many.
"""

import argparse
import concurrent.futures
import http.client
import json
import pathlib
import statistics
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
import bedplate_process  # noqa: E402

SYSTEM = "You are a careful programmer. Answer with the complete file in one code block, and nothing else."


class Server(bedplate_process.Server):
    """A server of one model, whose streamed answers are timed."""

    def __init__(self, model, *options):
        super().__init__(*options, model=model)
        self.model = pathlib.Path(model).stem if model.endswith(".gguf") else model

    def chat(self, body):
        """The streamed answer: text, end, usage, log-probabilities, and the seconds from the first token to the end."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        body = {**body, "model": self.model, "stream": True, "stream_options": {"include_usage": True}}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        if response.status != 200:
            raise SystemExit(f"status {response.status}: {response.read().decode()}")
        answer, first, last = {"text": "", "end": None, "usage": None, "logprobs": []}, None, None
        for line in response:
            if not line.startswith(b"data: {"):
                continue
            chunk = json.loads(line[6:])
            if "error" in chunk:
                raise SystemExit(f"the answer broke off: {chunk['error']}")
            for choice in chunk["choices"]:
                last = time.perf_counter()
                answer["text"] += choice["delta"].get("content") or ""
                if choice["delta"].get("content") and first is None:
                    first = last
                answer["end"] = choice["finish_reason"] or answer["end"]
                answer["logprobs"] += (choice["logprobs"] or {}).get("content") or []
            answer["usage"] = chunk.get("usage") or answer["usage"]
        answer["usage"].pop("prompt_tokens_details")  # what the prefix cache held is another matter
        return answer, (last or 0) - (first or 0)

    def drafts(self):
        counts = {}
        for line in self.request("GET", "/metrics")[1].splitlines():
            if line.startswith("bedplate_draft_tokens_total{"):
                outcome = line.split('outcome="')[1].split('"')[0]
                counts[outcome] = int(float(line.rsplit(" ", 1)[1]))
        return counts


def request_of(edit, prediction=False, **more):
    task = f"{edit['instruction']}\n\n```{edit['language']}\n{edit['file']}```"
    body = {
        "messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": task}],
        "temperature": 0,
        "seed": 1,
        "max_tokens": 700,
    }
    if prediction:
        body["prediction"] = {"type": "content", "content": f"```{edit['language']}\n{edit['file']}```"}
    return {**body, **more}


def check_equal(name, on, off):
    if on != off:
        where = next((k for k in on if on[k] != off[k]), "?")
        raise SystemExit(f"{name}: {where} differs with speculation on and off:\n{on[where]!r}\n{off[where]!r}")


def one_stream(server, edits, args, log):
    """[round] -> tokens per second, on and off."""
    rounds = []
    for n in range(args.rounds):
        tokens, seconds = 0, {True: 0.0, False: 0.0}
        for i, edit in enumerate(edits):
            more = {"logprobs": True} if n == 0 else {}
            answers = {}
            for speculation in (True, False) if (i + n) % 2 == 0 else (False, True):
                body = request_of(edit, args.prediction, speculation=speculation, **more)
                answers[speculation], taken = server.chat(body)
                seconds[speculation] += taken
            check_equal(edit["name"], answers[True], answers[False])
            count = answers[True]["usage"]["completion_tokens"]
            tokens += count - 1  # those after the first
            if args.verbose:
                log(f"  {edit['name']:28} {count:4} tokens")
        rounds.append((tokens / seconds[True], tokens / seconds[False]))
        log(f"one stream, round {n + 1}: on {rounds[-1][0]:.1f}, off {rounds[-1][1]:.1f} tokens/s")
    return rounds


def many_streams(server, edits, args, log):
    bodies = [
        request_of(edits[i % len(edits)], args.prediction, seed=i, max_tokens=args.many_tokens, ignore_eos=True)
        for i in range(args.streams)
    ]
    rounds = []
    with concurrent.futures.ThreadPoolExecutor(args.streams) as pool:
        list(pool.map(lambda body: server.chat({**body, "max_tokens": 1}), bodies))  # the prompts, once for all
        for n in range(args.rounds):
            rates, answers = {}, {}
            for speculation in (True, False) if n % 2 == 0 else (False, True):
                start = time.perf_counter()
                answers[speculation] = [
                    answer for answer, _ in pool.map(server.chat, ({**b, "speculation": speculation} for b in bodies))
                ]
                taken = time.perf_counter() - start
                rates[speculation] = sum(a["usage"]["completion_tokens"] for a in answers[speculation]) / taken
            for i in range(args.streams):
                check_equal(f"stream {i}", answers[True][i], answers[False][i])
            rounds.append((rates[True], rates[False]))
            log(f"{args.streams} streams, round {n + 1}: on {rates[True]:.1f}, off {rates[False]:.1f} tokens/s")
    return rounds


def summary(name, rounds):
    on, off = (statistics.median(r[i] for r in rounds) for i in (0, 1))
    ratio = statistics.median(a / b for a, b in rounds)
    low, high = (f(a / b for a, b in rounds) for f in (min, max))
    print(f"{name:28} on {on:7.1f}  off {off:7.1f} tokens/s   ratio {ratio:.3f} ({low:.3f}-{high:.3f})")
    return ratio


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default="qwen2.5-coder-1.5b")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--prompts", type=int, help="only the first so many of the set")
    parser.add_argument("--streams", type=int, default=32, help="0: one stream only")
    parser.add_argument("--many-tokens", type=int, default=96, help="output tokens of each of many streams")
    parser.add_argument("--prediction", action="store_true", help="send the file as the answer's prediction")
    parser.add_argument("--draft-model", help="a smaller model of the same vocabulary drafts as well")
    parser.add_argument("--min-one", type=float, default=0.0, help="fail below this ratio on one stream")
    parser.add_argument("--min-many", type=float, default=0.0, help="fail below this ratio on many")
    parser.add_argument("--json", type=pathlib.Path, help="write every figure here")
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()

    def log(text):
        print(text, file=sys.stderr, flush=True)

    edits = json.loads((ROOT / "bench/code_edits.json").read_text())[: args.prompts]
    options = ["--threads", args.threads, "--context", 4096]
    if args.draft_model:
        options += ["--draft-model", args.draft_model]
    with Server(args.model, *options) as server:
        server.chat(request_of(edits[0], max_tokens=8))  # touches the weights once
        one = one_stream(server, edits, args, log)
        drafts = server.drafts()
        many = many_streams(server, edits, args, log) if args.streams > 0 else []
        drafts_many = {k: v - drafts[k] for k, v in server.drafts().items()}

    print(
        f"{args.model}, {args.threads} threads, {len(edits)} code edits, median of {len(one)} alternating rounds; "
        "every answer equal with speculation on and off"
    )
    held = summary("one stream", one) >= args.min_one
    print(f"{'':28} drafted tokens: {drafts['accepted']} accepted, {drafts['rejected']} rejected")
    if many:
        held = summary(f"{args.streams} streams", many) >= args.min_many and held
        print(f"{'':28} drafted tokens: {drafts_many['accepted']} accepted, {drafts_many['rejected']} rejected")
    if args.json:
        args.json.write_text(
            json.dumps({"model": args.model, "one": one, "many": many, "drafts": drafts, "drafts_many": drafts_many})
        )
    if not held:
        raise SystemExit("below the ratio that was asked for")


if __name__ == "__main__":
    main()
