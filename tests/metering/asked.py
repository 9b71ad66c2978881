"""What is asked in the test of kills, in each dialect, and how much of an answer has come: its text, and whether it is whole.

All of it is greedy, so the same question has the same answer in every dialect, and its tokens are known beforehand. Only
Python's standard library.
"""

import base64
import json
import struct

from bedplate_process import MODEL

QUESTIONS = [
    "What is the sea?",
    "Write a story about a lighthouse.",
    "How is bread made? Explain each step.",
    "Count from one to fifty.",
    "Describe winter in a few words.",
]


class Kind:
    """One dialect, streamed or not. whose: which of the references its answers follow."""

    def __init__(self, name, path, body, whose="chat", streams=True, text=None):
        self.name, self.path, self.body = name, path, body
        self.whose, self.streams, self.text = whose, streams, text


def _turns(question):
    return [{"role": "user", "content": question}]


def chat(question, most, stream=True, **more):
    body = {"model": MODEL, "messages": _turns(question), "max_tokens": most, "temperature": 0, "stream": stream}
    return body | more


def _completions(question, most):
    return {"model": MODEL, "prompt": question, "max_tokens": most, "temperature": 0, "stream": True}


def _responses(question, most):
    return {"model": MODEL, "input": question, "max_output_tokens": most, "temperature": 0, "stream": True, "store": False}


def _messages(stream):
    return lambda question, most: {
        "model": MODEL,
        "messages": _turns(question),
        "max_tokens": most,
        "temperature": 0,
        "stream": stream,
        "metadata": {"user_id": "ada"},
    }


def _converse(question, most):
    turns = [{"role": "user", "content": [{"text": question}]}]
    return {"messages": turns, "inferenceConfig": {"maxTokens": most, "temperature": 0}}


def _invoke(question, most):
    return {"prompt": question, "max_gen_len": most, "temperature": 0}


def _choice_text(of):
    return lambda _, data: "".join(of(choice) or "" for choice in data.get("choices", []))


def _delta_text(name, of):
    return lambda event, data: of(data) if event == name else ""


def _invoked(_, data):
    return json.loads(base64.b64decode(data["bytes"]))["generation"] if "bytes" in data else ""


_chat_text = _choice_text(lambda choice: choice["delta"].get("content"))

KINDS = [
    Kind("chat", "/v1/chat/completions", chat, text=_chat_text),
    # Much to write a token, so that a slow reader's socket fills.
    Kind(
        "chat, wide",
        "/v1/chat/completions",
        lambda question, most: chat(question, most, logprobs=True, top_logprobs=20),
        text=_chat_text,
    ),
    Kind("completions", "/v1/completions", _completions, "text", text=_choice_text(lambda choice: choice["text"])),
    Kind(
        "responses",
        "/v1/responses",
        _responses,
        text=_delta_text("response.output_text.delta", lambda data: data["delta"]),
    ),
    Kind(
        "messages",
        "/v1/messages",
        _messages(True),
        text=_delta_text("content_block_delta", lambda data: data["delta"]["text"]),
    ),
    Kind(
        "converse",
        f"/model/{MODEL}/converse-stream",
        _converse,
        text=_delta_text("contentBlockDelta", lambda data: data["delta"]["text"]),
    ),
    Kind("invoke", f"/model/{MODEL}/invoke-with-response-stream", _invoke, "text", text=_invoked),
    Kind("chat, whole", "/v1/chat/completions", lambda question, most: chat(question, most, False), streams=False),
    Kind("messages, whole", "/v1/messages", _messages(False), streams=False),
    Kind("converse, whole", f"/model/{MODEL}/converse", _converse, streams=False),
]


def request_bytes(kind, question, most, key, request_id, slow):
    body = json.dumps(kind.body(question, most)).encode()
    fields = {
        "Host": "localhost",
        "Authorization": f"Bearer {key}",
        "Content-Type": "application/json",
        "Content-Length": len(body),
        "Connection": "close",
        "anthropic-version": "2023-06-01",
        "x-request-id": request_id,
        "x-slow-reader": int(slow),
    }
    if not kind.path.startswith("/v1/messages"):
        del fields["anthropic-version"]
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"POST {kind.path} HTTP/1.1\r\n{lines}\r\n".encode() + body


class Answer:
    """As much of an answer as has come."""

    def __init__(self, kind, data):
        data = bytes(data)
        self.bytes, self.status, self.whole = len(data), None, False
        self.events, self.text = 0, ""  # whole events that tell of the model's work, and their text
        head, found, rest = data.partition(b"\r\n\r\n")
        if not found:
            return
        self.status = int(head.split(b" ")[1])
        if b"transfer-encoding: chunked" in head.lower():
            body, self.whole = _unchunked(rest)
        else:
            size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            body, self.whole = rest, len(rest) == size
        if self.status != 200 or not kind.streams:
            return
        events = _event_messages(body) if kind.path.startswith("/model/") else _server_sent(body)
        for name, content in events:
            if name in ("response.created", "response.in_progress"):  # said before the model has read anything
                continue
            self.events += 1
            self.text += kind.text(name, content)


def _unchunked(rest):
    body = b""
    while True:
        size_line, found, after = rest.partition(b"\r\n")
        if not found:
            return body, False
        size = int(size_line, 16)
        if size == 0:
            return body, after == b"\r\n"
        body += after[:size]
        if len(after) < size + 2:
            return body, False
        rest = after[size + 2 :]


def _server_sent(body):
    """The (name, data) of each frame that is whole."""
    *frames, _ = body.decode(errors="ignore").split("\n\n")
    for frame in frames:
        named = dict(line.split(": ", 1) for line in frame.split("\n") if line and not line.startswith(":"))
        if named and named["data"] != "[DONE]":
            data = json.loads(named["data"])
            yield named.get("event") or "", data


def _event_messages(body):
    """The (name, payload) of each of Amazon's messages that is whole."""
    while len(body) >= 12:
        total, headers_size = struct.unpack(">II", body[:8])
        if len(body) < total:
            return
        message, body = body[:total], body[total:]
        headers, rest = {}, message[12 : 12 + headers_size]
        while rest:
            name, rest = rest[1 : 1 + rest[0]], rest[1 + rest[0] :]
            size = struct.unpack(">H", rest[1:3])[0]
            headers[name.decode()], rest = rest[3 : 3 + size].decode(), rest[3 + size :]
        yield headers.get(":event-type", ""), json.loads(message[12 + headers_size : -4])
