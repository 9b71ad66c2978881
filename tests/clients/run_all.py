"""Runs the clients' tests one after another against one server, and adds up what they report. A suite that takes more
than ten minutes is killed, with all that it started, and counts as one failure; so does one that ends badly by itself.

    run_all.py [NAME...]    only the tests whose name contains one of these

BEDPLATE_FRAMEWORKS: the Python that has LangChain and LiteLLM; without it their tests are left out.
"""

import contextlib
import os
import pathlib
import re
import signal
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "scripts"))
from bedplate_process import private_server  # noqa: E402
import error_server  # noqa: E402
import time_limit  # noqa: E402

SUITE_SECONDS_MAX = 600  # all of them together take one minute on 2 cores
TYPESCRIPT = ["node", "anthropic_test.mjs"]
ERROR_CLASSES = [sys.executable, "error_classes_test.py"]
FRAMEWORKS = os.environ.get("BEDPLATE_FRAMEWORKS")
FIRST_MAJORS = pathlib.Path(sys.prefix) / "first_majors"
SUITES = [
    ("openai, Python", [sys.executable, "openai_test.py"], {}),
    ("openai, Node", ["node", "openai_test.mjs"], {}),
    ("openai, Node: Responses", ["node", "openai_responses_test.mjs"], {}),
    ("anthropic, Python", [sys.executable, "anthropic_test.py"], {}),
    ("anthropic, Python, first major", [sys.executable, "anthropic_test.py"], {"PYTHONPATH": str(FIRST_MAJORS)}),
    ("Claude Code's exchanges", [sys.executable, "claude_code_test.py"], {}),
    ("boto3", [sys.executable, "bedrock_test.py"], {}),
    ("@aws-sdk/client-bedrock-runtime", ["node", "bedrock_test.mjs"], {}),
    ("/openapi.json", [sys.executable, "openapi_test.py"], {}),
    ("keys, limits and TLS, Python", [sys.executable, "keys_test.py"], {}),
    ("faults, Python", [sys.executable, "faults_test.py"], {}),
    ("anthropic, TypeScript", TYPESCRIPT, {"ANTHROPIC_SDK": "@anthropic-ai/sdk"}),
    ("anthropic, TypeScript, first major", TYPESCRIPT, {"ANTHROPIC_SDK": "anthropic-sdk-first-major"}),
    ("Vercel AI SDK", ["node", "vercel_test.mjs"], {}),
    ("error classes, Python", ERROR_CLASSES, {}),
    ("error classes, Python, first major", ERROR_CLASSES, {"PYTHONPATH": str(FIRST_MAJORS)}),
    ("error classes, TypeScript", ["node", "error_classes_test.mjs"], {}),
]
if FRAMEWORKS:
    SUITES += [
        ("langchain-openai, -anthropic, -aws", [FRAMEWORKS, "langchain_test.py"], {}),
        ("litellm", [FRAMEWORKS, "litellm_test.py"], {}),
        ("error classes, LangChain and LiteLLM", [FRAMEWORKS, "framework_errors_test.py"], {}),
    ]


def run(command, environment):
    """(exit status, None past its limit; the lines that it printed)"""
    # A file and no pipe: what a killed suite left running can't keep us waiting for its end.
    with tempfile.TemporaryFile() as output:
        status = time_limit.run(command, SUITE_SECONDS_MAX, cwd=HERE, env=os.environ | environment, stdout=output)
        output.seek(0)
        return status, output.read().decode(errors="replace").rstrip().splitlines()


def main():
    # Whoever ends us ends the suite, too, which has a process group of its own.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    wanted = sys.argv[1:]
    passed = failed = 0
    with contextlib.ExitStack() as stack:
        url = os.environ.get("BEDPLATE_URL") or f"http://127.0.0.1:{stack.enter_context(private_server()).port}"
        errors = stack.enter_context(error_server.errors_of(url))
        for name, command, environment in SUITES:
            print(f"--- {name}", flush=True)
            status, lines = run(command + wanted, environment | errors | {"BEDPLATE_URL": url})
            count = re.fullmatch(r"(\d+) passed, (\d+) failed", lines[-1]) if lines else None
            print("\n".join(lines[:-1] if count else lines), flush=True)
            suite_passed, suite_failed = map(int, count.groups()) if count else (0, 0)
            passed, failed = passed + suite_passed, failed + suite_failed
            # A suite of which no test is wanted says so with its status.
            idle = wanted and status == 1 and not suite_passed
            if status is None:
                wrong = f"not done in {SUITE_SECONDS_MAX} s, and killed"
            elif not count:
                wrong = f"exit status {status} without a line 'N passed, N failed'"
            elif status and not suite_failed and not idle:
                wrong = f"exit status {status}, though no test failed"
            else:
                continue
            print(f"FAILED  {name}: {wrong}", flush=True)
            failed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
