"""Claude Code's exchanges, written by hand: a file is made in four turns, of which each computes its new tokens alone.

Method: plain HTTP, in the shape in which Claude Code 2 asks: `?beta=true`, its headers, a billing line that changes with
every request in front of the system prompt, tools, cache_control that moves along, streams. What the calls say is done,
and told in the next turn. The calls are forced (`tool_choice`), since small models call no tool by themselves; the one
of BEDPLATE_MODEL must get the file's name and content right, but for the default one, which is too small for that.
"""

import contextlib
import http.client
import json
import os
import pathlib
import sys
import tempfile
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import bedplate_process  # noqa: E402
from runner import run  # noqa: E402

MODEL = os.environ.get("BEDPLATE_MODEL", bedplate_process.MODEL)
PAGE = 16  # tokens
# Of one request; a larger model reads its first prompt for minutes.
REQUEST_SECONDS_MAX = 300 if MODEL == bedplate_process.MODEL else 1800
FILE, CONTENT = "greeting.txt", "Hello from Bedplate."
WORKING_DIRECTORY = "/home/user/project"  # as the prompt says; a random one would be other tokens in each run
HEADERS = {
    "Content-Type": "application/json",
    "Authorization": "Bearer none",
    "User-Agent": "claude-cli/2.1.328 (external, cli)",
    "X-App": "cli",
    "anthropic-version": "2023-06-01",
    "anthropic-beta": "claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27",
    "anthropic-dangerous-direct-browser-access": "true",
}
EPHEMERAL = {"type": "ephemeral"}
RULES = (
    "You help with software: you read files, change them and run commands, with the tools that you have. Do what was asked, "
    "nothing more. Prefer to change a file over making a new one. Look at what a command has said before you go on. "
    "Keep your answers short, since they are shown in a terminal. "
)


def tool(name, description, **properties):
    schema = {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
    return {"name": name, "description": description, "input_schema": schema}


def text(description):
    return {"type": "string", "description": description, "maxLength": 120}


TOOLS = [
    tool("Bash", "Runs a command in the shell and gives what it says.", command=text("The command to run")),
    tool("Read", "Reads a file.", file_path=text("The absolute path of the file")),
    tool("Write", "Writes a file, and replaces one that is there.", file_path=text("The file's absolute path"), content=text("All of its content")),
]  # fmt: skip


class Conversation:
    def __init__(self, url):
        self._where = urllib.parse.urlsplit(url)
        self._turns, self._requests, self.usages = [], 0, []

    def _post(self, path, body):
        connection = http.client.HTTPConnection(self._where.hostname, self._where.port, timeout=REQUEST_SECONDS_MAX)
        try:
            connection.request("POST", path, json.dumps(body), HEADERS)
            answer = connection.getresponse()
            raw = answer.read().decode()
            assert answer.status == 200, (answer.status, raw)
            return raw
        finally:
            connection.close()

    def _prompt(self):
        self._requests += 1
        billing = f"x-anthropic-billing-header: cc_version=2.1.328.{self._requests:03}; cc_entrypoint=cli; cch={self._requests * 7919:05x};"
        environment = f"<env>\nWorking directory: {WORKING_DIRECTORY}\nPlatform: linux\n</env>"
        return {
            "model": MODEL,
            "system": [
                {"type": "text", "text": billing},
                {"type": "text", "text": "You are Claude Code, Anthropic's official CLI for Claude.", "cache_control": EPHEMERAL},
                {"type": "text", "text": RULES * 4 + environment, "cache_control": EPHEMERAL},
            ],
            "tools": TOOLS,
            "messages": self._marked(),
        }  # fmt: skip

    def _marked(self):
        """The turns, with cache_control on the last block of the last one."""
        *before, last = self._turns
        *blocks, end = last["content"]
        return [*before, last | {"content": [*blocks, end | {"cache_control": EPHEMERAL}]}]

    def say(self, *blocks, force=None):
        """Adds a user's turn, and gives the blocks of the answer."""
        self._turns.append({"role": "user", "content": list(blocks)})
        counted = json.loads(self._post("/v1/messages/count_tokens?beta=true", self._prompt()))["input_tokens"]
        body = self._prompt() | {
            "max_tokens": 300,
            "temperature": 0,
            "stream": True,
            "metadata": {"user_id": json.dumps({"device_id": "0" * 64, "session_id": "1"})},
            "context_management": {"edits": []},
        }
        if force:
            body["tool_choice"] = {"type": "tool", "name": force}
        message, usage = self._message(self._post("/v1/messages?beta=true", body))
        prompt = usage["input_tokens"] + usage["cache_read_input_tokens"]
        assert prompt == counted, (prompt, counted)
        self.usages.append((prompt, usage["input_tokens"], usage["output_tokens"]))
        self._turns.append({"role": "assistant", "content": message})
        return message

    @staticmethod
    def _message(raw):
        """The stream's blocks as Claude Code puts them together, and its usage."""
        lines = raw.splitlines()
        names = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
        events = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
        assert names == [event["type"] for event in events], "each event has its name"
        blocks, pieces, usage = [], [], None
        for event in events:
            match event["type"]:
                case "message_start":
                    usage = dict(event["message"]["usage"])
                case "content_block_start":
                    assert event["index"] == len(blocks), event
                    blocks.append(event["content_block"])
                    pieces.append("")
                case "content_block_delta":
                    delta = event["delta"]
                    pieces[event["index"]] += delta.get("text", "") + delta.get("partial_json", "")
                case "message_delta":
                    usage |= event["usage"]
        assert names[-1] == "message_stop", names
        for block, piece in zip(blocks, pieces):
            block["input" if block["type"] == "tool_use" else "text"] = json.loads(piece) if block["type"] == "tool_use" else piece
        return blocks, usage


def write(folder, call):
    """Does what a call of Write says; a small model's path may be anything, so it stays in the folder."""
    name = pathlib.PurePosixPath(call["input"]["file_path"]).name
    if name not in ("", "..") and "\0" not in name:
        (pathlib.Path(folder) / name).write_text(call["input"]["content"])


def result(call, said):
    return {"type": "tool_result", "tool_use_id": call["id"], "content": said}


def test_a_file_in_four_turns(url):
    with tempfile.TemporaryDirectory() as folder:
        talk = Conversation(url)
        asked = f"Create the file {FILE} in the working directory with exactly this content: {CONTENT}"
        reminder = "<system-reminder>\nThis folder has no CLAUDE.md.\n</system-reminder>"
        (call,) = talk.say({"type": "text", "text": reminder}, {"type": "text", "text": asked}, force="Write")
        assert call["type"] == "tool_use" and call["name"] == "Write", call
        assert list(call["input"]) == ["file_path", "content"], call
        write(folder, call)
        (call,) = talk.say(result(call, f"File created successfully at: {call['input']['file_path']}"), force="Read")
        assert call["name"] == "Read" and list(call["input"]) == ["file_path"], call
        (call,) = talk.say(result(call, f"     1\t{CONTENT}"), {"type": "text", "text": "Run `ls`, too."}, force="Bash")
        assert call["name"] == "Bash", call
        last = talk.say(result(call, FILE))
        assert last, "the last turn says something"
        print(f"    turns of {', '.join(f'{p} tokens ({new} computed)' for p, new, _ in talk.usages)}")
        for (before, _, _), (prompt, computed, _) in zip(talk.usages, talk.usages[1:]):
            assert computed <= prompt - before + PAGE, (talk.usages, "more than the new tokens and a page")
        if MODEL != bedplate_process.MODEL:
            assert (pathlib.Path(folder) / FILE).read_text().strip() == CONTENT, list(pathlib.Path(folder).iterdir())


def main():
    with contextlib.ExitStack() as stack:
        own = None if "BEDPLATE_URL" in os.environ else stack.enter_context(bedplate_process.private_server(model=MODEL))
        url = f"http://127.0.0.1:{own.port}" if own else os.environ["BEDPLATE_URL"]
        return run(globals(), lambda test: test(url), sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
