"""Codex and opencode, unmodified, each make a file through the server, without a network.

Method: the agent gets a home and a folder of its own, a server with qwen2.5-coder-1.5b as its only provider, and one
task. Between both is a proxy that keeps every exchange (recording_proxy.py). The model is too small to call a tool by
itself, so the proxy adds `tool_choice` to the first two turns, which the server enforces, and `temperature: 0` to all;
what the call's arguments are, and the last turn, is the model's. Retries are off where the agent can be told so, and
looked for in its log.

Runs inside `unshare --map-root-user --net` (run.sh): there is loopback and nothing else. Ends with `N passed, N failed`.
"""

import fcntl
import json
import os
import pathlib
import re
import socket
import struct
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "scripts"))
sys.path.insert(0, str(HERE.parent / "clients"))
from bedplate_process import private_server  # noqa: E402
from recording_proxy import RecordingProxy  # noqa: E402
from runner import run  # noqa: E402

MODEL = "qwen2.5-coder-1.5b"
PAGE = 16  # tokens
FILE, CONTENT = "hello.txt", "bedplate"
TASK = f"Create a file named {FILE} with the content: {CONTENT}. Then run the command `cat {FILE}` to check it."


def packaged(pattern):
    """The one program of that name that npm has brought for this machine."""
    found = sorted((HERE / "node_modules").glob(pattern))
    assert found, f"no {pattern} in {HERE}/node_modules"
    return str(found[0])


def run_agent(command, home, **environment):
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TERM") if name in os.environ}
    return subprocess.run(
        command,
        env=kept | {"HOME": str(home)} | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=3600,
    )


def check_turns(usages):
    """usages: (prompt, cached) tokens of each turn."""
    told = ", ".join(f"{prompt} tokens ({prompt - cached} computed)" for prompt, cached in usages)
    print(f"    {len(usages)} turns: {told}", flush=True)
    assert len(usages) >= 3, "too few turns"
    for (before, _), (prompt, cached) in zip(usages, usages[1:]):
        assert prompt > before and prompt - cached <= prompt - before + PAGE, "more than the new tokens and a page"


def check_file(folder):
    assert (folder / FILE).read_text().strip() == CONTENT, (folder / FILE).read_text()


def check_log(server):
    """Nothing of the API was answered but with 200."""
    lines = [json.loads(line) for line in server.output().splitlines() if line.startswith("{")]
    asked = [line for line in lines if line["message"] == "request" and line["path"].startswith("/v1/")]
    assert len(asked) >= 3 and all(line["status"] == "200" for line in asked), asked


def forced(*names, chat):
    """What the proxy does to a turn's body: a call of the tool that the turn has the name of, and no chance."""

    def change(body, turn):
        body = body | {"temperature": 0}
        if turn < len(names):
            function = {"name": names[turn]}
            body |= {"tool_choice": {"type": "function"} | ({"function": function} if chat else function)}
        return body

    return change


def test_codex(server):
    with tempfile.TemporaryDirectory() as home, RecordingProxy(server.port, forced("exec_command", "exec_command", chat=False)) as proxy:
        settings, folder = pathlib.Path(home) / "codex", pathlib.Path(home) / "work"
        settings.mkdir()
        folder.mkdir()
        (settings / "config.toml").write_text(f"""
model = "{MODEL}"
model_provider = "bedplate"
approval_policy = "never"
sandbox_mode = "danger-full-access"
[analytics]
enabled = false
[model_providers.bedplate]
name = "Bedplate"
base_url = "http://127.0.0.1:{proxy.port}/v1"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0
stream_idle_timeout_ms = 3600000
""")
        codex = packaged("@openai/codex-linux-*/vendor/*/bin/codex")
        command = [codex, "exec", "--skip-git-repo-check", "--json", "--cd", str(folder), TASK]
        done = run_agent(command, home, CODEX_HOME=str(settings), RUST_LOG="info")
        events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        kinds = [event["type"] for event in events]
        assert done.returncode == 0 and kinds[-1] == "turn.completed", (done.stdout[-3000:], done.stderr[-3000:])
        # The one thing that it complains of: it has no settings of its own for this model.
        errors = [event for event in events if "error" in (event["type"], event.get("item", {}).get("type"))]
        assert all("Model metadata" in json.dumps(event) for event in errors), errors
        retries = set(re.findall(r"sampling_retry_count=(\d+)", done.stderr))
        assert retries == {"0"}, f"retries: {retries}"
        assert not re.search(r"(?i)failed to parse|parse error|retrying", done.stderr), done.stderr
        finished = [exchange.events()[-1] for exchange in proxy.turns("/v1/responses")]
        assert all(last["type"] == "response.completed" for last in finished), finished
        usages = [last["response"]["usage"] for last in finished]
        check_turns([(u["input_tokens"], u["input_tokens_details"]["cached_tokens"]) for u in usages])
        check_file(folder)
        check_log(server)


def test_opencode(server):
    with tempfile.TemporaryDirectory() as home, RecordingProxy(server.port, forced("write", "bash", chat=True)) as proxy:
        settings, folder = pathlib.Path(home) / ".config/opencode", pathlib.Path(home) / "work"
        settings.mkdir(parents=True)
        folder.mkdir()
        provider = {
            "npm": "@ai-sdk/openai-compatible",
            "name": "Bedplate",
            "options": {"baseURL": f"http://127.0.0.1:{proxy.port}/v1", "apiKey": "none", "timeout": False},
            "models": {MODEL: {"name": MODEL, "limit": {"context": 32768, "output": 1024}}},
        }
        config = {"model": f"bedplate/{MODEL}", "small_model": f"bedplate/{MODEL}", "provider": {"bedplate": provider}}
        config |= {"autoupdate": False, "share": "disabled", "snapshot": False}
        (settings / "opencode.json").write_text(json.dumps(config))
        opencode = packaged("opencode-linux-*/bin/opencode")
        command = [opencode, "run", "--print-logs", "--format", "json", "--auto", "--title", "a file"]
        off = {f"OPENCODE_DISABLE_{name}": "1" for name in ("MODELS_FETCH", "AUTOUPDATE", "LSP_DOWNLOAD", "DEFAULT_PLUGINS")}
        done = run_agent([*command, "--dir", str(folder), TASK], home, **off)
        events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        assert done.returncode == 0 and events, (done.stdout[-3000:], done.stderr[-3000:])
        assert not [event for event in events if event["type"] == "error"], events
        complaints = [line for line in done.stderr.splitlines() if "level=ERROR" in line or "retry" in line.lower()]
        assert not complaints, complaints
        turns = proxy.turns("/v1/chat/completions")
        assert all(turn.answer.rstrip().endswith(b"data: [DONE]") for turn in turns), [turn.answer[-300:] for turn in turns]
        usages = [turn.events()[-1]["usage"] for turn in turns]
        check_turns([(u["prompt_tokens"], u["prompt_tokens_details"]["cached_tokens"]) for u in usages])
        check_file(folder)
        check_log(server)


def only_loopback():
    """Brings up the loopback of this network namespace, and makes sure that there is nothing else."""
    with socket.socket() as s:
        request = struct.pack("16sh", b"lo", 1)  # IFF_UP
        fcntl.ioctl(s, 0x8914, request.ljust(40, b"\0"))  # SIOCSIFFLAGS
    names = [name for _, name in socket.if_nameindex()]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        reached = s.connect_ex(("192.0.2.1", 9)) == 0
    assert not reached, f"there is a network here: {names}; start this by tests/agents/run.sh"


def main():
    only_loopback()
    with private_server(model=MODEL) as server:
        return run(globals(), lambda test: test(server), sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
