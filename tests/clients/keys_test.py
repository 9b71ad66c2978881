"""Keys, limits and TLS as the official SDKs show them: the class of each error, the limits' fields, whose cache it is.

Method: a server of its own with a key file made by `bedplate key new` and a certificate that signs itself, trusted as
docs/keys.md says. Each test has keys of its own, so that no test uses up another's minute.
"""

import contextlib
import os
import pathlib
import sys
import tempfile

import anthropic
import openai

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from bedplate_process import MODEL, Server, make_keys, model_path  # noqa: E402
from runner import raises, run  # noqa: E402

QUESTION = [{"role": "user", "content": "What is the capital of France? Answer in one short sentence."}]
ASK = {"model": MODEL, "messages": QUESTION, "max_tokens": 4}
KEYS = {
    "plain": "",
    "other": "",
    "elsewhere": 'models = ["another-model"]',
    "rare": "requests_per_minute = 2",
    "rare-too": "requests_per_minute = 2",
    "short": "tokens_per_minute = 20",
    "capped": "output_tokens_max = 3",
    "past": "expires = 2020-01-01",
}


class Clients:
    """The SDKs' clients for a key's name, or for a secret that is none."""

    def __init__(self, url, secrets):
        self._url, self._secrets = url, secrets

    def openai(self, name):
        return openai.OpenAI(base_url=f"{self._url}/v1", api_key=self._secrets.get(name, name), max_retries=0)

    def anthropic(self, name):
        return anthropic.Anthropic(base_url=self._url, api_key=self._secrets.get(name, name), max_retries=0)


def test_the_right_key(clients):
    assert clients.openai("plain").chat.completions.create(**ASK).usage.completion_tokens == 4
    assert [m.id for m in clients.openai("plain").models.list()] == [MODEL]
    assert clients.anthropic("plain").messages.create(**ASK).usage.output_tokens == 4
    stream = clients.openai("plain").chat.completions.create(**ASK, stream=True)
    assert [c.choices[0].finish_reason for c in stream][-1] == "length"


def test_a_wrong_key(clients):
    for name, code in [("bp_" + "A" * 43, "invalid_api_key"), ("past", "expired_key")]:
        with raises(openai.AuthenticationError, code=code):
            clients.openai(name).chat.completions.create(**ASK)
        with raises(anthropic.AuthenticationError):
            clients.anthropic(name).messages.create(**ASK)


def test_a_model_of_others(clients):
    with raises(openai.PermissionDeniedError, MODEL, code="model_not_found"):
        clients.openai("elsewhere").chat.completions.create(**ASK)
    with raises(anthropic.PermissionDeniedError, MODEL):
        clients.anthropic("elsewhere").messages.create(**ASK)
    assert list(clients.openai("elsewhere").models.list()) == []
    with raises(openai.NotFoundError, code="model_not_found"):
        clients.openai("plain").chat.completions.create(**ASK | {"model": "another-model"})
    with raises(anthropic.NotFoundError):
        clients.anthropic("plain").messages.create(**ASK | {"model": "another-model"})


def test_requests_per_minute(clients):
    client = clients.openai("rare")
    fields = client.chat.completions.with_raw_response.create(**ASK).headers
    assert fields["x-ratelimit-limit-requests"] == "2" and fields["x-ratelimit-remaining-requests"] == "1", fields
    client.chat.completions.create(**ASK)
    with raises(openai.RateLimitError, "requests per minute", code="rate_limit_exceeded") as caught:
        client.chat.completions.create(**ASK)
    assert 1 <= int(caught.error.response.headers["retry-after"]) <= 30
    other = clients.anthropic("rare-too")
    fields = other.messages.with_raw_response.create(**ASK).headers
    assert fields["anthropic-ratelimit-requests-remaining"] == "1", fields
    other.messages.create(**ASK)
    with raises(anthropic.RateLimitError, "requests per minute") as caught:
        other.messages.create(**ASK)
    assert caught.error.response.headers["anthropic-ratelimit-requests-remaining"] == "0"


def test_caps(clients):
    with raises(openai.APIStatusError, "tokens per minute", code="prompt_exceeds_rate_limit") as caught:
        clients.openai("short").chat.completions.create(**ASK)
    assert caught.error.status_code == 413
    with raises(openai.BadRequestError, "at most 3", code="max_tokens_exceeds_key"):
        clients.openai("capped").chat.completions.create(**ASK)
    answer = clients.anthropic("capped").messages.create(**ASK)
    assert answer.usage.output_tokens == 3 and answer.stop_reason == "model_context_window_exceeded", answer


def test_nobody_learns_of_anothers_prompts(clients):
    secret = [{"role": "user", "content": "The launch code is seven seven four, keep it to yourself. " * 10}]

    def cached(name, **more):
        answer = clients.openai(name).chat.completions.create(**ASK | {"messages": secret}, extra_body=more)
        return answer.usage.prompt_tokens_details.cached_tokens

    assert cached("plain") < 64  # no more than the template's own words, which this key has sent before
    assert cached("plain") > 64
    assert cached("other") == 0
    assert cached("other", cache_salt="a") == 0
    assert cached("other", cache_salt="a") > 64


def test_an_untrusted_certificate(clients):
    trusted = os.environ.pop("SSL_CERT_FILE")
    try:
        with raises(openai.APIConnectionError):
            clients.openai("plain").models.list()
    finally:
        os.environ["SSL_CERT_FILE"] = trusted


def main():
    with contextlib.ExitStack() as stack:
        data = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        secrets = {name: made["key"] for name, made in make_keys(data / "keys.toml", KEYS).items()}
        server = stack.enter_context(Server("--keys", data / "keys.toml", "--tls", model=model_path(), data=data))
        os.environ["SSL_CERT_FILE"] = str(data / "tls/cert.pem")
        clients = Clients(f"https://127.0.0.1:{server.port}", secrets)
        status = run(globals(), lambda test: test(clients), sys.argv[1:])
        log = server.output()
        assert not any(secret in log for secret in secrets.values()), "a secret is in the log"
        return status


if __name__ == "__main__":
    sys.exit(main())
