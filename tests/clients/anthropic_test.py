"""The anthropic SDK against the server with smollm2-135m, in the API version that it sends by itself and in the first.

Method: each test uses only the SDK's public interface, so that a wire mistake shows as the SDK shows it: a missing
field, a wrong exception class, a stream whose events don't fit together.
"""

import contextlib
import json
import os
import pathlib
import sys

import anthropic

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from bedplate_process import MODEL, private_server  # noqa: E402
from runner import raises, run  # noqa: E402

QUESTION = [{"role": "user", "content": "What is the capital of France? Answer in one short sentence."}]
# Sampling parameters are of the first version alone; the SDK's newest major has no argument for them any more.
ASK = {"model": MODEL, "messages": QUESTION, "max_tokens": 32}
FIRST = {"extra_headers": {"anthropic-version": "2023-06-01"}}
GREEDY = ASK | {"extra_body": {"temperature": 0}} | FIRST
WEATHER = {
    "name": "get_weather",
    "description": "The weather in a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def test_message(client):
    answer = client.messages.create(**GREEDY)
    assert answer.type == "message" and answer.role == "assistant" and answer.model == MODEL, answer
    assert answer.id.startswith("msg_") and answer._request_id, answer
    assert [b.type for b in answer.content] == ["text"] and "Paris" in answer.content[0].text, answer
    assert answer.stop_reason in ("end_turn", "max_tokens") and answer.stop_sequence is None
    usage = answer.usage
    read = usage.cache_read_input_tokens
    assert usage.input_tokens > 0 and usage.output_tokens > 0 and read >= 0 and usage.cache_creation_input_tokens == 0
    again = client.messages.create(**GREEDY).usage
    assert again.cache_read_input_tokens > 0, "the second time the prompt is in the cache"
    assert again.input_tokens + again.cache_read_input_tokens == usage.input_tokens + read, "read tokens count once"


def test_both_versions(client):
    assert client.messages.create(**ASK).content[0].type == "text"
    assert client.messages.create(**ASK, **FIRST).content[0].type == "text"
    with raises(anthropic.BadRequestError, "temperature"):
        newest = {"anthropic-version": "2026-10-21"}
        client.messages.create(**ASK, extra_body={"temperature": 1.0}, extra_headers=newest)


def test_both_key_headers(client):
    for key in ({"api_key": "k"}, {"auth_token": "t", "api_key": None}):
        with anthropic.Anthropic(base_url=client.base_url, max_retries=0, **key) as other:
            assert other.messages.create(**(ASK | {"max_tokens": 1})).usage.output_tokens == 1


def test_stream_order(client):
    events = [e.type for e in client.messages.create(**GREEDY, stream=True)]
    deltas = events.count("content_block_delta")
    expected = ["message_start", "content_block_start", "ping"] + ["content_block_delta"] * deltas
    expected += ["content_block_stop", "message_delta", "message_stop"]
    # An SDK may keep pings to itself.
    assert deltas > 1 and [e for e in events if e != "ping"] == [e for e in expected if e != "ping"], events


def test_stream_equals_whole(client):
    whole = client.messages.create(**GREEDY)
    with client.messages.stream(**GREEDY) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == whole.content[0].text == final.content[0].text, text
    assert final.stop_reason == whole.stop_reason
    assert final.usage.output_tokens == whole.usage.output_tokens
    total = [u.input_tokens + u.cache_read_input_tokens for u in (final.usage, whole.usage)]
    assert total[0] == total[1], total


def test_stop_sequence(client):
    ask = GREEDY | {"messages": [{"role": "user", "content": "Count from 1 to 9."}], "max_tokens": 64}
    whole = client.messages.create(**ask).content[0].text
    stop = whole[3:6]
    answer = client.messages.create(**ask, stop_sequences=[stop])
    assert answer.stop_reason == "stop_sequence" and answer.stop_sequence == stop, answer
    assert stop not in answer.content[0].text and whole.startswith(answer.content[0].text)


def test_max_tokens_and_the_contexts_end(client):
    answer = client.messages.create(**(GREEDY | {"max_tokens": 3}))
    assert answer.stop_reason == "max_tokens" and answer.usage.output_tokens == 3
    # More than the context holds is no error, as agents ask for 32000 always.
    assert client.messages.create(**(GREEDY | {"max_tokens": 32000}), timeout=600).stop_reason == "end_turn"


def test_system_prefill_and_caching(client):
    system = [
        {"type": "text", "text": "x-anthropic-billing-header: cc_version=1; cch=1;"},
        {"type": "text", "text": "You are terse. " * 40, "cache_control": {"type": "ephemeral"}},
    ]
    first = client.messages.create(**GREEDY, system=system)
    system[0]["text"] = "x-anthropic-billing-header: cc_version=1; cch=2;"
    second = client.messages.create(**GREEDY, system=system)
    assert second.content == first.content
    assert second.usage.cache_read_input_tokens > 100, f"a billing line spoils the cache: {second.usage}"
    turns = QUESTION + [{"role": "assistant", "content": "The capital of France is"}]
    assert "Paris" in client.messages.create(**(GREEDY | {"messages": turns})).content[0].text


def test_tools_in_the_conversation(client):
    turns = [
        {"role": "user", "content": "What is the weather in Paris?"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "I should look.", "signature": "x"},
                {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Paris"}},
            ],
        },
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "Sunny, 21 degrees."}],
        },
    ]
    ask = GREEDY | {"messages": turns, "tools": [WEATHER], "max_tokens": 64}
    answer = client.messages.create(**ask)
    assert answer.content and answer.stop_reason in ("end_turn", "max_tokens", "tool_use"), answer
    told = client.messages.count_tokens(model=MODEL, messages=QUESTION, tools=[WEATHER]).input_tokens
    assert told > client.messages.count_tokens(model=MODEL, messages=QUESTION).input_tokens + 40
    assert client.messages.create(**ask, tool_choice={"type": "none"}).stop_reason != "tool_use"


def test_forced_tools(client):
    """Whatever the temperature: one call of the tool, with arguments that its schema allows."""
    ask = dict(model=MODEL, messages=QUESTION, tools=[WEATHER], max_tokens=300)
    choices = ({"type": "any"}, {"type": "tool", "name": "get_weather"}, {"type": "any", "disable_parallel_tool_use": True})
    for choice in choices:
        answer = client.messages.create(**ask, tool_choice=choice)
        assert answer.stop_reason in ("tool_use", "max_tokens"), answer
        (block,) = answer.content
        assert block.type == "tool_use" and block.name == "get_weather", block
        if answer.stop_reason == "tool_use":
            assert isinstance(block.input["city"], str), block
    with client.messages.stream(**ask, tool_choice={"type": "any"}) as stream:
        kinds = [e.type for e in stream]
        streamed = stream.get_final_message()
    assert kinds.count("content_block_start") == kinds.count("content_block_stop") == 1, kinds
    assert streamed.content[0].type == "tool_use", streamed
    with raises(anthropic.BadRequestError, "no_such_tool"):
        client.messages.create(**ask, tool_choice={"type": "tool", "name": "no_such_tool"})


def test_output_held_to_a_schema(client):
    schema = {"type": "object", "properties": {"city": {"enum": ["Paris", "Rome"]}, "sure": {"type": "boolean"}},
              "required": ["city", "sure"], "additionalProperties": False}
    ask = dict(model=MODEL, messages=QUESTION, max_tokens=100)
    for seed in range(3):
        answer = client.messages.create(**ask, extra_body={"output_config": {"format": {"type": "json_schema", "schema": schema}}})
        (block,) = answer.content
        value = json.loads(block.text)
        assert answer.stop_reason == "end_turn" and value["city"] in ("Paris", "Rome") and isinstance(value["sure"], bool), answer
    refused = {"output_config": {"format": {"type": "json_schema", "schema": {"type": "array", "uniqueItems": True}}}}
    with raises(anthropic.BadRequestError, "#/uniqueItems"):
        client.messages.create(**ask, extra_body=refused)


def test_count_tokens(client):
    counted = client.messages.count_tokens(model=MODEL, messages=QUESTION).input_tokens
    usage = client.messages.create(**GREEDY).usage
    assert counted == usage.input_tokens + usage.cache_read_input_tokens, (counted, usage)
    long = [{"role": "user", "content": "word " * 20000}]
    assert client.messages.count_tokens(model=MODEL, messages=long).input_tokens > 20000, "also of what doesn't fit"


def test_models(client):
    listed = client.models.list()
    assert [m.id for m in listed] == [MODEL] and listed.data[0].type == "model", listed
    assert client.models.retrieve(MODEL).display_name == MODEL
    assert listed.data[0].created_at.year > 2000


def test_errors_have_their_classes(client):
    with raises(anthropic.NotFoundError, "no-such-model") as caught:
        client.messages.create(**(ASK | {"model": "no-such-model"}))
    body = caught.error.body
    assert body["type"] == "error" and body["error"]["type"] == "not_found_error", body
    assert body["request_id"] == caught.error.request_id, body
    with raises(anthropic.BadRequestError, "max_tokens"):
        client.messages.create(**(ASK | {"max_tokens": -1}))
    with raises(anthropic.BadRequestError, "messages"):
        client.messages.create(**(ASK | {"messages": []}))
    with raises(anthropic.BadRequestError, "messages[0].content[0].type", "image"):
        image = {"type": "base64", "media_type": "image/png", "data": "AA=="}
        client.messages.create(
            **(ASK | {"messages": [{"role": "user", "content": [{"type": "image", "source": image}]}]})
        )
    with raises(anthropic.BadRequestError, "prompt is too long"):
        client.messages.create(**(ASK | {"messages": [{"role": "user", "content": "word " * 20000}]}))
    with raises(anthropic.NotFoundError):
        client.messages.batches.list()
    with raises(anthropic.APIStatusError, "allowed: 8388608") as caught:
        client.messages.create(**(ASK | {"messages": [{"role": "user", "content": "word " * 4_000_000}]}))
    assert caught.error.status_code == 413, caught.error


def test_closing_a_stream_early(client):
    for _ in range(3):
        with client.messages.stream(**(GREEDY | {"max_tokens": 1000})) as stream:
            next(iter(stream))
    assert client.messages.create(**(GREEDY | {"max_tokens": 1})).usage.output_tokens == 1


def main():
    with contextlib.ExitStack() as stack:
        url = os.environ.get("BEDPLATE_URL") or f"http://127.0.0.1:{stack.enter_context(private_server()).port}"
        client = anthropic.Anthropic(base_url=url, api_key="none", max_retries=0, timeout=300)
        return run(globals(), lambda test: test(client), sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
