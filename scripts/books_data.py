"""Random books for proofs: a data folder that ledger_test fills, and the command that reads it."""

import json
import os
import pathlib
import shutil
import subprocess

import bedplate_process

ROOT = pathlib.Path(__file__).resolve().parent.parent


def ledger_test():
    """The unit tests' program: ./test's own (asan) where it is newer than the sources, else the dev preset's, built now."""
    sanitized = ROOT / "build/asan/bin/ledger_test"
    newest = max(p.stat().st_mtime for room in ("base", "ledger") for p in (ROOT / "src" / room).rglob("*.*"))
    if sanitized.exists() and sanitized.stat().st_mtime > newest:
        return sanitized
    subprocess.run(["cmake", "--preset", "dev", "-Wno-dev"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    build = ["cmake", "--build", "--preset", "dev", "--target", "ledger_test"]
    subprocess.run(build, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return ROOT / "build/dev/bin/ledger_test"


def random_history(operations, seed, fold_every, keep=None):
    """Runs one against the model; what it says of itself. keep: the data folder to leave the books in."""
    env = os.environ | {
        "BOOKS_OPERATIONS": str(operations),
        "BOOKS_FOLD_EVERY": str(fold_every),
        "TEST_SEED": str(seed),
        "GTEST_FILTER": "BooksModel.*",
    }
    if keep:
        shutil.rmtree(keep, ignore_errors=True)
        pathlib.Path(f"{keep}.ledger-head").unlink(missing_ok=True)
        env["BOOKS_KEEP"] = str(keep)
    done = subprocess.run([ledger_test()], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise SystemExit(f"the history from seed {seed} differs from its model:\n{done.stdout[-3000:]}")
    return next(line for line in done.stdout.splitlines() if " operations: " in line)


def tenant_commands(data, secret_file, *commands):
    """Runs each on the tenants of the data folder, where no server has them; returns their answers."""
    answers = []
    for command in commands:
        line = [bedplate_process.BINARY, *command, "--json", "--data", str(data), "--secret-file", str(secret_file)]
        answers.append(json.loads(subprocess.run(line, capture_output=True, text=True, check=True).stdout))
    return answers


def verify(data, secret_file=None):
    """(whether the books, and the audit of tenants, are right, the report); the report is None where there is none, for
    a damaged file. secret_file: of a folder with tenants."""
    line = [bedplate_process.BINARY, "ledger", "verify", "--json", "--data", str(data)]
    if secret_file:
        line += ["--secret-file", str(secret_file)]
    done = subprocess.run(line, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise SystemExit(f"bedplate ledger verify ended with {done.returncode}: {done.stderr}")
    report = json.loads(done.stdout) if done.stdout else None
    if report is not None and report["ok"] != (done.returncode == 0):
        raise SystemExit(f"bedplate ledger verify says ok: {report['ok']}, and ends with {done.returncode}")
    return done.returncode == 0, report
