#!/usr/bin/env python3
"""Bedplate and llama.cpp side by side on one model: prefill and decode of one stream, in one alternating run.

    bench/against_llamacpp.py [MODEL] [--rounds 5] [--threads 2] [--prompt 512] [--generate 128] [--json FILE]

MODEL is a name that `bedplate pull` knows (default qwen2.5-coder-1.5b) or a GGUF file.

Method. Every program loads the model once and stays; then rounds alternate: Bedplate, llama.cpp in each of its
settings, Bedplate, ... so that a change of the machine's mood meets all of them. A round is a prompt of --prompt
tokens, then --generate tokens one by one on top of it. llama.cpp is PyPI's llama-cpp-python compiled for this CPU,
driven through its C interface without sampling; it is measured with weight repacking on and off and with flash
attention on and off, and for prefill and for decode the best of the four medians counts. Memory bandwidth is sampled
before and after, since decode hangs on it.

Exits non-zero when a median ratio is below --min-prefill or --min-decode.
"""

import argparse
import ctypes
import json
import os
import pathlib
import statistics
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BEDPLATE = os.environ.get("BEDPLATE_BINARY", str(ROOT / "build/release/bin/bedplate"))
METRICS = {"prefill": "prefill_tokens_per_second", "decode": "decode_tokens_per_second"}


def bandwidth_gb_s(threads, mib=256, repeats=3):
    """Read bandwidth of memory: glibc's memchr, bound by loads, over buffers far beyond the caches; best of a few."""
    libc = ctypes.CDLL(None)
    libc.memchr.argtypes, libc.memchr.restype = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t], ctypes.c_void_p
    size = mib << 20
    buffers = [ctypes.create_string_buffer(size) for _ in range(threads)]
    for buffer in buffers:
        ctypes.memset(buffer, 1, size)  # real pages, not the shared page of zeros
    best = 0.0
    for _ in range(repeats):
        workers = [threading.Thread(target=libc.memchr, args=(ctypes.addressof(b), 2, size)) for b in buffers]
        start = time.perf_counter()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        best = max(best, threads * size / (time.perf_counter() - start) / 1e9)
    return best


class Worker:
    """A program that has loaded the model and runs one round for each line it is given."""

    def __init__(self, name, command):
        self.name, self.rounds = name, []
        self._process = subprocess.Popen(
            list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._expect("ready")

    def _expect(self, key):
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended with status {self._process.wait()} instead of answering")
        answer = json.loads(line)
        if key not in answer:
            raise SystemExit(f"{self.name} answered {line.strip()!r}; expected {key!r} in it")
        return answer

    def round(self):
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        answer = self._expect(METRICS["decode"])
        self.rounds.append({name: answer[key] for name, key in METRICS.items()})

    def close(self):
        self._process.stdin.close()
        self._process.wait()

    def median(self, metric):
        return statistics.median(r[metric] for r in self.rounds)

    def cell(self, metric):
        values = [r[metric] for r in self.rounds]
        return f"{statistics.median(values):8.1f} ({min(values):.1f}-{max(values):.1f})"


def cpu_name():
    with open("/proc/cpuinfo") as f:
        facts = dict(line.split(":", 1) for line in f.read().split("\n\n")[0].splitlines() if ":" in line)
    facts = {k.strip(): v.strip() for k, v in facts.items()}
    wide = [
        flag
        for flag in ["avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16"]
        if flag in facts.get("flags", "").split()
    ]
    name = facts.get("model name", "unknown CPU")
    return f"{name}, family {facts.get('cpu family')} model {facts.get('model')}, {' '.join(wide)}"


def model_file(name):
    if pathlib.Path(name).exists():
        return name
    subprocess.run([BEDPLATE, "pull", name], check=True, stdout=sys.stderr)
    listed = json.loads(subprocess.run([BEDPLATE, "models", "--json"], check=True, stdout=subprocess.PIPE).stdout)
    for model in listed["models"] if isinstance(listed, dict) else listed:
        if model.get("name") == name and model.get("path"):
            return model["path"]
    raise SystemExit(f"`bedplate models --json` lists no path for {name}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default="qwen2.5-coder-1.5b")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--generate", type=int, default=128)
    parser.add_argument("--min-prefill", type=float, default=0.0, help="fail below this ratio")
    parser.add_argument("--min-decode", type=float, default=0.0, help="fail below this ratio")
    parser.add_argument("--only-llamacpp", action="store_true", help="measure the rival alone")
    parser.add_argument("--json", type=pathlib.Path, help="write every figure here")
    args = parser.parse_args()

    file = model_file(args.model)
    llama_python = subprocess.run(
        [ROOT / "scripts/peers.sh", "llama"], check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()
    sizes = ["--prompt", args.prompt, "--generate", args.generate, "--threads", args.threads]
    before = bandwidth_gb_s(args.threads)
    workers = []
    if not args.only_llamacpp:
        workers.append(
            Worker("bedplate", [BEDPLATE, "bench", file, *sizes, "--streams", 1, "--json", "--rounds-from-stdin"])
        )
    for repack in ["on", "off"]:
        for flash in ["on", "off"]:
            workers.append(
                Worker(
                    f"llama.cpp repack {repack}, flash attention {flash}",
                    [
                        llama_python,
                        ROOT / "bench/llamacpp_worker.py",
                        file,
                        *sizes,
                        "--repack",
                        repack,
                        "--flash-attention",
                        flash,
                    ],
                )
            )
    for n in range(args.rounds):
        for worker in workers:
            worker.round()
        print(f"round {n + 1} of {args.rounds}", file=sys.stderr, flush=True)
    for worker in workers:
        worker.close()
    after = bandwidth_gb_s(args.threads)

    rivals = [w for w in workers if w.name != "bedplate"]
    best = {metric: max(rivals, key=lambda w: w.median(metric)) for metric in METRICS}
    print(
        f"{pathlib.Path(file).name}, {args.threads} threads, prompt {args.prompt}, generate {args.generate}, one stream; "
        f"tokens/s, median (min-max) of {args.rounds} alternating rounds"
    )
    print(f"{cpu_name()}; memory read bandwidth {before:.1f} GB/s before, {after:.1f} after")
    print(f"{'':46}{'prefill':>26}{'decode':>26}")
    for worker in workers:
        print(f"{worker.name:46}" + "".join(f"{worker.cell(metric):>26}" for metric in METRICS))
    result = {
        "model": pathlib.Path(file).name,
        "cpu": cpu_name(),
        "threads": args.threads,
        "prompt": args.prompt,
        "generate": args.generate,
        "bandwidth_gb_s": [before, after],
        "load_average": os.getloadavg()[0],
        "rounds": {w.name: w.rounds for w in workers},
        "ratios": {},
    }
    good = True
    if not args.only_llamacpp:
        for metric, least in [("prefill", args.min_prefill), ("decode", args.min_decode)]:
            ratio = workers[0].median(metric) / best[metric].median(metric)
            result["ratios"][metric] = ratio
            good &= ratio >= least
            limit = f"; asked for {least:g}: {'ok' if ratio >= least else 'FAILED'}" if least else ""
            print(f"{metric}: {ratio:.2f} x the best of llama.cpp ({best[metric].name}){limit}")
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
