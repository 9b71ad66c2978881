"""LiteLLM, as a library and without its proxy, against the server with smollm2-135m: its routes to the three APIs.

Method: the same tests for each route. LiteLLM gives all answers in OpenAI's form and all errors in classes of its own,
so the APIs can be held against each other.
"""

import contextlib
import json
import os
import pathlib
import sys

# Else it fetches a list of prices at its import.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
import litellm  # noqa: E402

litellm.suppress_debug_info = True

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from bedplate_process import MODEL, private_server  # noqa: E402
from runner import raises, run  # noqa: E402

QUESTION = [{"role": "user", "content": "What is the capital of France? Answer in one short sentence."}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "maxLength": 16}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


class Routes:
    """What each route is called with."""

    def __init__(self, url):
        signed = {
            "aws_bedrock_runtime_endpoint": url,
            "aws_region_name": "eu-west-1",
            "aws_access_key_id": "none",
            "aws_secret_access_key": "none",
        }
        # LiteLLM goes by a model's name to tell what it can do and which body InvokeModel takes, unless it is told.
        tools = {"allowed_openai_params": ["tools", "tool_choice"]}
        claude = "anthropic.claude-3-haiku-20240307-v1:0"
        self.by_name = {
            "openai": {"model": f"openai/{MODEL}", "api_base": f"{url}/v1", "api_key": "none"},
            "anthropic": {"model": f"anthropic/{MODEL}", "api_base": url, "api_key": "none"},
            "converse": {"model": f"bedrock/converse/{MODEL}", **signed, **tools},
            "invoke": {"model": f"bedrock/invoke/{claude}", "model_id": MODEL, **signed},
        }

    def ask(self, name, messages=QUESTION, **more):
        asked = {"max_tokens": 32, "temperature": 0, "num_retries": 0, "max_retries": 0, "timeout": 300}
        return litellm.completion(**self.by_name[name] | {"messages": messages} | asked | more)


def told(answer):
    usage = answer.usage
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens, usage
    return answer.choices[0].message.content, usage.prompt_tokens, usage.completion_tokens


def test_completion(routes):
    answers = {name: routes.ask(name) for name in routes.by_name}
    for name, answer in answers.items():
        assert isinstance(answer, litellm.ModelResponse) and "Paris" in answer.choices[0].message.content, (name, answer)
        assert answer.choices[0].finish_reason in ("stop", "length"), (name, answer)
    assert len({told(answer) for answer in answers.values()}) == 1, f"another API, other text or usage: {answers}"


def test_cached_tokens(routes):
    for name in routes.by_name:
        routes.ask(name, max_tokens=1)
        usage = routes.ask(name, max_tokens=1).usage
        assert 0 < usage.prompt_tokens_details.cached_tokens < usage.prompt_tokens, (name, usage)


def test_stream_equals_whole(routes):
    for name in routes.by_name:
        whole = routes.ask(name)
        chunks = list(routes.ask(name, stream=True, stream_options={"include_usage": True}))
        deltas = [c.choices[0].delta.content for c in chunks if c.choices and c.choices[0].delta.content]
        assert len(deltas) > 1 and "".join(deltas) == whole.choices[0].message.content, (name, deltas)
        reasons = [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason]
        assert reasons == [whole.choices[0].finish_reason], (name, reasons)
        assert told(litellm.stream_chunk_builder(chunks, messages=QUESTION)) == told(whole), (name, chunks[-1])


def test_forced_tool_and_its_result(routes):
    for name in routes.by_name:
        asked = [{"role": "user", "content": "What is the weather in Paris?"}]
        answer = routes.ask(name, asked, tools=[WEATHER], tool_choice="required", max_tokens=100).choices[0]
        (call,) = answer.message.tool_calls
        assert answer.finish_reason == "tool_calls" and call.function.name == "get_weather" and call.id, (name, answer)
        assert isinstance(json.loads(call.function.arguments)["city"], str), (name, call)
        chunks = list(
            routes.ask(name, asked, tools=[WEATHER], tool_choice="required", max_tokens=100, stream=True)
        )
        (streamed,) = litellm.stream_chunk_builder(chunks, messages=asked).choices[0].message.tool_calls
        assert json.loads(streamed.function.arguments) == json.loads(call.function.arguments), (name, streamed)
        result = {"role": "tool", "tool_call_id": call.id, "content": "Sunny, 21 degrees."}
        after = routes.ask(name, [*asked, answer.message.model_dump(), result], tools=[WEATHER])
        assert after.choices[0].message.content or after.choices[0].message.tool_calls, (name, after)


def test_json_schema(routes):
    schema = {"type": "object", "properties": {"city": {"enum": ["Paris", "Rome"]}, "sure": {"type": "boolean"}}}
    schema |= {"required": ["city", "sure"], "additionalProperties": False}
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}
    answer = routes.ask("openai", response_format=form, max_tokens=100)
    value = json.loads(answer.choices[0].message.content)
    assert value["city"] in ("Paris", "Rome") and isinstance(value["sure"], bool), answer


def test_responses(routes):
    ask = routes.by_name["openai"] | {"temperature": 0, "max_output_tokens": 32}
    answer = litellm.responses(input=QUESTION[0]["content"], **ask)
    assert answer.status == "completed" and "Paris" in answer.output[0].content[0].text, answer
    events = list(litellm.responses(input=QUESTION[0]["content"], stream=True, **ask))
    kinds = [getattr(event.type, "value", event.type) for event in events]
    assert kinds[0] == "response.created" and kinds[-1] == "response.completed", kinds
    text = "".join(e.delta for e, kind in zip(events, kinds) if kind == "response.output_text.delta")
    assert text == answer.output[0].content[0].text, text
    again = litellm.responses(input="And of Italy?", previous_response_id=answer.id, **ask)
    assert again.usage.input_tokens > answer.usage.input_tokens, again


def test_errors_have_their_classes(routes):
    for name, route in routes.by_name.items():
        with raises(litellm.NotFoundError, "no-such-model"):
            routes.ask(name, **{key: route[key].replace(MODEL, "no-such-model") for key in ("model", "model_id") if key in route})
        with raises(litellm.ContextWindowExceededError):
            routes.ask(name, [{"role": "user", "content": "word " * 20000}])
        with raises(litellm.BadRequestError, "temperature"):
            routes.ask(name, temperature=9)


def test_closing_a_stream_early(routes):
    for name in routes.by_name:
        next(iter(routes.ask(name, max_tokens=1000, stream=True)))
        assert routes.ask(name, max_tokens=1).usage.completion_tokens == 1, name


def main():
    with contextlib.ExitStack() as stack:
        url = os.environ.get("BEDPLATE_URL") or f"http://127.0.0.1:{stack.enter_context(private_server()).port}"
        routes = Routes(url)
        return run(globals(), lambda test: test(routes), sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
