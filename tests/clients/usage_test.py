"""One exchange through every dialect, streamed and not: each must count the same tokens, by its own definition.

Method: a prompt is sent once, so that the cache has it; then in each dialect's own words over plain HTTP, greedily. Of
each answer's usage: all of the prompt, what of it was cached, and the output. OpenAI's prompt_tokens include what was
cached; Anthropic's input_tokens and Bedrock's inputTokens don't. The texts must be equal, too. Bedrock's streams are
read by botocore's decoder.
"""

import base64
import contextlib
import http.client
import json
import os
import pathlib
import sys
import urllib.parse

import botocore.eventstream

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from bedplate_process import MODEL, Server  # noqa: E402
from runner import run  # noqa: E402

SYSTEM = "You answer in one short sentence."
QUESTIONS = ["What is the capital of France?", "Name a colour.", "Why is the sky blue? " * 20]
MOST = 24


def post(url, path, body):
    where = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=120)
    try:
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        raw = answer.read()
        assert answer.status == 200, (answer.status, raw)
        return raw
    finally:
        connection.close()


def server_sent(raw):
    lines = [line.removeprefix("data: ") for line in raw.decode().splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def messages_of(raw):
    buffer = botocore.eventstream.EventStreamBuffer()
    buffer.add_data(raw)
    return [(m.headers[":event-type"], json.loads(m.payload)) for m in buffer]


def of_openai(usage):
    reasoning = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens", 0)
    assert reasoning == 0, "this model doesn't reason"
    return usage["prompt_tokens"], usage["prompt_tokens_details"]["cached_tokens"], usage["completion_tokens"]


def of_anthropic(usage):
    cached = usage["cache_read_input_tokens"]
    return usage["input_tokens"] + cached, cached, usage["output_tokens"]


def of_bedrock(usage):
    cached = usage["cacheReadInputTokens"]
    assert usage["totalTokens"] == usage["inputTokens"] + cached + usage["outputTokens"], usage
    return usage["inputTokens"] + cached, cached, usage["outputTokens"]


def chat(question):
    turns = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question}]
    return {"model": MODEL, "messages": turns, "max_tokens": MOST, "temperature": 0}


def message(question):
    turns = [{"role": "user", "content": question}]
    return {"model": MODEL, "system": SYSTEM, "messages": turns, "max_tokens": MOST, "temperature": 0}


def converse(question):
    turns = [{"role": "user", "content": [{"text": question}]}]
    config = {"maxTokens": MOST, "temperature": 0}
    return {"system": [{"text": SYSTEM}], "messages": turns, "inferenceConfig": config}


def openai_whole(url, question):
    answer = json.loads(post(url, "/v1/chat/completions", chat(question)))
    return answer["choices"][0]["message"]["content"], of_openai(answer["usage"])


def openai_stream(url, question):
    body = chat(question) | {"stream": True, "stream_options": {"include_usage": True}}
    chunks = server_sent(post(url, "/v1/chat/completions", body))
    text = "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])
    return text, of_openai(chunks[-1]["usage"])


def anthropic_whole(url, question):
    answer = json.loads(post(url, "/v1/messages", message(question)))
    return answer["content"][0]["text"], of_anthropic(answer["usage"])


def anthropic_events(events):
    text = "".join(e["delta"]["text"] for e in events if e["type"] == "content_block_delta")
    return text, of_anthropic(next(e["usage"] for e in events if e["type"] == "message_delta"))


def anthropic_stream(url, question):
    return anthropic_events(server_sent(post(url, "/v1/messages", message(question) | {"stream": True})))


def bedrock_converse(url, question):
    answer = json.loads(post(url, f"/model/{MODEL}/converse", converse(question)))
    return answer["output"]["message"]["content"][0]["text"], of_bedrock(answer["usage"])


def bedrock_converse_stream(url, question):
    events = messages_of(post(url, f"/model/{MODEL}/converse-stream", converse(question)))
    text = "".join(event["delta"]["text"] for kind, event in events if kind == "contentBlockDelta")
    return text, of_bedrock(events[-1][1]["usage"])


def bedrock_invoke_anthropic(url, question):
    body = message(question) | {"anthropic_version": "bedrock-2023-05-31"}
    answer = json.loads(post(url, f"/model/{MODEL}/invoke", body))
    return answer["content"][0]["text"], of_anthropic(answer["usage"])


def bedrock_invoke_stream_anthropic(url, question):
    body = message(question) | {"anthropic_version": "bedrock-2023-05-31"}
    raw = post(url, f"/model/{MODEL}/invoke-with-response-stream", body)
    chunks = [json.loads(base64.b64decode(event["bytes"])) for _, event in messages_of(raw)]
    text, usage = anthropic_events(chunks)
    metrics = chunks[-1]["amazon-bedrock-invocationMetrics"]
    cached = metrics["cacheReadInputTokenCount"]
    assert usage == (metrics["inputTokenCount"] + cached, cached, metrics["outputTokenCount"]), (usage, metrics)
    return text, usage


WAYS = [
    openai_whole,
    openai_stream,
    anthropic_whole,
    anthropic_stream,
    bedrock_converse,
    bedrock_converse_stream,
    bedrock_invoke_anthropic,
    bedrock_invoke_stream_anthropic,
]


def test_same_usage(url):
    for question in QUESTIONS:
        first = openai_whole(url, question)[0]
        answers = {way.__name__: way(url, question) for way in WAYS}
        expected = answers["openai_whole"]
        prompt, cached, output = expected[1]
        assert expected[0] == first and 0 < cached < prompt and 0 < output <= MOST, expected
        for name, answer in answers.items():
            assert answer == expected, (name, answer, expected)
        print(f"    {len(WAYS)} ways: {prompt} prompt tokens, {cached} of them cached, {output} of output")


def main():
    with contextlib.ExitStack() as stack:
        url = os.environ.get("BEDPLATE_URL") or f"http://127.0.0.1:{stack.enter_context(Server()).port}"
        return run(globals(), lambda test: test(url), sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
