"""What the official SDKs show when the server can't answer: still loading, full, without memory, killed; and what a
stream that was cancelled leaves behind.

Method: servers of its own, each brought into that state from outside: asked while it packs its weights, with a queue of
one, under a limit of memory, ended with SIGKILL. A cancelled stream's pages are looked for in /metrics, by the engine's count of steps.
"""

import contextlib
import json
import os
import pathlib
import re
import resource
import sys
import tempfile
import threading
import time

import anthropic
import boto3
import openai
from botocore.config import Config

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from bedplate_process import MODEL, Server, free_port, model_path  # noqa: E402
from runner import raises, run  # noqa: E402

QUESTION = [{"role": "user", "content": "Tell me a long story."}]
CHAT = {"model": MODEL, "messages": QUESTION, "max_tokens": 2000, "extra_body": {"ignore_eos": True}}
RESPONSE = {"model": MODEL, "input": QUESTION, "max_output_tokens": 2000, "extra_body": {"ignore_eos": True}}
# These APIs can't ask for an answer that goes on; one that is held to a long list does.
LONG = {"type": "array", "items": {"enum": ["word"]}, "minItems": 500}
FORMAT = {"output_config": {"format": {"type": "json_schema", "schema": LONG}}}
MESSAGE = {"model": MODEL, "messages": QUESTION, "max_tokens": 2000, "extra_body": FORMAT}
STRUCTURE = {"type": "json_schema", "structure": {"jsonSchema": {"name": "long", "schema": json.dumps(LONG)}}}
CONVERSE = {
    "modelId": MODEL,
    "messages": [{"role": "user", "content": [{"text": "Tell me a long story."}]}],
    "inferenceConfig": {"maxTokens": 2000},
    "outputConfig": {"textFormat": STRUCTURE},
}
FEW, FEW_TOKENS = {"max_tokens": 1}, {"inferenceConfig": {"maxTokens": 1}}  # where the answer is not looked at
LOADING_TRIES = 20


class Clients:
    """The SDKs' clients of one server; they are there before it is, since making them takes its time."""

    def __init__(self, port):
        url = f"http://127.0.0.1:{port}"
        self.openai = openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=60)
        self.anthropic = anthropic.Anthropic(base_url=url, api_key="none", max_retries=0, timeout=60)
        self.bedrock = boto3.client(
            "bedrock-runtime",
            endpoint_url=url,
            region_name="eu-west-1",
            aws_access_key_id="none",
            aws_secret_access_key="none",
            config=Config(retries={"total_max_attempts": 1}, read_timeout=60),
        )


@contextlib.contextmanager
def served(data, *arguments):
    port = free_port()
    clients = Clients(port)
    with Server("--threads", 1, *arguments, model=model_path(), data=data, port=port) as server:
        yield clients, server


def retry_after(error):
    return int(error.response.headers["retry-after"])


def wait_until(holds, what):
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, f"not in 20 seconds: {what}"
        time.sleep(0.005)


def asked_while_loading(data, ask):
    """The error of `ask(clients)` at a server that loads its model before and after; servers that were done are no evidence."""
    for _ in range(LOADING_TRIES):
        port = free_port()
        clients = Clients(port)
        server = Server("--threads", 1, "--no-packed-cache", model=model_path(), data=data, port=port)
        try:
            wait_until(lambda: listens(server), "the server listens")
            error = None
            try:
                ask(clients)
            except Exception as caught:  # noqa: BLE001: the test says which it must be
                error = caught
            if server.request("GET", "/ready", timeout=5)[0] != 200:
                assert error, "an answer from a server that loads its model"
                return error
        finally:
            server.kill()
    raise AssertionError(f"{LOADING_TRIES} servers had loaded their model before they answered; none was asked in time")


def listens(server):
    assert server.process.poll() is None, f"the server ended:\n{server.output()}"
    with contextlib.suppress(OSError):
        return server.request("GET", "/health", timeout=5)[0] == 200
    return False


def test_still_loading(data):
    """Each SDK asks a server of its own, since loading takes less than a second."""
    with raises(openai.InternalServerError, "still loading", code="model_loading") as caught:
        raise asked_while_loading(data, lambda clients: clients.openai.chat.completions.create(**CHAT | FEW))
    assert caught.error.status_code == 503 and 1 <= retry_after(caught.error) <= 60
    with raises(anthropic.InternalServerError, "still loading") as caught:
        raise asked_while_loading(data, lambda clients: clients.anthropic.messages.create(**MESSAGE | FEW))
    assert caught.error.status_code == 529 and 1 <= retry_after(caught.error) <= 60
    assert caught.error.body["error"]["type"] == "overloaded_error", caught.error.body
    error = asked_while_loading(data, lambda clients: clients.bedrock.converse(**CONVERSE | FEW_TOKENS))
    assert error.response["Error"]["Code"] == "ModelNotReadyException", error.response
    assert "still loading" in str(error), error


def test_a_full_queue(data):
    with served(data, "--sequences", 1, "--queue", 1) as (clients, server):
        # A stream has no head before its first token, so the one that waits needs a thread to wait in.
        running = clients.openai.chat.completions.create(**CHAT, stream=True)
        waiting = threading.Thread(target=lambda: clients.openai.chat.completions.create(**CHAT, stream=True).close())
        waiting.start()
        wait_until(lambda: server.metric("bedplate_requests_waiting") == 1, "one waits")
        with raises(openai.RateLimitError, code="queue_full") as caught:
            clients.openai.chat.completions.create(**CHAT)
        assert 1 <= retry_after(caught.error) <= 60 and caught.error.response.headers["x-should-retry"] == "true"
        with raises(anthropic.InternalServerError) as caught:
            clients.anthropic.messages.create(**MESSAGE)
        assert caught.error.status_code == 529 and 1 <= retry_after(caught.error) <= 60
        assert caught.error.body["error"]["type"] == "overloaded_error", caught.error.body
        with raises(clients.bedrock.exceptions.ThrottlingException):
            clients.bedrock.converse(**CONVERSE)
        running.close()
        waiting.join()


def test_no_memory(data):
    """What a request can't be read for is a 500, which SDKs try again, and nobody else's."""
    long = [{"role": "user", "content": "word " * 1_500_000}]
    with served(data) as (clients, server):
        assert clients.openai.chat.completions.create(**CHAT | {"max_tokens": 1}).usage.completion_tokens == 1
        status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
        addresses = int(re.search(r"VmSize:\s+(\d+) kB", status)[1]) * 1024
        # A few MiB more than it has: enough for the body, too little for reading it.
        resource.prlimit(server.process.pid, resource.RLIMIT_AS, (addresses + 4 * 1024 * 1024, resource.RLIM_INFINITY))
        with raises(openai.InternalServerError, code="out_of_memory") as caught:
            clients.openai.chat.completions.create(**CHAT | {"messages": long})
        assert caught.error.status_code == 500, caught.error
        with raises(anthropic.InternalServerError) as caught:
            clients.anthropic.messages.create(**MESSAGE | {"messages": long})
        assert caught.error.status_code == 500 and caught.error.body["error"]["type"] == "api_error", caught.error.body
        with raises(clients.bedrock.exceptions.InternalServerException):
            clients.bedrock.converse(modelId=MODEL, messages=[{"role": "user", "content": [{"text": long[0]["content"]}]}])
        resource.prlimit(server.process.pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert clients.openai.chat.completions.create(**CHAT | {"max_tokens": 1}).usage.completion_tokens == 1


def test_a_killed_server_is_no_ending(data):
    """A stream that was cut is an error in each SDK, never an answer that looks whole."""
    with served(data) as (clients, server):
        chat = clients.openai.chat.completions.create(**CHAT, stream=True)
        response = clients.openai.responses.create(**RESPONSE, stream=True)
        message = clients.anthropic.messages.create(**MESSAGE, stream=True)
        converse = clients.bedrock.converse_stream(**CONVERSE)["stream"]
        streams = [iter(stream) for stream in (chat, response, message, converse)]
        for stream in streams:
            next(stream)
        server.kill()
        for stream in streams:
            try:
                for _ in stream:
                    pass
            except Exception as error:  # noqa: BLE001: some SDKs give what their HTTP library says
                assert not isinstance(error, AssertionError), error
            else:
                raise AssertionError(f"{stream} ended as if it were whole")
        with raises(openai.APIConnectionError):
            clients.openai.models.list()
        with raises(anthropic.APIConnectionError):
            clients.anthropic.models.list()


def test_a_cancelled_stream_frees_its_pages(data):
    used, steps = ("bedplate_pages", 'state="used"'), ("bedplate_steps_total",)
    with served(data) as (clients, server):
        for begin in (
            lambda: clients.openai.chat.completions.create(**CHAT, stream=True),
            lambda: clients.openai.responses.create(**RESPONSE, stream=True),
            lambda: clients.anthropic.messages.create(**MESSAGE, stream=True),
            lambda: clients.bedrock.converse_stream(**CONVERSE)["stream"],
        ):
            stream = begin()
            events = iter(stream)
            for _ in range(6):
                next(events)
            assert server.metric(*used) > 0, "a stream that runs has pages"
            stream.close()
            before = server.metric(*steps)
            wait_until(lambda: server.metric(*used) == 0, "a cancelled stream has no pages")
            # The step that ran when the connection was closed, and one that began while that was on its way.
            assert server.metric(*steps) - before <= 2, f"{server.metric(*steps) - before} steps until its pages were free"


def main():
    os.environ.pop("BEDPLATE_URL", None)
    with tempfile.TemporaryDirectory() as data:
        return run(globals(), lambda test: test(data), sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
