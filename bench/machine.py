"""What the harnesses in this folder share: the binary, a model's file, and what machine this is."""

import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BEDPLATE = os.environ.get("BEDPLATE_BINARY", str(ROOT / "build/release/bin/bedplate"))


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
