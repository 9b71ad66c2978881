"""LangChain's chat models against the server with smollm2-135m: langchain-openai (chats and Responses), -anthropic, -aws.

Method: the same tests for each of them, through LangChain's one interface. It gives messages, usage and errors in one
form, so that the APIs can be held against each other; an overflow must be told so that LangChain knows it for one.
"""

import asyncio
import contextlib
import os
import pathlib
import sys

import anthropic
import botocore.exceptions
import langchain_core.exceptions
import openai
import pydantic
from botocore.config import Config
from langchain_anthropic import ChatAnthropic
from langchain_aws import ChatBedrock, ChatBedrockConverse
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from bedplate_process import MODEL, private_server  # noqa: E402
from runner import raises, run  # noqa: E402

QUESTION = "What is the capital of France? Answer in one short sentence."
# The newest version of Anthropic's API has no temperature; the first one still does.
FIRST = {"default_headers": {"anthropic-version": "2023-06-01"}, "model_kwargs": {"extra_body": {"temperature": 0}}}
SIGNED = {
    "region_name": "eu-west-1",
    "aws_access_key_id": "none",
    "aws_secret_access_key": "none",
    "config": Config(retries={"total_max_attempts": 1}, read_timeout=300),
}


def makers(url):
    """Each chat model by name: what makes it for a model and a number of tokens."""
    to_openai = {"base_url": f"{url}/v1", "api_key": "none", "temperature": 0, "max_retries": 0}
    to_anthropic = {"base_url": url, "api_key": "none", "max_retries": 0} | FIRST
    # langchain-aws goes by a model's name to tell what it can do, unless it is told.
    to_bedrock = {"endpoint_url": url, "temperature": 0, "base_model": "anthropic.claude-3-haiku-20240307-v1:0"} | SIGNED
    return {
        "chat": lambda model, most: ChatOpenAI(model=model, max_completion_tokens=most, stream_usage=True, **to_openai),
        "responses": lambda model, most: ChatOpenAI(
            model=model, max_completion_tokens=most, use_responses_api=True, **to_openai
        ),
        "anthropic": lambda model, most: ChatAnthropic(model=model, max_tokens=most, **to_anthropic),
        "converse": lambda model, most: ChatBedrockConverse(model=model, max_tokens=most, provider="anthropic", **to_bedrock),
        "invoke": lambda model, most: ChatBedrock(model=model, max_tokens=most, provider="anthropic", **to_bedrock),
    }


class Models:
    def __init__(self, url):
        self._makers = makers(url)
        self.names = list(self._makers)

    def __call__(self, name, most=32, model=MODEL):
        return self._makers[name](model, most)


@tool
def get_weather(city: str) -> str:
    """The weather in a city"""
    return f"Sunny in {city}, 21 degrees."


# The same tool, written out: bounded, so that a small model comes to its end, which LangChain's own schema of it isn't.
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


class Answer(pydantic.BaseModel, extra="forbid"):
    """What the capital is"""

    city: str = pydantic.Field(max_length=16)
    sure: bool


def told(message):
    usage = message.usage_metadata
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"], usage
    return message.text, usage["input_tokens"], usage["output_tokens"]


def test_invoke(models):
    answers = {}
    for name in models.names:
        message = models(name).invoke([SystemMessage("You are terse."), HumanMessage(QUESTION)])
        assert isinstance(message, AIMessage) and "Paris" in message.text, message
        answers[name] = told(message)
    assert len(set(answers.values())) == 1, f"another API, other text or usage: {answers}"


def test_cached_tokens(models):
    for name in models.names:
        models(name, 1).invoke(QUESTION)
        usage = models(name, 16).invoke(QUESTION).usage_metadata
        assert 0 < usage["input_token_details"]["cache_read"] < usage["input_tokens"], (name, usage)


def test_stream_equals_whole(models):
    for name in models.names:
        whole = models(name).invoke(QUESTION)
        chunks = list(models(name).stream(QUESTION))
        assert all(isinstance(chunk, AIMessageChunk) for chunk in chunks) and len([c for c in chunks if c.text]) > 1
        total = chunks[0]
        for chunk in chunks[1:]:
            total += chunk
        assert told(total) == told(whole), (name, total, whole)


def test_asynchronous_stream(models):
    async def text(name):
        return "".join([chunk.text async for chunk in models(name).astream(QUESTION)])

    async def all_of_them():
        return await asyncio.gather(*(text(name) for name in models.names))

    texts = asyncio.run(all_of_them())
    assert texts[0] and len(set(texts)) == 1, texts


def test_forced_tool_and_its_result(models):
    for name in models.names:
        with_tool = models(name, 100).bind_tools([WEATHER], tool_choice="any")
        message = with_tool.invoke("What is the weather in Paris?")
        assert len(message.tool_calls) == 1 and not message.invalid_tool_calls, (name, message)
        (call,) = message.tool_calls
        assert call["name"] == "get_weather" and list(call["args"]) == ["city"] and call["id"], (name, call)
        result = get_weather.invoke(call)
        assert isinstance(result, ToolMessage) and result.tool_call_id == call["id"]
        after = models(name).bind_tools([WEATHER]).invoke(
            [HumanMessage("What is the weather in Paris?"), message, result]
        )
        assert after.text or after.tool_calls, (name, after)


def test_streamed_tool_call(models):
    for name in models.names:
        with_tool = models(name, 100).bind_tools([WEATHER], tool_choice="get_weather")
        total = None
        for chunk in with_tool.stream("What is the weather in Paris?"):
            total = chunk if total is None else total + chunk
        (call,) = total.tool_calls
        assert call["name"] == "get_weather" and list(call["args"]) == ["city"] and call["id"], (name, total)
        assert told(total)[2] < 100, (name, "cut off", total)


def test_structured_output(models):
    for name in models.names:
        way = {"method": "json_schema"} if name in ("chat", "responses", "anthropic") else {}
        answer = models(name, 100).with_structured_output(Answer, **way).invoke(QUESTION)
        assert isinstance(answer, Answer) and len(answer.city) <= 16, (name, answer)


def test_counted_tokens(models):
    usage = models("anthropic", 1).invoke(QUESTION).usage_metadata
    assert models("anthropic").get_num_tokens_from_messages([HumanMessage(QUESTION)]) == usage["input_tokens"]


def test_errors_have_their_classes(models):
    unknown = {
        "chat": openai.NotFoundError,
        "responses": openai.NotFoundError,
        "anthropic": anthropic.NotFoundError,
        "converse": botocore.exceptions.ClientError,
        "invoke": botocore.exceptions.ClientError,
    }
    for name in models.names:
        with raises(unknown[name], "no-such-model"):
            models(name, model="no-such-model").invoke(QUESTION)


def test_an_overflow_is_known_for_one(models):
    for name in models.names:
        if name == "invoke":
            continue  # langchain-aws looks for overflows in Converse alone
        with raises(langchain_core.exceptions.ContextOverflowError):
            models(name).invoke("word " * 20000)
        with raises(langchain_core.exceptions.ContextOverflowError):
            list(models(name).stream("word " * 20000))


def test_closing_a_stream_early(models):
    for name in models.names:
        stream = models(name, 1000).stream(QUESTION)
        next(stream)
        stream.close()
        assert models(name, 16).invoke(QUESTION).usage_metadata["output_tokens"] <= 16


def main():
    with contextlib.ExitStack() as stack:
        url = os.environ.get("BEDPLATE_URL") or f"http://127.0.0.1:{stack.enter_context(private_server()).port}"
        models = Models(url)
        return run(globals(), lambda test: test(models), sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
