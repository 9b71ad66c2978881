"""One exchange in the words of every API, streamed and not, and what each answer tells of it: the texts, the call, and
the tokens by kind. For tests that hold the APIs to each other.

WAYS is the list, with the aliases under which Bedrock's host has the other APIs. Bodies that take raw text are given what
the template of smollm2-135m makes of the same messages. Bedrock's streams are read by botocore's decoder.
"""

import base64
import dataclasses
import http.client
import json
import time
import urllib.parse

import botocore.eventstream
from bedplate_process import MODEL

SYSTEM = "You answer in one short sentence."
TOOL = "note"
ANSWER_SECONDS_MAX = 600  # only ends what hangs: a busy machine is no failure


@dataclasses.dataclass(frozen=True)
class Exchange:
    question: str
    most: int = 24  # tokens of the answer
    stop: str = ""  # what ends it
    schema: str = ""  # JSON Schema that the answer fits
    arguments: str = ""  # JSON Schema of the arguments of TOOL, which must be called
    choices: int = 1

    def has(self):
        """What not every form has words for."""
        names = {"stop": self.stop, "schema": self.schema, "tool": self.arguments, "choices": self.choices > 1}
        return {name for name, asked in names.items() if asked}


@dataclasses.dataclass(frozen=True)
class Told:
    """What an answer says. None: it has no word for that, or wasn't asked for it."""

    text: str  # of all choices
    call: str = ""  # the tool's name and arguments
    reasoning: str | None = None
    tokens: tuple | None = None  # all of the prompt, what of it was cached, all of the output
    reasoning_tokens: int | None = None

    def agrees(self, other):
        same = (self.text, self.call, self.reasoning) == (other.text, other.call, other.reasoning)
        return same and all(
            one is None or two is None or one == two
            for one, two in ((self.tokens, other.tokens), (self.reasoning_tokens, other.reasoning_tokens))
        )


class Client:
    """Who asks, over plain HTTP. key: none where the server lets everybody in."""

    def __init__(self, url, key=None):
        self.where, self.key = urllib.parse.urlsplit(url), key

    def ask(self, path, body=None):
        """(the answer's bytes, fields of its head); a POST where there is a body."""
        connection = http.client.HTTPConnection(self.where.hostname, self.where.port, timeout=ANSWER_SECONDS_MAX)
        fields = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {self.key}"} if self.key else {})
        try:
            connection.request("POST" if body else "GET", path, json.dumps(body) if body else None, fields)
            answer = connection.getresponse()
            raw = answer.read()
            assert answer.status == 200, (path, answer.status, raw)
            return raw, answer.headers
        finally:
            connection.close()


def call_text(name, arguments):
    """arguments: an object, or its JSON."""
    parsed = json.loads(arguments) if isinstance(arguments, str) else arguments
    return f"{name}({json.dumps(parsed, sort_keys=True)})"


def raw_text(question):
    """What the model's template makes of the messages."""
    turns = [("system", SYSTEM), ("user", question)]
    return "".join(f"<|im_start|>{role}\n{text}<|im_end|>\n" for role, text in turns) + "<|im_start|>assistant\n"


def turns_of(question, content=lambda text: text):
    return [{"role": "user", "content": content(question)}]


# Each form: a body, and how its answer and its stream's pieces are read.


class Chat:
    has = {"stop", "schema", "tool", "choices"}
    usage_at_end = {"stream_options": {"include_usage": True}}
    streaming = {"stream": True}

    def body(self, e):
        turns = [{"role": "system", "content": SYSTEM}, *turns_of(e.question)]
        body = {"model": MODEL, "messages": turns, "max_tokens": e.most, "temperature": 0}
        if e.arguments:
            function = {"name": TOOL, "parameters": json.loads(e.arguments)}
            body |= {"tools": [{"type": "function", "function": function}], "tool_choice": "required"}
        return body | self.shared(e)

    def shared(self, e):
        """What OpenAI's completions have, too."""
        more = {}
        if e.stop:
            more["stop"] = [e.stop]
        if e.schema:
            schema = {"name": "answer", "schema": json.loads(e.schema)}
            more["response_format"] = {"type": "json_schema", "json_schema": schema}
        if e.choices > 1:
            more["n"] = e.choices
        return more

    def usage(self, usage):
        if usage is None:
            return {}
        assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"], usage
        tokens = usage["prompt_tokens"], usage["prompt_tokens_details"]["cached_tokens"], usage["completion_tokens"]
        return {"tokens": tokens, "reasoning_tokens": usage["completion_tokens_details"]["reasoning_tokens"]}

    def whole(self, answer):
        said = [choice["message"] for choice in answer["choices"]]
        calls = [call["function"] for message in said for call in message.get("tool_calls") or []]
        return Told(
            "|".join(message["content"] or "" for message in said),
            "".join(call_text(call["name"], call["arguments"]) for call in calls),
            said[0].get("reasoning_content"),
            **self.usage(answer["usage"]),
        )

    def pieces(self, chunks):
        choices = [choice for chunk in chunks for choice in chunk["choices"]]

        def of(index, name):
            return "".join(c["delta"].get(name) or "" for c in choices if c["index"] == index)

        functions = [call["function"] for c in choices for call in c["delta"].get("tool_calls") or []]
        name, arguments = ("".join(f.get(part) or "" for f in functions) for part in ("name", "arguments"))
        return Told(
            "|".join(of(index, "content") for index in range(1 + max(c["index"] for c in choices))),
            call_text(name, arguments) if name else "",
            of(0, "reasoning_content") or None,
            **self.usage(chunks[-1].get("usage")),
        )


class Completion(Chat):
    has = {"stop", "schema", "choices"}

    def body(self, e):
        body = {"model": MODEL, "prompt": raw_text(e.question), "max_tokens": e.most, "temperature": 0}
        return body | self.shared(e)

    def whole(self, answer):
        return Told("|".join(choice["text"] for choice in answer["choices"]), **self.usage(answer["usage"]))

    def pieces(self, chunks):
        choices = [choice for chunk in chunks for choice in chunk["choices"]]
        count = 1 + max(choice["index"] for choice in choices)
        texts = ("".join(c["text"] for c in choices if c["index"] == index) for index in range(count))
        return Told("|".join(texts), **self.usage(chunks[-1].get("usage")))


class Response:
    has = {"stop", "schema", "tool"}
    usage_at_end = {}
    streaming = {"stream": True}

    def body(self, e):
        body = {"model": MODEL, "instructions": SYSTEM, "input": e.question}
        body |= {"max_output_tokens": e.most, "temperature": 0}
        if e.stop:
            body["stop"] = [e.stop]
        if e.schema:
            schema = {"type": "json_schema", "name": "answer", "schema": json.loads(e.schema)}
            body["text"] = {"format": schema}
        if e.arguments:
            tool = {"type": "function", "name": TOOL, "parameters": json.loads(e.arguments)}
            body |= {"tools": [tool], "tool_choice": "required"}
        return body

    def whole(self, answer):
        def of(kind):
            parts = [part["text"] for item in answer["output"] if item["type"] == kind for part in item["content"]]
            return "".join(parts)

        calls = [item for item in answer["output"] if item["type"] == "function_call"]
        usage = answer["usage"]
        assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"], usage
        return Told(
            of("message"),
            "".join(call_text(call["name"], call["arguments"]) for call in calls),
            of("reasoning") or None,
            (usage["input_tokens"], usage["input_tokens_details"]["cached_tokens"], usage["output_tokens"]),
            usage["output_tokens_details"]["reasoning_tokens"],
        )

    def pieces(self, events):
        told = self.whole(events[-1]["response"])
        text = "".join(e["delta"] for e in events if e["type"] == "response.output_text.delta")
        assert told.text == text, (told, text)
        return told


class Message:
    has = {"stop", "schema", "tool"}
    usage_at_end = {}
    streaming = {"stream": True}

    def body(self, e):
        body = {"model": MODEL, "system": SYSTEM, "messages": turns_of(e.question)}
        body |= {"max_tokens": e.most, "temperature": 0}
        if e.stop:
            body["stop_sequences"] = [e.stop]
        if e.schema:
            body["output_config"] = {"format": {"type": "json_schema", "schema": json.loads(e.schema)}}
        if e.arguments:
            tool = {"name": TOOL, "input_schema": json.loads(e.arguments)}
            body |= {"tools": [tool], "tool_choice": {"type": "any"}}
        return body

    def usage(self, usage):
        cached = usage["cache_read_input_tokens"]
        return usage["input_tokens"] + cached, cached, usage["output_tokens"]

    def whole(self, answer):
        def of(kind):
            return "".join(block[kind] for block in answer["content"] if block["type"] == kind)

        calls = [call_text(b["name"], b["input"]) for b in answer["content"] if b["type"] == "tool_use"]
        return Told(of("text"), "".join(calls), of("thinking") or None, self.usage(answer["usage"]))

    def pieces(self, events):
        deltas = [e["delta"] for e in events if e["type"] == "content_block_delta"]
        text, thinking, arguments = (
            "".join(delta.get(kind, "") for delta in deltas) for kind in ("text", "thinking", "partial_json")
        )
        blocks = [e["content_block"] for e in events if e["type"] == "content_block_start"]
        names = [block["name"] for block in blocks if block["type"] == "tool_use"]
        usage = next(e["usage"] for e in events if e["type"] == "message_delta")
        return Told(text, call_text(*names, arguments) if names else "", thinking or None, self.usage(usage))


class Converse:
    has = {"stop", "schema", "tool"}
    usage_at_end = {}
    streaming = {}

    def body(self, e):
        config = {"maxTokens": e.most, "temperature": 0}
        if e.stop:
            config["stopSequences"] = [e.stop]
        turns = turns_of(e.question, lambda text: [{"text": text}])
        body = {"system": [{"text": SYSTEM}], "messages": turns, "inferenceConfig": config}
        if e.schema:
            structure = {"jsonSchema": {"name": "answer", "schema": e.schema}}
            body["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": structure}}
        if e.arguments:
            tool = {"name": TOOL, "inputSchema": {"json": json.loads(e.arguments)}}
            body["toolConfig"] = {"tools": [{"toolSpec": tool}], "toolChoice": {"any": {}}}
        return body

    def usage(self, usage):
        cached = usage["cacheReadInputTokens"]
        assert usage["totalTokens"] == usage["inputTokens"] + cached + usage["outputTokens"], usage
        return usage["inputTokens"] + cached, cached, usage["outputTokens"]

    def whole(self, answer):
        blocks = answer["output"]["message"]["content"]
        uses = [block["toolUse"] for block in blocks if "toolUse" in block]
        return Told(
            "".join(block.get("text", "") for block in blocks),
            "".join(call_text(use["name"], use["input"]) for use in uses),
            "".join(b["reasoningContent"]["reasoningText"]["text"] for b in blocks if "reasoningContent" in b) or None,
            self.usage(answer["usage"]),
        )

    def pieces(self, events):
        """events: (name, payload)"""
        deltas = [event["delta"] for kind, event in events if kind == "contentBlockDelta"]
        starts = [event["start"] for kind, event in events if kind == "contentBlockStart"]
        names = [start["toolUse"]["name"] for start in starts if "toolUse" in start]
        arguments = "".join(delta.get("toolUse", {}).get("input", "") for delta in deltas)
        return Told(
            "".join(delta.get("text", "") for delta in deltas),
            call_text(*names, arguments) if names else "",
            "".join(delta.get("reasoningContent", {}).get("text", "") for delta in deltas) or None,
            self.usage(events[-1][1]["usage"]),
        )


class Llama:
    """InvokeModel's body for Llama. What was cached is told by the invocation alone."""

    has = set()
    usage_at_end = {}
    streaming = {}

    def body(self, e):
        return {"prompt": raw_text(e.question), "max_gen_len": e.most, "temperature": 0}

    def whole(self, answer):
        return Told(answer["generation"], tokens=(answer["prompt_token_count"], None, answer["generation_token_count"]))

    def pieces(self, chunks):
        counts = {c["prompt_token_count"] for c in chunks if c.get("prompt_token_count") is not None}
        assert len(counts) == 1, counts
        text = "".join(chunk["generation"] for chunk in chunks)
        return Told(text, tokens=(*counts, None, chunks[-1]["generation_token_count"]))


# How a form travels: each gives what the answer told, and the request's id.


def server_sent(raw):
    lines = [line.removeprefix("data: ") for line in raw.decode().splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def messages_of(raw):
    buffer = botocore.eventstream.EventStreamBuffer()
    buffer.add_data(raw)
    return [(m.headers[":event-type"], json.loads(m.payload)) for m in buffer]


def as_whole(client, path, form, body):
    raw, fields = client.ask(path, body)
    return form.whole(json.loads(raw)), fields["x-request-id"]


def as_stream(client, path, form, body):
    raw, fields = client.ask(path, body)
    bedrock = fields["Content-Type"].startswith("application/vnd.amazon")
    return form.pieces(messages_of(raw) if bedrock else server_sent(raw)), fields["x-request-id"]


def in_background(client, path, form, body):
    raw, fields = client.ask(path, body)
    answer, deadline = json.loads(raw), time.monotonic() + ANSWER_SECONDS_MAX
    while answer["status"] in ("queued", "in_progress"):
        assert time.monotonic() < deadline, answer
        time.sleep(0.02)
        answer = json.loads(client.ask(f"{path}/{answer['id']}")[0])
    return form.whole(answer), fields["x-request-id"]


def agreed(told, tokens):
    """What the body's form tells must be what the invocation does."""
    if told.tokens is not None:
        mine, theirs = ([tokens[0], tokens[2]], [told.tokens[0], told.tokens[2]])
        assert mine == theirs and told.tokens[1] in (None, tokens[1]), (told, tokens)
    return dataclasses.replace(told, tokens=tokens)


def invoked(client, path, form, body):
    """InvokeModel; its own counts are in the head."""
    raw, fields = client.ask(path, body)
    names = ("Input", "Cache-Read-Input", "Output")
    prompt, cached, output = (int(fields[f"X-Amzn-Bedrock-{name}-Token-Count"]) for name in names)
    return agreed(form.whole(json.loads(raw)), (prompt + cached, cached, output)), fields["x-request-id"]


def invoked_stream(client, path, form, body):
    """The same as a stream; its own counts are in the last chunk."""
    raw, fields = client.ask(path, body)
    chunks = [json.loads(base64.b64decode(event["bytes"])) for kind, event in messages_of(raw) if kind == "chunk"]
    metrics = chunks[-1]["amazon-bedrock-invocationMetrics"]
    cached = metrics["cacheReadInputTokenCount"]
    tokens = metrics["inputTokenCount"] + cached, cached, metrics["outputTokenCount"]
    return agreed(form.pieces(chunks), tokens), fields["x-request-id"]


class Way:
    """route: as /openapi.json has it."""

    def __init__(self, name, route, form, travels, more=None):
        self.name, self.route, self.form, self.travels = name, route, form, travels
        self.more = more or {}
        self.raw = isinstance(form, (Completion, Llama))  # takes a text that no template is applied to

    def __str__(self):
        return self.name

    def takes(self, exchange):
        return exchange.has() <= self.form.has

    def ask(self, client, exchange):
        """(what its answer told, the request's id)"""
        body = self.form.body(exchange) | self.more
        if self.route.startswith("/model/"):
            body.pop("model", None)  # the path says it
        return self.travels(client, self.route.replace("{modelId}", MODEL), self.form, body)


def _openai(prefix):
    where = f"OpenAI under {prefix}: " if prefix else "OpenAI: "
    for name, path, form in (("chat", "/chat/completions", Chat()), ("completions", "/completions", Completion())):
        route = f"{prefix}/v1{path}"
        yield Way(f"{where}{name}", route, form, as_whole)
        yield Way(f"{where}{name}, streamed", route, form, as_stream, form.streaming | form.usage_at_end)
        yield Way(f"{where}{name}, streamed, usage not asked for", route, form, as_stream, form.streaming)
    route, form = f"{prefix}/v1/responses", Response()
    background, unstored = {"background": True}, {"store": False}
    yield Way(f"{where}responses", route, form, as_whole)
    yield Way(f"{where}responses, not stored", route, form, as_whole, unstored)
    yield Way(f"{where}responses, streamed", route, form, as_stream, form.streaming)
    yield Way(f"{where}responses, not stored, streamed", route, form, as_stream, form.streaming | unstored)
    yield Way(f"{where}responses in the background", route, form, in_background, background)
    yield Way(f"{where}responses in the background, streamed", route, form, as_stream, form.streaming | background)


def _anthropic(prefix):
    where, form = f"Anthropic under {prefix}: " if prefix else "Anthropic: ", Message()
    yield Way(f"{where}messages", f"{prefix}/v1/messages", form, as_whole)
    yield Way(f"{where}messages, streamed", f"{prefix}/v1/messages", form, as_stream, form.streaming)


INVOKED_FORMS = {  # by what the body is told apart by (docs/bedrock.md)
    "anthropic_version": ("Anthropic's body", Message(), {"anthropic_version": "bedrock-2023-05-31"}),
    "messages": ("OpenAI's chat body", Chat(), {}),
    "prompt, max_tokens": ("OpenAI's completions body", Completion(), {}),
    "prompt": ("Llama's body", Llama(), {}),
}


def invoked_form(body):
    """Which of them a body of InvokeModel has; None: none that is known here."""
    for parts in INVOKED_FORMS:
        if set(parts.split(", ")) <= body.keys():
            return parts
    return None


def _bedrock():
    yield Way("Bedrock: Converse", "/model/{modelId}/converse", Converse(), as_whole)
    yield Way("Bedrock: ConverseStream", "/model/{modelId}/converse-stream", Converse(), as_stream)
    invoke = "/model/{modelId}/invoke"
    for name, form, more in INVOKED_FORMS.values():
        yield Way(f"Bedrock: InvokeModel, {name}", invoke, form, invoked, more)
        streamed = more | form.usage_at_end
        route = f"{invoke}-with-response-stream"
        yield Way(f"Bedrock: InvokeModel, {name}, streamed", route, form, invoked_stream, streamed)


WAYS = [*_openai(""), *_openai("/openai"), *_anthropic(""), *_anthropic("/anthropic"), *_bedrock()]

# A template that opens <think> and shows an answer that closes it, which the model copies: none of the models at hand
# reasons by itself. Its last message before the answer shows how reasoning ends.
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
