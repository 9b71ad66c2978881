"""One exchange through every dialect, streamed and not: each must count the same tokens, by its own definition.

Method: a prompt is sent once, so that the cache has it; then in each dialect's own words over plain HTTP, greedily. Of
each answer's usage: all of the prompt, what of it was cached, the output, and where the dialect has a word for it what of
that was reasoning. OpenAI's prompt_tokens include what was cached; Anthropic's input_tokens and Bedrock's inputTokens
don't. The texts must be equal, too. Bedrock's streams are read by botocore's decoder. Bodies that take raw text are given
what the template makes of the same messages.

None of the models at hand reasons by itself: for reasoning, a template opens <think> and shows an answer that closes it,
which the model copies.
"""

import base64
import contextlib
import http.client
import json
import os
import pathlib
import sys
import tempfile
import urllib.parse

import botocore.eventstream

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from bedplate_process import MODEL, private_server  # noqa: E402
from runner import run  # noqa: E402

SYSTEM = "You answer in one short sentence."
QUESTIONS = ["What is the capital of France?", "Name a colour.", "Why is the sky blue? " * 20]
MOST = 24


def ask(url, path, body):
    """(body, fields of the head)"""
    where = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=120)
    try:
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        raw = answer.read()
        assert answer.status == 200, (answer.status, raw)
        return raw, answer.headers
    finally:
        connection.close()


def post(url, path, body):
    return ask(url, path, body)[0]


def server_sent(raw):
    lines = [line.removeprefix("data: ") for line in raw.decode().splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def messages_of(raw):
    buffer = botocore.eventstream.EventStreamBuffer()
    buffer.add_data(raw)
    return [(m.headers[":event-type"], json.loads(m.payload)) for m in buffer]


# What each says: the text, the reasoning, (prompt, cached, output tokens), reasoning tokens. None: it has no word for it.


def of_openai(usage):
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"], usage
    tokens = usage["prompt_tokens"], usage["prompt_tokens_details"]["cached_tokens"], usage["completion_tokens"]
    return tokens, usage["completion_tokens_details"]["reasoning_tokens"]


def of_responses(usage):
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"], usage
    tokens = usage["input_tokens"], usage["input_tokens_details"]["cached_tokens"], usage["output_tokens"]
    return tokens, usage["output_tokens_details"]["reasoning_tokens"]


def of_anthropic(usage):
    cached = usage["cache_read_input_tokens"]
    return (usage["input_tokens"] + cached, cached, usage["output_tokens"]), None


def of_bedrock(usage):
    cached = usage["cacheReadInputTokens"]
    assert usage["totalTokens"] == usage["inputTokens"] + cached + usage["outputTokens"], usage
    return (usage["inputTokens"] + cached, cached, usage["outputTokens"]), None


def chat(question):
    turns = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question}]
    return {"model": MODEL, "messages": turns, "max_tokens": MOST, "temperature": 0}


def response(question):
    return {"model": MODEL, "instructions": SYSTEM, "input": question, "max_output_tokens": MOST, "temperature": 0}


def message(question):
    turns = [{"role": "user", "content": question}]
    return {"model": MODEL, "system": SYSTEM, "messages": turns, "max_tokens": MOST, "temperature": 0}


def converse(question):
    turns = [{"role": "user", "content": [{"text": question}]}]
    config = {"maxTokens": MOST, "temperature": 0}
    return {"system": [{"text": SYSTEM}], "messages": turns, "inferenceConfig": config}


def raw_text(question):
    """What the model's template makes of the same."""
    turns = [("system", SYSTEM), ("user", question)]
    return "".join(f"<|im_start|>{role}\n{text}<|im_end|>\n" for role, text in turns) + "<|im_start|>assistant\n"


USAGE_AT_END = {"stream_options": {"include_usage": True}}
STREAM = {"stream": True} | USAGE_AT_END


# ---- OpenAI's ----


def chat_answer(answer):
    said = answer["choices"][0]["message"]
    return said["content"], said.get("reasoning_content"), *of_openai(answer["usage"])


def chat_chunks(chunks):
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    text, reasoning = ("".join(d.get(name) or "" for d in deltas) for name in ("content", "reasoning_content"))
    return text, reasoning or None, *of_openai(chunks[-1]["usage"])


def completion_chunks(chunks):
    text = "".join(choice["text"] for chunk in chunks for choice in chunk["choices"])
    return text, None, *of_openai(chunks[-1]["usage"])


def openai_chat(url, question):
    return chat_answer(json.loads(post(url, "/v1/chat/completions", chat(question))))


def openai_chat_stream(url, question):
    return chat_chunks(server_sent(post(url, "/v1/chat/completions", chat(question) | STREAM)))


def completion(question):
    return {"model": MODEL, "prompt": raw_text(question), "max_tokens": MOST, "temperature": 0}


def openai_completion(url, question):
    answer = json.loads(post(url, "/v1/completions", completion(question)))
    return answer["choices"][0]["text"], None, *of_openai(answer["usage"])


def openai_completion_stream(url, question):
    return completion_chunks(server_sent(post(url, "/v1/completions", completion(question) | STREAM)))


def response_answer(answer):
    def of(kind):
        parts = [part["text"] for item in answer["output"] if item["type"] == kind for part in item["content"]]
        return "".join(parts) or None

    return of("message") or "", of("reasoning"), *of_responses(answer["usage"])


def openai_response(url, question):
    return response_answer(json.loads(post(url, "/v1/responses", response(question))))


def openai_response_stream(url, question):
    events = server_sent(post(url, "/v1/responses", response(question) | {"stream": True}))
    text = "".join(e["delta"] for e in events if e["type"] == "response.output_text.delta")
    told = response_answer(events[-1]["response"])
    assert told[0] == text, (told, text)
    return told


# ---- Anthropic's ----


def anthropic_answer(answer):
    def of(kind):
        return "".join(block[kind] for block in answer["content"] if block["type"] == kind)

    return of("text"), of("thinking") or None, *of_anthropic(answer["usage"])


def anthropic_events(events):
    deltas = [e["delta"] for e in events if e["type"] == "content_block_delta"]
    text, thinking = ("".join(d.get(kind, "") for d in deltas) for kind in ("text", "thinking"))
    return text, thinking or None, *of_anthropic(next(e["usage"] for e in events if e["type"] == "message_delta"))


def anthropic_whole(url, question):
    return anthropic_answer(json.loads(post(url, "/v1/messages", message(question))))


def anthropic_stream(url, question):
    return anthropic_events(server_sent(post(url, "/v1/messages", message(question) | {"stream": True})))


# ---- Bedrock's ----


def bedrock_converse(url, question):
    answer = json.loads(post(url, f"/model/{MODEL}/converse", converse(question)))
    blocks = answer["output"]["message"]["content"]
    text = "".join(block.get("text", "") for block in blocks)
    reasoning = "".join(b["reasoningContent"]["reasoningText"]["text"] for b in blocks if "reasoningContent" in b)
    return text, reasoning or None, *of_bedrock(answer["usage"])


def bedrock_converse_stream(url, question):
    events = messages_of(post(url, f"/model/{MODEL}/converse-stream", converse(question)))
    deltas = [event["delta"] for kind, event in events if kind == "contentBlockDelta"]
    text = "".join(delta.get("text", "") for delta in deltas)
    reasoning = "".join(delta.get("reasoningContent", {}).get("text", "") for delta in deltas)
    return text, reasoning or None, *of_bedrock(events[-1][1]["usage"])


def without_model(body):
    return {name: value for name, value in body.items() if name != "model"}


def invoked(url, body, tell):
    """InvokeModel; its own counts are in the head, and must be those of the body."""
    raw, fields = ask(url, f"/model/{MODEL}/invoke", body)
    names = ("Input", "Cache-Read-Input", "Output")
    prompt, cached, output = (int(fields[f"X-Amzn-Bedrock-{name}-Token-Count"]) for name in names)
    return tell(json.loads(raw), (prompt + cached, cached, output))


def invoked_stream(url, body, tell):
    """The same as a stream; its own counts are in the last chunk."""
    raw = post(url, f"/model/{MODEL}/invoke-with-response-stream", body)
    chunks = [json.loads(base64.b64decode(event["bytes"])) for _, event in messages_of(raw)]
    metrics = chunks[-1]["amazon-bedrock-invocationMetrics"]
    cached = metrics["cacheReadInputTokenCount"]
    return tell(chunks, (metrics["inputTokenCount"] + cached, cached, metrics["outputTokenCount"]))


def agreeing(read):
    """Reads what the body's form says, which must be what the invocation says."""

    def tell(content, tokens):
        told = read(content)
        assert told[2] == tokens, (told, tokens)
        return told

    return tell


def llama_answer(answer, tokens):
    assert (answer["prompt_token_count"], answer["generation_token_count"]) == (tokens[0], tokens[2]), (answer, tokens)
    return answer["generation"], None, tokens, None


def llama_chunks(chunks, tokens):
    assert chunks[-1]["generation_token_count"] == tokens[2], (chunks[-1], tokens)
    counts = [chunk["prompt_token_count"] for chunk in chunks if chunk.get("prompt_token_count") is not None]
    assert counts and set(counts) == {tokens[0]}, (counts, tokens)
    return "".join(chunk["generation"] for chunk in chunks), None, tokens, None


def anthropic_body(question):
    return message(question) | {"anthropic_version": "bedrock-2023-05-31"}


def llama_body(question):
    return {"prompt": raw_text(question), "max_gen_len": MOST, "temperature": 0}


def bedrock_invoke_anthropic(url, question):
    return invoked(url, anthropic_body(question), agreeing(anthropic_answer))


def bedrock_invoke_anthropic_stream(url, question):
    return invoked_stream(url, anthropic_body(question), agreeing(anthropic_events))


def bedrock_invoke_chat(url, question):
    return invoked(url, without_model(chat(question)), agreeing(chat_answer))


def bedrock_invoke_chat_stream(url, question):
    return invoked_stream(url, without_model(chat(question)) | USAGE_AT_END, agreeing(chat_chunks))


def bedrock_invoke_completion(url, question):
    def read(answer):
        return answer["choices"][0]["text"], None, *of_openai(answer["usage"])

    return invoked(url, without_model(completion(question)), agreeing(read))


def bedrock_invoke_completion_stream(url, question):
    return invoked_stream(url, without_model(completion(question)) | USAGE_AT_END, agreeing(completion_chunks))


def bedrock_invoke_llama(url, question):
    return invoked(url, llama_body(question), llama_answer)


def bedrock_invoke_llama_stream(url, question):
    return invoked_stream(url, llama_body(question), llama_chunks)


OF_MESSAGES = [
    openai_chat,
    openai_chat_stream,
    openai_response,
    openai_response_stream,
    anthropic_whole,
    anthropic_stream,
    bedrock_converse,
    bedrock_converse_stream,
    bedrock_invoke_anthropic,
    bedrock_invoke_anthropic_stream,
    bedrock_invoke_chat,
    bedrock_invoke_chat_stream,
]
OF_RAW_TEXT = [
    openai_completion,
    openai_completion_stream,
    bedrock_invoke_completion,
    bedrock_invoke_completion_stream,
    bedrock_invoke_llama,
    bedrock_invoke_llama_stream,
]
# Its last message before the answer shows how reasoning ends.
REASONING_TEMPLATE = """\
<|im_start|>user
Name a fruit.<|im_end|>
<|im_start|>assistant
<think>
An apple is a fruit.
</think>
Apple.<|im_end|>
<|im_start|>user
Name an animal.<|im_end|>
<|im_start|>assistant
<think>
A dog is an animal.
</think>
Dog.<|im_end|>
{% for message in messages if message.role != 'system' %}<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
<think>
{% endif %}"""


def compare(url, question, ways):
    first = openai_chat(url, question)
    answers = {way.__name__: way(url, question) for way in ways}
    expected = answers["openai_chat"]
    prompt, cached, output = expected[2]
    assert expected[:2] == first[:2] and 0 < cached < prompt and 0 < output <= MOST, (expected, first)
    for name, answer in answers.items():
        assert answer[:3] == expected[:3] and answer[3] in (None, expected[3]), (name, answer, expected)
    told = [name for name, answer in answers.items() if answer[3] is not None]
    print(
        f"    {len(ways)} ways: {prompt} prompt tokens, {cached} of them cached, {output} of output, "
        f"{expected[3]} of them reasoning, as {len(told)} ways tell"
    )
    return expected


def test_same_usage(url):
    for question in QUESTIONS:
        assert compare(url, question, OF_MESSAGES + OF_RAW_TEXT)[3] == 0, "this model doesn't reason"


def test_same_usage_with_reasoning(_):
    with tempfile.NamedTemporaryFile("w", suffix=".jinja") as template, contextlib.ExitStack() as stack:
        template.write(REASONING_TEMPLATE)
        template.flush()
        server = stack.enter_context(private_server("--chat-template", template.name))
        for question in ["Name a colour.", "Name a city."]:
            text, reasoning, (_, _, output), count = compare(f"http://127.0.0.1:{server.port}", question, OF_MESSAGES)
            assert text and reasoning and 0 < count < output, (text, reasoning, output, count)


def main():
    with contextlib.ExitStack() as stack:
        url = os.environ.get("BEDPLATE_URL") or f"http://127.0.0.1:{stack.enter_context(private_server()).port}"
        return run(globals(), lambda test: test(url), sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
