"""Streams in mixed dialects, for checks with plain sockets: what is asked, and whether what came back is a whole answer.

Only Python's standard library.
"""

import datetime
import hashlib
import hmac
import json
import struct
import zlib

from bedplate_process import MODEL

TOPICS = ["the sea", "a lighthouse", "bread", "the number seven", "winter", "a cat and a mouse", "trains", "an old map"]
SYSTEM = "You answer in a few short sentences. " * 6  # shared by many, so that the prefix cache takes part


class Broken(Exception):
    """An answer that nobody provoked."""


# ---- What is asked ----


def question(rng):
    manner = rng.choice(["plain", "many", "few", "old"])
    return f"Tell me about {rng.choice(TOPICS)}, in {manner} words. {rng.randrange(50)}"


def chat(rng, most):
    turns = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question(rng)}]
    options = {"include_usage": rng.random() < 0.5}
    return "/v1/chat/completions", {
        "model": MODEL,
        "messages": turns,
        "max_tokens": most,
        "stream": True,
        "stream_options": options,
        "seed": 1,
    }


def completions(rng, most):
    prompts = [question(rng) for _ in range(rng.choice([1, 1, 3]))]
    return "/openai/v1/completions", {"model": MODEL, "prompt": prompts, "max_tokens": most, "stream": True}


def responses(rng, most):
    return "/v1/responses", {
        "model": MODEL,
        "instructions": SYSTEM,
        "input": question(rng),
        "max_output_tokens": max(16, most),
        "stream": True,
        "store": rng.random() < 0.3,
    }


def messages(rng, most):
    turns = [{"role": "user", "content": question(rng)}]
    return "/v1/messages", {"model": MODEL, "system": SYSTEM, "messages": turns, "max_tokens": most, "stream": True}


def converse(rng, most):
    turns = [{"role": "user", "content": [{"text": question(rng)}]}]
    config = {"maxTokens": most, "temperature": 0.5}
    body = {"system": [{"text": SYSTEM}], "messages": turns, "inferenceConfig": config}
    return f"/model/{MODEL}/converse-stream", body


def invoke(rng, most):
    return f"/model/{MODEL}/invoke-with-response-stream", {"prompt": question(rng), "max_gen_len": most}


def signed_fields(keys, host, path, body):
    """AWS Signature Version 4 of a POST without a query: the specification's steps, in its order."""
    now = datetime.datetime.now(datetime.timezone.utc)
    moment, date = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    scope = f"{date}/eu-west-1/bedrock/aws4_request"
    fields = {"content-type": "application/json", "host": host, "x-amz-date": moment}
    names = ";".join(fields)
    lines = "".join(f"{name}:{value}\n" for name, value in fields.items())
    canonical = f"POST\n{path}\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    to_sign = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = b"AWS4" + keys["secret_access_key"].encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    credential = f"{keys['access_key_id']}/{scope}"
    authorization = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"
    return {"X-Amz-Date": moment, "Authorization": authorization}


# ---- What comes back ----


async def read_head(reader):
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
    return int(head.split(" ")[1]), fields


async def read_chunk(reader):
    """The next piece of a chunked body; empty at its end."""
    size = int(await reader.readuntil(b"\r\n"), 16)
    data = await reader.readexactly(size)
    if await reader.readexactly(2) != b"\r\n":
        raise Broken("a chunk that does not end")
    return data


def server_sent(body):
    """The (event's name, data) of each frame."""
    text = body.decode()
    if not text.endswith("\n\n"):
        raise Broken(f"a stream that ends within a frame: {text[-200:]!r}")
    for frame in text.removesuffix("\n\n").split("\n\n"):
        lines = [line for line in frame.split("\n") if not line.startswith(":")]
        named = dict(line.split(": ", 1) for line in lines)
        if named:
            yield named.get("event"), named["data"]


def event_messages(body):
    """The (headers, payload) of each message of Amazon's framing, checksums checked."""
    while body:
        total, headers_size, crc = struct.unpack(">III", body[:12])
        message, body = body[:total], body[total:]
        if zlib.crc32(message[:8]) != crc or zlib.crc32(message[:-4]) != struct.unpack(">I", message[-4:])[0]:
            raise Broken("an event message with a wrong checksum")
        headers, rest = {}, message[12 : 12 + headers_size]
        while rest:
            name, rest = rest[1 : 1 + rest[0]], rest[1 + rest[0] :]
            size = struct.unpack(">H", rest[1:3])[0]
            headers[name.decode()], rest = rest[3 : 3 + size].decode(), rest[3 + size :]
        yield headers, json.loads(message[12 + headers_size : -4])


def check_openai(body):
    data = [data for _, data in server_sent(body)]
    chunks = [json.loads(one) for one in data[:-1]]
    finished = [c for chunk in chunks for c in chunk.get("choices", []) if c.get("finish_reason")]
    return data[-1] == "[DONE]" and finished and not any("error" in chunk for chunk in chunks)


def check_responses(body):
    names = [name for name, _ in server_sent(body)]
    return names[0] == "response.created" and names[-1] in ("response.completed", "response.incomplete")


def check_messages(body):
    names = [name for name, _ in server_sent(body)]
    return names[0] == "message_start" and names[-1] == "message_stop" and "error" not in names


def check_bedrock(body):
    got = [headers for headers, _ in event_messages(body)]
    last = got[-1].get(":event-type")
    return all(headers[":message-type"] == "event" for headers in got) and last in ("metadata", "chunk")


DIALECTS = {
    "chat": (chat, check_openai),
    "completions": (completions, check_openai),
    "responses": (responses, check_responses),
    "messages": (messages, check_messages),
    "converse, signed": (converse, check_bedrock),
    "converse, bearer": (converse, check_bedrock),
    "invoke": (invoke, check_bedrock),
}


def request(rng, name, port, keys):
    """The bytes of one call in that dialect. keys: {"key", "access_key_id", "secret_access_key"}"""
    host = f"127.0.0.1:{port}"
    path, content = DIALECTS[name][0](rng, rng.choice([1, 4, 12, 24, 48]))
    body = json.dumps(content).encode()
    fields = {"Host": host, "Content-Type": "application/json", "Content-Length": len(body), "Connection": "close"}
    if name == "converse, signed":
        fields |= signed_fields(keys, host, path, body)
    else:
        fields["Authorization"] = f"Bearer {keys['key']}"
    if name == "messages":
        fields["anthropic-version"] = "2023-06-01"
    lines = "".join(f"{field}: {value}\r\n" for field, value in fields.items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


def is_whole(name, body):
    """Whether a body that has ended is a whole answer in that dialect."""
    return bool(DIALECTS[name][1](body))
