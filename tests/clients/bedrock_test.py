"""boto3 against the server with smollm2-135m: Bedrock's runtime and what there is of its control plane.

Method: each test uses only the SDK's public interface, so that a wire mistake shows as the SDK shows it: a missing
field, a wrong exception class, an event stream whose checksums or order don't fit.
"""

import base64
import contextlib
import json
import os
import pathlib
import sys

import boto3
import botocore.eventstream
from botocore.config import Config
from botocore.exceptions import ClientError

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from bedplate_process import MODEL, private_server  # noqa: E402
from runner import raises, run  # noqa: E402

QUESTION = "What is the capital of France? Answer in one short sentence."
MESSAGES = [{"role": "user", "content": [{"text": QUESTION}]}]
GREEDY = {"modelId": MODEL, "messages": MESSAGES, "inferenceConfig": {"maxTokens": 32, "temperature": 0}}
ARN = f"arn:aws:bedrock:eu-west-1::foundation-model/{MODEL}"
WEATHER = {
    "toolSpec": {
        "name": "get_weather",
        "description": "The weather in a city",
        "inputSchema": {
            "json": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
}
ANTHROPIC = {
    "anthropic_version": "bedrock-2023-05-31",
    "max_tokens": 32,
    "temperature": 0,
    "messages": [{"role": "user", "content": QUESTION}],
}
CHAT = {"messages": [{"role": "user", "content": QUESTION}], "max_tokens": 32, "temperature": 0}
LLAMA = {"prompt": "The capital of France is", "max_gen_len": 8, "temperature": 0}


class Clients:
    def __init__(self, url):
        options = {
            "endpoint_url": url,
            "region_name": "eu-west-1",
            "aws_access_key_id": "none",
            "aws_secret_access_key": "none",
            "config": Config(retries={"total_max_attempts": 1}, read_timeout=300),
        }
        self.runtime = boto3.client("bedrock-runtime", **options)
        self.control = boto3.client("bedrock", **options)


def text_of(answer):
    return "".join(block.get("text", "") for block in answer["output"]["message"]["content"])


def prompt_tokens(usage):
    return usage["inputTokens"] + usage["cacheReadInputTokens"]


def test_converse(aws):
    answer = aws.runtime.converse(**GREEDY)
    assert answer["output"]["message"]["role"] == "assistant" and "Paris" in text_of(answer), answer
    assert answer["stopReason"] in ("end_turn", "max_tokens"), answer
    assert answer["metrics"]["latencyMs"] > 0 and answer["ResponseMetadata"]["RequestId"], answer
    first = answer["usage"]
    second = aws.runtime.converse(**GREEDY)["usage"]
    assert second["cacheReadInputTokens"] > 0, "the second time the prompt is in the cache"
    assert prompt_tokens(first) == prompt_tokens(second), "read tokens count once"
    for usage in (first, second):
        assert usage["totalTokens"] == prompt_tokens(usage) + usage["outputTokens"], usage
        assert usage["cacheWriteInputTokens"] == 0


def test_converse_stream_equals_whole(aws):
    whole = aws.runtime.converse(**GREEDY)
    events = list(aws.runtime.converse_stream(**GREEDY)["stream"])
    names = [next(iter(event)) for event in events]
    deltas = names.count("contentBlockDelta")
    assert deltas > 1, names
    assert names == ["messageStart"] + ["contentBlockDelta"] * deltas + ["contentBlockStop", "messageStop", "metadata"]
    text = "".join(event["contentBlockDelta"]["delta"]["text"] for event in events[1 : 1 + deltas])
    assert text == text_of(whole), (text, whole)
    assert events[-2]["messageStop"]["stopReason"] == whole["stopReason"]
    usage = events[-1]["metadata"]["usage"]
    assert usage["outputTokens"] == whole["usage"]["outputTokens"] and prompt_tokens(usage) == prompt_tokens(
        whole["usage"]
    )
    assert events[-1]["metadata"]["metrics"]["latencyMs"] > 0


def test_ids_with_colons_and_arns(aws):
    assert "Paris" in text_of(aws.runtime.converse(**(GREEDY | {"modelId": ARN})))
    with raises(aws.runtime.exceptions.ResourceNotFoundException, "no.such-model-v1:0"):
        aws.runtime.converse(**(GREEDY | {"modelId": "no.such-model-v1:0"}))


def test_system_prefill_and_inference_config(aws):
    config = {"maxTokens": 64, "temperature": 0, "topP": 0.9}
    count = {"messages": [{"role": "user", "content": [{"text": "Count from 1 to 9."}]}], "inferenceConfig": config}
    whole = aws.runtime.converse(**(GREEDY | count))
    stop = text_of(whole)[3:6]
    config["stopSequences"] = [stop]
    answer = aws.runtime.converse(**(GREEDY | count), additionalModelResponseFieldPaths=["/stop_sequence"])
    assert answer["stopReason"] == "stop_sequence" and stop not in text_of(answer), answer
    assert answer["additionalModelResponseFields"] == {"stop_sequence": stop}, answer
    begun = MESSAGES + [{"role": "assistant", "content": [{"text": "The capital of France is"}]}]
    system = [{"text": "You are terse."}, {"cachePoint": {"type": "default"}}]
    assert "Paris" in text_of(aws.runtime.converse(**(GREEDY | {"messages": begun}), system=system))
    few = aws.runtime.converse(**(GREEDY | {"inferenceConfig": {"maxTokens": 3, "temperature": 0}}))
    assert few["stopReason"] == "max_tokens" and few["usage"]["outputTokens"] == 3, few
    seeded = GREEDY | {
        "inferenceConfig": {"maxTokens": 16, "temperature": 1},
        "additionalModelRequestFields": {"seed": 5, "top_k": 20},
    }
    assert text_of(aws.runtime.converse(**seeded)) == text_of(aws.runtime.converse(**seeded))


def test_json_schema(aws):
    schema = {"type": "object", "properties": {"capital": {"type": "string", "maxLength": 20}}}
    schema |= {"required": ["capital"], "additionalProperties": False}
    output = {"type": "json_schema", "structure": {"jsonSchema": {"name": "answer", "schema": json.dumps(schema)}}}
    ask = GREEDY | {"outputConfig": {"textFormat": output}, "inferenceConfig": {"maxTokens": 200, "temperature": 0}}
    answer = json.loads(text_of(aws.runtime.converse(**ask)))
    assert list(answer) == ["capital"] and isinstance(answer["capital"], str), answer
    output["structure"]["jsonSchema"]["schema"] = json.dumps({"type": "object", "unevaluatedProperties": False})
    with raises(aws.runtime.exceptions.ValidationException, "unevaluatedProperties"):
        aws.runtime.converse(**ask)


def test_tools_in_the_conversation(aws):
    use = {"toolUseId": "tooluse_1", "name": "get_weather", "input": {"city": "Paris"}}
    reasoning = {"reasoningText": {"text": "I should look.", "signature": "x"}}
    result = {"toolUseId": "tooluse_1", "content": [{"json": {"sky": "sunny", "celsius": 21}}]}
    turns = [
        {"role": "user", "content": [{"text": "What is the weather in Paris?"}]},
        {"role": "assistant", "content": [{"reasoningContent": reasoning}, {"toolUse": use}]},
        {"role": "user", "content": [{"toolResult": result}]},
    ]
    tools = {"tools": [WEATHER, {"cachePoint": {"type": "default"}}], "toolChoice": {"auto": {}}}
    answer = aws.runtime.converse(**(GREEDY | {"messages": turns, "toolConfig": tools}))
    assert answer["output"]["message"]["content"], answer
    assert answer["stopReason"] in ("end_turn", "max_tokens", "tool_use"), answer


def test_forced_tools(aws):
    # Nothing but a short city is allowed: what a small model would add on its own has no end.
    city = {"type": "string", "maxLength": 20}
    schema = {"type": "object", "properties": {"city": city}, "required": ["city"], "additionalProperties": False}
    weather = {"toolSpec": WEATHER["toolSpec"] | {"inputSchema": {"json": schema}}}
    for choice in ({"any": {}}, {"tool": {"name": "get_weather"}}):
        ask = GREEDY | {
            "messages": [{"role": "user", "content": [{"text": "What is the weather in Paris?"}]}],
            "toolConfig": {"tools": [weather], "toolChoice": choice},
            "inferenceConfig": {"maxTokens": 200, "temperature": 0},
        }
        answer = aws.runtime.converse(**ask)
        assert answer["stopReason"] == "tool_use", answer
        use = answer["output"]["message"]["content"][-1]["toolUse"]
        assert use["name"] == "get_weather" and isinstance(use["input"]["city"], str), use
        events = list(aws.runtime.converse_stream(**ask)["stream"])
        starts = [e["contentBlockStart"]["start"]["toolUse"] for e in events if "contentBlockStart" in e]
        assert [s["name"] for s in starts] == ["get_weather"] and starts[0]["toolUseId"], starts
        pieces = [e["contentBlockDelta"]["delta"].get("toolUse", {}) for e in events if "contentBlockDelta" in e]
        assert json.loads("".join(p.get("input", "") for p in pieces)) == use["input"], pieces


def test_invoke_model(aws):
    answer = aws.runtime.invoke_model(modelId=MODEL, body=json.dumps(ANTHROPIC))
    fields = answer["ResponseMetadata"]["HTTPHeaders"]
    message = json.loads(answer["body"].read())
    assert message["type"] == "message" and "Paris" in message["content"][0]["text"], message
    assert answer["contentType"] == "application/json"
    assert int(fields["x-amzn-bedrock-input-token-count"]) == message["usage"]["input_tokens"], fields
    assert int(fields["x-amzn-bedrock-output-token-count"]) == message["usage"]["output_tokens"], fields
    assert (
        int(fields["x-amzn-bedrock-cache-read-input-token-count"]) == message["usage"]["cache_read_input_tokens"]
    )
    assert int(fields["x-amzn-bedrock-invocation-latency"]) > 0

    chat = json.loads(aws.runtime.invoke_model(modelId=MODEL, body=json.dumps(CHAT))["body"].read())
    assert chat["object"] == "chat.completion" and chat["model"] == MODEL, chat
    assert chat["choices"][0]["message"]["content"] == message["content"][0]["text"], "one model, one answer"

    llama = json.loads(aws.runtime.invoke_model(modelId=ARN, body=json.dumps(LLAMA))["body"].read())
    assert set(llama) == {"generation", "prompt_token_count", "generation_token_count", "stop_reason"}, llama
    assert llama["stop_reason"] == "length" and llama["generation_token_count"] == 8 and "Paris" in llama["generation"]


def chunks_of(aws, body):
    stream = aws.runtime.invoke_model_with_response_stream(modelId=MODEL, body=json.dumps(body))
    assert stream["contentType"] == "application/json", stream
    return [json.loads(event["chunk"]["bytes"]) for event in stream["body"]]


def test_invoke_model_with_response_stream(aws):
    whole = json.loads(aws.runtime.invoke_model(modelId=MODEL, body=json.dumps(ANTHROPIC))["body"].read())
    chunks = chunks_of(aws, ANTHROPIC)
    kinds = [chunk["type"] for chunk in chunks if chunk["type"] != "ping"]
    assert kinds[:2] == ["message_start", "content_block_start"] and kinds[-2:] == ["message_delta", "message_stop"]
    text = "".join(c["delta"]["text"] for c in chunks if c["type"] == "content_block_delta")
    assert text == whole["content"][0]["text"], text

    chat = chunks_of(aws, CHAT)
    assert "".join(c["choices"][0]["delta"].get("content", "") for c in chat) == text
    assert chat[-1]["choices"][0]["finish_reason"] in ("stop", "length"), chat[-1]

    llama = chunks_of(aws, LLAMA)
    assert len(llama) > 2 and llama[-1]["stop_reason"] == "length" and llama[-1]["generation_token_count"] == 8
    assert llama[0]["prompt_token_count"] > 0 and llama[1]["prompt_token_count"] is None
    for chunks in (chunks, chat, llama):
        metrics = [c["amazon-bedrock-invocationMetrics"] for c in chunks if "amazon-bedrock-invocationMetrics" in c]
        assert len(metrics) == 1 and chunks[-1]["amazon-bedrock-invocationMetrics"] is metrics[0], "the last has them"
        assert metrics[0]["outputTokenCount"] > 0 and metrics[0]["firstByteLatency"] <= metrics[0]["invocationLatency"]


def test_count_tokens(aws):
    def counted(**by):
        return aws.runtime.count_tokens(modelId=MODEL, input=by)["inputTokens"]

    usage = aws.runtime.converse(**GREEDY)["usage"]
    assert counted(converse={"messages": MESSAGES}) == prompt_tokens(usage)
    assert counted(invokeModel={"body": json.dumps(ANTHROPIC)}) == prompt_tokens(usage)
    assert counted(invokeModel={"body": json.dumps(CHAT)}) == prompt_tokens(usage)
    assert counted(converse={"messages": MESSAGES, "toolConfig": {"tools": [WEATHER]}}) > prompt_tokens(usage) + 40


def test_foundation_models(aws):
    models = aws.control.list_foundation_models(byOutputModality="TEXT", byInferenceType="ON_DEMAND")
    summary = models["modelSummaries"][0]
    assert [m["modelId"] for m in models["modelSummaries"]] == [MODEL], models
    assert summary["responseStreamingSupported"] and summary["modelLifecycle"] == {"status": "ACTIVE"}, summary
    assert aws.control.list_foundation_models(byOutputModality="IMAGE")["modelSummaries"] == []
    for identifier in (MODEL, summary["modelArn"]):
        details = aws.control.get_foundation_model(modelIdentifier=identifier)["modelDetails"]
        assert details == summary, details
    with raises(aws.control.exceptions.ResourceNotFoundException):
        aws.control.get_foundation_model(modelIdentifier="no.such")


def test_errors_have_their_classes(aws):
    wrong = aws.runtime.exceptions
    with raises(wrong.ResourceNotFoundException, "no-such-model") as caught:
        aws.runtime.converse(**(GREEDY | {"modelId": "no-such-model"}))
    metadata = caught.error.response["ResponseMetadata"]
    assert metadata["HTTPStatusCode"] == 404 and metadata["RequestId"], metadata
    with raises(wrong.ValidationException, "messages"):
        aws.runtime.converse(modelId=MODEL, messages=[])
    with raises(wrong.ValidationException, "inferenceConfig.temperature"):
        aws.runtime.converse(**(GREEDY | {"inferenceConfig": {"temperature": 1.5}}))
    with raises(wrong.ValidationException, "guardrailConfig"):
        guardrail = {"guardrailIdentifier": "g", "guardrailVersion": "1"}
        aws.runtime.converse(**GREEDY, guardrailConfig=guardrail)
    with raises(wrong.ValidationException, "messages[0].content[0].image"):
        image = {"image": {"format": "png", "source": {"bytes": b"\0"}}}
        aws.runtime.converse(**(GREEDY | {"messages": [{"role": "user", "content": [image]}]}))
    with raises(wrong.ValidationException, "additionalModelRequestFields.unknown_thing"):
        aws.runtime.converse(**GREEDY, additionalModelRequestFields={"unknown_thing": 1})
    too_long = [{"role": "user", "content": [{"text": "word " * 20000}]}]
    for ask in (aws.runtime.converse, aws.runtime.converse_stream):
        with raises(wrong.ValidationException, "input is too long", "maximum context length"):
            ask(**(GREEDY | {"messages": too_long}))
    with raises(wrong.ValidationException, "anthropic_version"):
        aws.runtime.invoke_model(modelId=MODEL, body=json.dumps(ANTHROPIC | {"anthropic_version": "x"}))
    with raises(wrong.ValidationException, "guardrail"):
        aws.runtime.invoke_model(
            modelId=MODEL, body=json.dumps(CHAT), guardrailIdentifier="g", guardrailVersion="1"
        )
    with raises(ClientError, "UnknownOperationException", "/guardrail/g"):
        aws.runtime.apply_guardrail(guardrailIdentifier="g", guardrailVersion="1", source="INPUT", content=[{"text": {"text": "x"}}])
    with raises(ClientError, "UnknownOperationException", "/custom-models"):
        aws.control.list_custom_models()
    with raises(wrong.ValidationException, "allowed: 8388608"):
        aws.runtime.converse(**(GREEDY | {"messages": [{"role": "user", "content": [{"text": "w" * 9_000_000}]}]}))


def test_documents_that_are_text(aws):
    question, text = "What is the capital of Freedonia?", "# The capital of Freedonia is Fredville."
    document = {"name": "note", "format": "md", "source": {"bytes": text.encode()}}

    def asked(*content):
        return aws.runtime.converse(**(GREEDY | {"messages": [{"role": "user", "content": list(content)}]}))

    with_document = asked({"text": question}, {"document": document})
    as_text = asked({"text": f"{question}\nnote\n{text}"})
    assert text_of(with_document) == text_of(as_text), (with_document, as_text)
    assert prompt_tokens(with_document["usage"]) == prompt_tokens(as_text["usage"])


def test_closing_a_stream_early(aws):
    for _ in range(3):
        stream = aws.runtime.converse_stream(**(GREEDY | {"inferenceConfig": {"maxTokens": 1000, "temperature": 0}}))
        next(iter(stream["stream"]))
        stream["stream"].close()
    few = aws.runtime.converse(**(GREEDY | {"inferenceConfig": {"maxTokens": 1}}))
    assert few["usage"]["outputTokens"] == 1, few


# The stream's bytes, as they came, through botocore's decoder alone: every checksum and header is looked at.
def test_botocore_decodes_every_message(aws):
    import urllib.request

    url = f"{aws.runtime.meta.endpoint_url}/model/{MODEL}/invoke-with-response-stream"
    request = urllib.request.Request(url, data=json.dumps(LLAMA).encode(), headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        assert answer.headers["Content-Type"] == "application/vnd.amazon.eventstream"
        raw = answer.read()
    buffer = botocore.eventstream.EventStreamBuffer()
    messages = []
    for at in range(0, len(raw), 7):
        buffer.add_data(raw[at : at + 7])
        messages += [message for message in buffer]
    headers = {":event-type": "chunk", ":content-type": "application/json", ":message-type": "event"}
    assert len(messages) > 2 and all(message.headers == headers for message in messages), messages
    assert sum(message.prelude.total_length for message in messages) == len(raw), "nothing is left over"
    assert json.loads(base64.b64decode(json.loads(messages[0].payload)["bytes"]))["stop_reason"] is None


def main():
    with contextlib.ExitStack() as stack:
        url = os.environ.get("BEDPLATE_URL") or f"http://127.0.0.1:{stack.enter_context(private_server()).port}"
        clients = Clients(url)
        return run(globals(), lambda test: test(clients), sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
