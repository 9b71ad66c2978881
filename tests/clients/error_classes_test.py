"""Each class of error that the Python SDKs of OpenAI, Anthropic and Amazon have, provoked once.

Method: which classes there are, the SDKs are asked; a new one fails the test until it has a way. What the server answers
by itself is brought about there (an unknown key, a limit, a time that is over); the rest are real errors whose status a
proxy changes on the way.
"""

import json
import sys

import anthropic
import boto3
import botocore.exceptions
import openai
from botocore.config import Config

import error_server
from error_ways import Way, provoke
from runner import raises

# Longer than a second.
LONG = {"type": "array", "items": {"enum": ["word"]}, "minItems": 2000}
LONG_OBJECT = {"type": "object", "properties": {"words": LONG}, "required": ["words"], "additionalProperties": False}
HI = [{"role": "user", "content": "Hi"}]


def ask_openai(way):
    client = openai.OpenAI(base_url=f"{way.url}/v1", api_key=way.secrets["key"], max_retries=0, timeout=60)
    asked = {"max_tokens": 8000, "extra_body": {"ignore_eos": True}} if way.long else {"max_tokens": 1}
    return client.chat.completions.create(model=way.model, messages=HI, **asked)


def ask_anthropic(way):
    client = anthropic.Anthropic(base_url=way.url, api_key=way.secrets["key"], max_retries=0, timeout=60)
    asked = {"max_tokens": 8000} if way.long else {"max_tokens": 1}
    body = {"output_config": {"format": {"type": "json_schema", "schema": LONG_OBJECT}}} if way.long else {}
    return client.messages.create(model=way.model, messages=HI, **asked, extra_body=body)


def bedrock(way):
    return boto3.client(
        "bedrock-runtime",
        endpoint_url=way.url,
        region_name="eu-west-1",
        aws_access_key_id=way.secrets["access_key_id"],
        aws_secret_access_key=way.secrets["secret_access_key"],
        config=Config(retries={"total_max_attempts": 1}, read_timeout=60),
    )


def converse(way):
    asked = {"messages": [{"role": "user", "content": [{"text": "Hi"}]}], "inferenceConfig": {"maxTokens": 1}}
    if way.long:
        structure = {"jsonSchema": {"name": "long", "schema": json.dumps(LONG_OBJECT)}}
        asked["inferenceConfig"] = {"maxTokens": 8000}
        asked["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": structure}}
    return asked


def without_way(module, ways, exempt=()):
    """The classes of answers that the SDK has right below the general ones, less those in the table."""
    general = {module.APIStatusError, module.InternalServerError}
    there = [kind for kind in list(vars(module).values()) if isinstance(kind, type) and kind.__base__ in general]
    return {kind.__name__ for kind in there} - {name for _, name in ways} - set(exempt)


def test_openai():
    ways = [
        (400, "BadRequestError"),
        ("wrong key", "AuthenticationError"),
        ("another's model", "PermissionDeniedError"),
        ("unknown model", "NotFoundError"),
        ("too long", "APIStatusError"),  # a 408 has no class of its own
        (409, "ConflictError"),
        (422, "UnprocessableEntityError"),
        ("too often", "RateLimitError"),
        (500, "InternalServerError"),
        (503, "InternalServerError"),
    ]
    provoke(ways, ask_openai)
    # OAuthError is what a server of tokens answers, which this is not.
    assert not (missing := without_way(openai, ways, exempt=["OAuthError"])), f"no way to {missing}"


def test_anthropic():
    # The first major knows fewer by their status; the newest puts a class below another one's, where it has both.
    newest = hasattr(anthropic, "RequestTimeoutError")

    def since(name, before):
        return name if newest else before

    ways = [
        (400, "BadRequestError"),
        ("wrong key", "AuthenticationError"),
        (402, since("PaymentRequiredError", "APIStatusError")),
        ("another's model", "PermissionDeniedError"),
        ("unknown model", "NotFoundError"),
        ("too long", since("RequestTimeoutError", "APIStatusError")),
        (409, "ConflictError"),
        (412, since("PreconditionFailedError", "APIStatusError")),
        (413, since("ContentTooLargeError", "RequestTooLargeError")),
        (422, "UnprocessableEntityError"),
        ("too often", "RateLimitError"),
        (431, since("RequestHeaderFieldsTooLargeError", "APIStatusError")),
        (499, since("ClientClosedRequestError", "APIStatusError")),
        (500, "InternalServerError"),
        (501, since("HTTPNotImplementedError", "InternalServerError")),
        (503, since("ServiceUnavailableError", "InternalServerError")),
        (504, since("GatewayTimeoutError", "InternalServerError")),
        (529, "OverloadedError"),
    ]
    provoke(ways, ask_anthropic)
    # Those further down tell of details that Anthropic's own platform adds to a status.
    unused = [] if newest else ["ServiceUnavailableError", "DeadlineExceededError"]  # it has them, and raises another
    assert not (missing := without_way(anthropic, ways, unused)), f"no way to {missing}"


def test_bedrock():
    ways = [
        ("400 ValidationException", "ValidationException"),
        ("another's model", "AccessDeniedException"),
        ("unknown model", "ResourceNotFoundException"),
        ("too long", "ModelTimeoutException"),
        ("too often", "ThrottlingException"),
        ("429 ModelNotReadyException", "ModelNotReadyException"),
        ("424 ModelErrorException", "ModelErrorException"),
        ("400 ServiceQuotaExceededException", "ServiceQuotaExceededException"),
        ("500 InternalServerException", "InternalServerException"),
        ("503 ServiceUnavailableException", "ServiceUnavailableException"),
        ("424 ModelStreamErrorException", "ModelStreamErrorException"),
    ]
    provoke(ways[:-1], lambda way: bedrock(way).converse(modelId=way.model, **converse(way)))
    body = json.dumps({"prompt": "Hi"})
    provoke(ways[-1:], lambda way: bedrock(way).invoke_model_with_response_stream(modelId=way.model, body=body))
    model = bedrock(Way("unknown model")).meta.service_model
    for operation in ("Converse", "ConverseStream", "InvokeModel", "InvokeModelWithResponseStream", "CountTokens"):
        for shape in model.operation_model(operation).error_shapes:
            assert shape.name in [name for _, name in ways], f"no way to {shape.name}"


def test_a_bedrock_stream_that_fails():
    """The time is over when the stream has begun."""
    way = Way("too long")
    with raises(botocore.exceptions.EventStreamError, "modelStreamErrorException") as caught:
        for _ in bedrock(way).converse_stream(modelId=way.model, **converse(way))["stream"]:
            pass
    assert caught.error.operation_name == "ConverseStream", caught.error


if __name__ == "__main__":
    sys.exit(error_server.run_with_errors(globals(), sys.argv[1:]))
