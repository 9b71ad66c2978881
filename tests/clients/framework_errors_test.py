"""Each class of error that LiteLLM has for an answer, and each that LangChain's models give, provoked once for each API.

Method: as in error_classes_test.py.
"""

import os
import sys

# Else it fetches a list of prices at its import.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
import litellm  # noqa: E402
from botocore.config import Config  # noqa: E402
from langchain_anthropic import ChatAnthropic  # noqa: E402
from langchain_aws import ChatBedrockConverse  # noqa: E402
from langchain_openai import ChatOpenAI  # noqa: E402

import error_server  # noqa: E402
from error_ways import provoke  # noqa: E402

litellm.suppress_debug_info = True
# LangChain's own classes, which those of the integrations for OpenAI and Anthropic are of.
OF_LANGCHAIN = {
    400: "InvalidRequestError",
    "wrong key": "AuthenticationError",
    "another's model": "PermissionDeniedError",
    "unknown model": "ModelNotFoundError",
    "too often": "RateLimitError",
    500: "APIError",
    503: "APIError",
}
# What LiteLLM makes of OpenAI's, Anthropic's and Bedrock's: not the same of all.
OF_LITELLM = {
    400: ["BadRequestError"] * 3,
    "wrong key": ["AuthenticationError", "AuthenticationError", "PermissionDeniedError"],  # at Amazon a 403
    "another's model": ["APIError", "PermissionDeniedError", "PermissionDeniedError"],
    "unknown model": ["NotFoundError"] * 3,
    408: ["Timeout"] * 3,
    409: ["APIError", "BadRequestError", "BadRequestError"],
    422: ["BadRequestError"] * 3,
    "too often": ["RateLimitError"] * 3,
    500: ["InternalServerError", "InternalServerError", "ServiceUnavailableError"],
    503: ["ServiceUnavailableError"] * 3,
}


def signed(way):
    access = {"aws_access_key_id": way.secrets["access_key_id"], "aws_secret_access_key": way.secrets["secret_access_key"]}
    return {"region_name": "eu-west-1"} | access


def routes(way):
    """How LiteLLM is called for each API."""
    access = {"aws_region_name" if name == "region_name" else name: value for name, value in signed(way).items()}
    return [
        {"model": f"openai/{way.model}", "api_base": f"{way.url}/v1", "api_key": way.secrets["key"]},
        {"model": f"anthropic/{way.model}", "api_base": way.url, "api_key": way.secrets["key"]},
        {"model": f"bedrock/converse/{way.model}", "aws_bedrock_runtime_endpoint": way.url} | access,
    ]


def test_litellm():
    asked = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1, "num_retries": 0, "max_retries": 0}
    for api in range(3):
        ways = [(way, classes[api]) for way, classes in OF_LITELLM.items()]
        provoke(ways, lambda way, api=api: litellm.completion(**routes(way)[api], **asked))


def openai_model(way, **more):
    return ChatOpenAI(model=way.model, base_url=f"{way.url}/v1", api_key=way.secrets["key"], max_retries=0, **more)


def test_langchain_openai():
    ways = [(way, f"OpenAI{name}") for way, name in OF_LANGCHAIN.items()]
    ways += [(408, "APIStatusError"), (409, "ConflictError"), (422, "UnprocessableEntityError")]
    for more in ({}, {"use_responses_api": True}):
        provoke(ways, lambda way, more=more: openai_model(way, **more).invoke("Hi"))


def test_langchain_anthropic():
    def ask(way):
        key = way.secrets["key"]
        return ChatAnthropic(model=way.model, base_url=way.url, api_key=key, max_retries=0, max_tokens=1).invoke("Hi")

    ways = [(way, f"Anthropic{name}") for way, name in OF_LANGCHAIN.items()]
    ways += [(408, "RequestTimeoutError"), (409, "ConflictError"), (422, "UnprocessableEntityError")]
    provoke(ways, ask)


def test_langchain_aws():
    """It gives boto3's, as they are."""

    def ask(way):
        model = ChatBedrockConverse(
            model=way.model,
            provider="anthropic",
            disable_streaming=True,
            endpoint_url=way.url,
            config=Config(retries={"total_max_attempts": 1}),
            **signed(way),
        )
        return model.invoke("Hi")

    ways = [
        ("400 ValidationException", "ValidationException"),
        ("wrong key", "ClientError"),  # UnrecognizedClientException, which the runtime's model doesn't name
        ("another's model", "AccessDeniedException"),
        ("unknown model", "ResourceNotFoundException"),
        ("408 ModelTimeoutException", "ModelTimeoutException"),
        ("424 ModelErrorException", "ModelErrorException"),
        ("too often", "ThrottlingException"),
        ("429 ModelNotReadyException", "ModelNotReadyException"),
        ("500 InternalServerException", "InternalServerException"),
        ("503 ServiceUnavailableException", "ServiceUnavailableException"),
    ]
    provoke(ways, ask)


if __name__ == "__main__":
    sys.exit(error_server.run_with_errors(globals(), sys.argv[1:]))
