"""llama.cpp's part of a golden file (called by make_reference.py inside llama.cpp's environment).

windows   cuts the texts into token windows, as plan.json in the folder says, into windows.json; a window starts with
          the beginning-of-sequence token where the model's file asks for one.
compare   llama.cpp's distance from the reference-*.npy distributions, with flash attention on and off, KV in f16,
          and its perplexity, into llamacpp.json.

Perplexity, as llama.cpp's own tool computes it: the whole text is tokenized once (with the beginning token where
asked for), cut into windows of `context` without overlap, an incomplete last one dropped; where the model asks for a
beginning token, each window's first token is replaced by it; of each window the positions context/2 .. context-2 are
scored, each against the token that follows it.
"""

import argparse
import importlib.metadata
import json
import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "bench/rivals"))
from llamacpp import Model  # noqa: E402


def perplexity_windows(model, text, context):
    tokens = model.tokenize(text, add_special=True)
    windows = [tokens[i : i + context] for i in range(0, len(tokens) - context + 1, context)]
    if model.adds_bos:
        windows = [[model.bos, *w[1:]] for w in windows]
    return windows


def cut_windows(args, plan):
    model = Model(args.model, threads=args.threads, context=64)
    sequences = []
    for name, path, length in plan["windows"]:
        tokens = model.tokenize(pathlib.Path(path).read_bytes(), add_special=True)[:length]
        sequences.append({"name": name, "tokens": tokens})
    windows = {
        "sequences": sequences,
        "perplexity": perplexity_windows(model, pathlib.Path(plan["perplexity_text"]).read_bytes(), plan["context"]),
    }
    (args.folder / "windows.json").write_text(json.dumps(windows))
    print(
        "windows:",
        {s["name"]: len(s["tokens"]) for s in sequences},
        len(windows["perplexity"]),
        "for perplexity",
        file=sys.stderr,
    )


def log_softmax(rows):
    rows = rows.astype(np.float64)
    rows -= rows.max(axis=1, keepdims=True)
    return rows - np.log(np.exp(rows).sum(axis=1, keepdims=True))


def top_ids(rows, k):
    """int64 [len(rows), k]: the likeliest ids of each row, most probable first, ties by the lower id."""
    ids = np.sort(np.argpartition(-rows, k, axis=1)[:, :k], axis=1)
    order = np.argsort(-np.take_along_axis(rows, ids, axis=1), axis=1, kind="stable")
    return np.take_along_axis(ids, order, axis=1)


def distance(reference, ours, top):
    """Per position: KL over the whole vocabulary, KL over {top candidates, rest}, reference margin, same top token."""
    p = reference.astype(np.float64)
    full = (np.exp(p) * (p - ours)).sum(axis=1)
    ids = top_ids(reference, top)
    pt, qt = np.take_along_axis(p, ids, 1), np.take_along_axis(ours, ids, 1)
    p_rest = np.maximum(1 - np.exp(pt).sum(axis=1), 1e-12)
    q_rest = np.maximum(1 - np.exp(qt).sum(axis=1), 1e-12)
    part = (np.exp(pt) * (pt - qt)).sum(axis=1) + p_rest * np.log(p_rest / q_rest)
    return full, part, pt[:, 0] - pt[:, 1], ours.argmax(axis=1) == ids[:, 0]


def compare(args, plan):
    windows = json.loads((args.folder / "windows.json").read_text())
    longest = max(len(s["tokens"]) for s in windows["sequences"])
    result = {
        "kl": {},
        "perplexity": {},
        "made_with": {"llama-cpp-python": importlib.metadata.version("llama-cpp-python")},
    }
    for setting in ["flash_attention_on", "flash_attention_off"]:
        model = Model(
            args.model,
            threads=args.threads,
            flash_attention=setting.endswith("on"),
            context=max(longest, plan["context"]),
        )
        parts, names = [], []
        for i, sequence in enumerate(windows["sequences"]):
            reference = np.load(args.folder / f"reference-{i}.npy")
            parts.append(distance(reference, log_softmax(model.logits(sequence["tokens"])), plan["top"]))
            names.append(sequence["name"])
        full, part, margin, same = (np.concatenate(column) for column in zip(*parts))
        clear = margin >= 0.2
        later = np.concatenate([np.arange(len(column[0])) > 0 for column in parts])
        result["kl"][setting] = {
            "mean_kl": float(part.mean()),
            "mean_kl_whole_vocabulary": float(full.mean()),
            "mean_kl_after_first": float(part[later].mean()),
            "positions": len(part),
            "top1": float(same.mean()),
            "top1_margin_0.2": float(same[clear].mean()),
            "positions_margin_0.2": int(clear.sum()),
            "by_text": {name: float(p[1].mean()) for name, p in zip(names, parts)},
        }
        print(setting, result["kl"][setting], file=sys.stderr, flush=True)
        if setting == "flash_attention_off":
            continue  # perplexity at llama.cpp's default only
        nll, count = 0.0, 0
        for window in windows["perplexity"]:
            first = len(window) // 2
            rows = log_softmax(model.logits(window, first=first)[:-1])
            nll -= rows[np.arange(len(rows)), window[first + 1 :]].sum()
            count += len(rows)
        result["perplexity"][setting] = float(np.exp(nll / count))
        result["scored"] = count
    (args.folder / "llamacpp.json").write_text(json.dumps(result))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("stage", choices=["windows", "compare"])
    args = parser.parse_args()
    plan = json.loads((args.folder / "plan.json").read_text())
    {"windows": cut_windows, "compare": compare}[args.stage](args, plan)


if __name__ == "__main__":
    main()
