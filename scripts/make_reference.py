#!/usr/bin/env python3
"""Makes one golden file of tests/reference/golden: fp32 reference, llama.cpp's own distance from it, perplexities.

    scripts/make_reference.py MODEL.gguf tests/reference/golden/NAME.bpref

Needs the environments of scripts/peers.sh (made when missing). Takes minutes and up to 10 GB for a model of 1.5
billion parameters. Three stages in two interpreters, since torch and llama.cpp live apart: llama.cpp cuts the texts
into token windows; transformers computes the distributions; llama.cpp's are compared with them, over the whole
vocabulary and over the partition that the golden file keeps.
"""

import argparse
import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
GPL3 = "/usr/share/common-licenses/GPL-3"
# (name, text, tokens at most). 1,024 covers twice Gemma's sliding window of 512.
WINDOWS = [
    ("gpl-3", GPL3, 1024),
    ("prose", "tests/reference/texts/prose.txt", 512),
    ("c++", "tests/reference/texts/cpp.txt", 768),
    ("python", "tests/reference/texts/python.txt", 512),
    ("mixed", "tests/reference/texts/mixed.txt", 256),
]
TOP = 64
PERPLEXITY_CONTEXT = 512


def peer(name):
    return subprocess.run(
        [ROOT / "scripts/peers.sh", name], check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as f:
        while chunk := f.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def stage_reference(args):
    """In the reference environment: distributions of every window to disk, and the reference's perplexity."""
    import numpy as np
    import torch
    import transformers

    import reference_model

    torch.set_num_threads(args.threads)
    windows = json.loads((args.folder / "windows.json").read_text())
    model = reference_model.load(args.model)
    for i, window in enumerate(windows["sequences"]):
        np.save(args.folder / f"reference-{i}.npy", reference_model.log_probs(model, window["tokens"]))
        print(f"reference: {window['name']}, {len(window['tokens'])} positions", file=sys.stderr, flush=True)
    nll, count = 0.0, 0
    for chunk in [] if args.no_reference_perplexity else windows["perplexity"]:
        first = len(chunk) // 2
        rows = reference_model.log_probs(model, chunk, first)[:-1]
        nll -= float(rows[np.arange(len(rows)), chunk[first + 1 :]].astype(np.float64).sum())
        count += len(rows)
    (args.folder / "reference.json").write_text(
        json.dumps(
            {
                "perplexity": float(np.exp(nll / count)) if count else None,
                "made_with": {"torch": torch.__version__, "transformers": transformers.__version__},
            }
        )
    )


def stage_write(args):
    """In the reference environment (numpy): the golden file from the distributions on disk."""
    import numpy as np

    import reference_file

    windows = json.loads((args.folder / "windows.json").read_text())
    sequences = []
    for i, window in enumerate(windows["sequences"]):
        rows = np.load(args.folder / f"reference-{i}.npy")
        ids = np.sort(np.argpartition(-rows, TOP, axis=1)[:, :TOP], axis=1)
        order = np.argsort(-np.take_along_axis(rows, ids, axis=1), axis=1, kind="stable")
        ids = np.take_along_axis(ids, order, axis=1)  # most probable first, ties by the lower id
        top = np.take_along_axis(rows, ids, axis=1)
        rest = np.log(np.maximum(1.0 - np.exp(top.astype(np.float64)).sum(axis=1), 1e-12))
        sequences.append(
            reference_file.Sequence(
                window["name"],
                window["tokens"],
                ids.tolist(),
                top.tolist(),
                rest.tolist(),
                (top[:, 0] - top[:, 1]).tolist(),
            )
        )
    reference = json.loads((args.folder / "reference.json").read_text())
    rival = json.loads((args.folder / "llamacpp.json").read_text())
    header = {
        "model": args.model.stem,
        "sha256": sha256(args.model),
        "llama_cpp": rival["kl"],
        "perplexity": {
            "text": "GPL-3",
            "text_sha256": sha256(GPL3),
            "context": PERPLEXITY_CONTEXT,
            "scored": rival["scored"],
            "reference": reference["perplexity"],
            "llama_cpp": rival["perplexity"],
        },
        "made_with": reference["made_with"] | rival["made_with"],
    }
    reference_file.write(args.out, header, sequences)
    summary = {k: v for k, v in header.items() if k != "sequences"}
    summary["positions"] = sum(len(w["tokens"]) for w in windows["sequences"])
    args.out.with_suffix(".json").write_text(json.dumps(summary, indent=2) + "\n")
    print(json.dumps(summary, indent=2))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--folder", type=pathlib.Path, help="keep the stages' files here; finished stages are not repeated"
    )
    parser.add_argument(
        "--no-reference-perplexity",
        action="store_true",
        help="leave out the reference's own perplexity, which only informs: it is most of a large model's time",
    )
    parser.add_argument("--stage", choices=["reference", "write"], help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.stage:
        {"reference": stage_reference, "write": stage_write}[args.stage](args)
        return

    llama, reference = peer("llama"), peer("reference")
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or pathlib.Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "plan.json").write_text(
            json.dumps(
                {
                    "windows": [(name, str(pathlib.Path(ROOT, text)), length) for name, text, length in WINDOWS],
                    "perplexity_text": GPL3,
                    "context": PERPLEXITY_CONTEXT,
                    "top": TOP,
                }
            )
        )
        rival = [llama, ROOT / "scripts/llamacpp_reference.py", args.model, folder, "--threads", str(args.threads)]
        own = [reference, __file__, args.model, args.out, "--threads", str(args.threads), "--folder", folder]
        if args.no_reference_perplexity:
            own.append("--no-reference-perplexity")
        subprocess.run([*rival, "windows"], check=True)
        if not (folder / "reference.json").exists():
            subprocess.run([*own, "--stage", "reference"], check=True)
        if not (folder / "llamacpp.json").exists():
            subprocess.run([*rival, "compare"], check=True)
        subprocess.run([*own, "--stage", "write"], check=True)


if __name__ == "__main__":
    main()
