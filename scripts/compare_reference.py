#!/usr/bin/env python3
"""How far is Bedplate from the independent fp32 reference? Compares with the golden files and fails when it falls short.

    scripts/compare_reference.py [--kl] [--perplexity] [MODEL...]      unless named: both, all models with a golden file

Per model, against tests/reference/golden/MODEL.bpref (made by make_reference.py, format in reference_file.py):
  - mean KL divergence over all positions <= 0.005 nats, and <= 1.1 x llama.cpp's own against the same reference, in
    its better setting. Both are taken over {64 likeliest tokens, everything else}; for the first limit the figure is
    scaled by what that partition hides of llama.cpp's divergence (measured over the whole vocabulary when the golden
    file was made).
    The same without each window's first token, where some models' huge activations ruin coarse quantisation and would
    flatter whoever quantises finer.
  - the top token equals the reference's in >= 99 % of the positions whose reference margin is >= 0.2 nat.
  - perplexity of GPL-3 (windows of 512, second half scored) within 0.5 % of llama.cpp's at its default setting.

Asks the binary (BEDPLATE_BINARY, or build/release/bin/bedplate) about models that `bedplate pull` has fetched:
  bedplate logprobs MODEL FILE --tokens     FILE: {"sequences": [{"tokens": [...], "candidates": [[id, ...], ...]}]}
      -> a JSON line a sequence: {"logprobs": [[float, ...], ...], "top": [id, ...]}; position i predicts token i + 1
  bedplate perplexity MODEL TEXT --context 512 --json     -> {"perplexity": x, "tokens": scored}
Only Python's standard library. Ends with `N passed, N failed`.
"""

import argparse
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import reference_file
from checks import Checks

ROOT = pathlib.Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests/reference/golden"
BEDPLATE = os.environ.get("BEDPLATE_BINARY", str(ROOT / "build/release/bin/bedplate"))
GPL3 = pathlib.Path("/usr/share/common-licenses/GPL-3")

KL_MAX = 0.005
KL_MAX_OF_LLAMA_CPP = 1.1
TOP1_MIN = 0.99
TOP1_MARGIN = 0.2
PERPLEXITY_OFF_MAX = 0.005


def bedplate(*arguments):
    done = subprocess.run([BEDPLATE, *map(str, arguments)], stdout=subprocess.PIPE)
    if done.returncode != 0:
        raise RuntimeError(f"bedplate {' '.join(map(str, arguments))} ended with status {done.returncode}")
    return done.stdout


def ours(model, sequences, *options):
    """[(log-probabilities of the candidates, top token) a position] a sequence. options: more of `bedplate logprobs`."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
        json.dump({"sequences": [{"tokens": s.tokens, "candidates": s.ids} for s in sequences]}, f)
        f.flush()
        lines = bedplate("logprobs", model, f.name, "--tokens", *options).decode().strip().splitlines()
    if len(lines) != len(sequences):
        raise RuntimeError(f"logprobs printed {len(lines)} lines for {len(sequences)} sequences")
    answers = [json.loads(line) for line in lines]
    for sequence, answer in zip(sequences, answers):
        if len(answer["logprobs"]) != len(sequence.tokens) or len(answer["top"]) != len(sequence.tokens):
            raise RuntimeError(
                f"logprobs answered {len(answer['logprobs'])} positions for {len(sequence.tokens)} tokens"
            )
    return answers


def compare_kl(model, header, sequences, checks):
    start = time.monotonic()
    answers = ours(model, sequences)
    seconds = time.monotonic() - start
    divergences, later, clear, clear_same, same = [], [], 0, 0, 0
    for sequence, answer in zip(sequences, answers):
        own = []
        for i in range(len(sequence.tokens)):
            own.append(reference_file.kl(sequence.logprobs[i], sequence.rest[i], answer["logprobs"][i]))
            hit = answer["top"][i] == sequence.ids[i][0]
            same += hit
            if sequence.margin[i] >= TOP1_MARGIN:
                clear += 1
                clear_same += hit
        print(f"    {sequence.name:8} {len(own):5} positions  KL {sum(own) / len(own):.5f}  largest {max(own):.4f}")
        divergences += own
        later += own[1:]
    rival = min(header["llama_cpp"].values(), key=lambda figures: figures["mean_kl"])
    mean = sum(divergences) / len(divergences)
    whole = mean * rival["mean_kl_whole_vocabulary"] / rival["mean_kl"]
    print(
        f"    {len(divergences)} positions in {seconds:.1f} s; top token equal in {same / len(divergences):.2%} "
        f"(llama.cpp {rival['top1']:.2%})"
    )
    checks.check(
        f"{model}: mean KL {whole:.5f} nats over the whole vocabulary (estimated); limit {KL_MAX}", whole <= KL_MAX
    )
    for what, ours_mean, key in [
        ("mean KL", mean, "mean_kl"),
        ("mean KL but for first tokens", sum(later) / len(later), "mean_kl_after_first"),
    ]:
        known = [figures[key] for figures in header["llama_cpp"].values() if key in figures]
        if not known:  # golden files older than the figure
            continue
        theirs = min(known)
        checks.check(
            f"{model}: {what} {ours_mean:.5f}, llama.cpp's {theirs:.5f}, ratio {ours_mean / theirs:.3f}; limit "
            f"{KL_MAX_OF_LLAMA_CPP}",
            ours_mean <= KL_MAX_OF_LLAMA_CPP * theirs,
        )
    checks.check(
        f"{model}: top token equal in {clear_same / clear:.2%} of {clear} clear positions (llama.cpp "
        f"{rival['top1_margin_0.2']:.2%}); limit {TOP1_MIN:.0%}",
        clear_same >= TOP1_MIN * clear,
    )


def compare_perplexity(model, header, checks):
    figures = header["perplexity"]
    if hashlib.sha256(GPL3.read_bytes()).hexdigest() != figures["text_sha256"]:
        checks.check(f"{model}: {GPL3} is not the text that the golden file was made with", False)
        return
    answer = json.loads(bedplate("perplexity", model, GPL3, "--context", figures["context"], "--json"))
    rival = figures["llama_cpp"]["flash_attention_on"]  # its default
    off = answer["perplexity"] / rival - 1
    fp32 = f"{figures['reference']:.4f}" if figures["reference"] else "not computed"
    checks.check(
        f"{model}: perplexity {answer['perplexity']:.4f}, llama.cpp's {rival:.4f}, off by {off:+.3%} "
        f"(fp32 reference {fp32}); limit {PERPLEXITY_OFF_MAX:.1%}",
        abs(off) <= PERPLEXITY_OFF_MAX,
    )
    checks.check(
        f"{model}: {answer['tokens']} tokens scored, llama.cpp {figures['scored']}",
        answer["tokens"] == figures["scored"],
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*")
    parser.add_argument("--kl", action="store_true")
    parser.add_argument("--perplexity", action="store_true")
    args = parser.parse_args()
    both = args.kl == args.perplexity
    checks = Checks()
    for model in args.models or sorted(path.stem for path in GOLDEN.glob("*.bpref")):
        print(model, flush=True)
        header, sequences = reference_file.read(GOLDEN / f"{model}.bpref")
        try:
            if args.kl or both:
                compare_kl(model, header, sequences, checks)
            if args.perplexity or both:
                compare_perplexity(model, header, checks)
        except (RuntimeError, OSError, ValueError, KeyError) as error:
            checks.check(f"{model}: {error}", False)
    return checks.status()


if __name__ == "__main__":
    sys.exit(main())
