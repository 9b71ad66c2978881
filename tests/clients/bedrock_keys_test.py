"""boto3 against a server with keys: who signs rightly is let in, and nobody else.

Method: the SDK where it signs; http.client where a request that botocore signed is changed, a byte at a time, and sent
over plain HTTP. Every change must be a 403 with one of the exceptions that AWS has for credentials.
"""

import contextlib
import datetime
import http.client
import json
import pathlib
import sys
import tempfile
import urllib.parse

import boto3
import botocore.exceptions
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from bedplate_process import MODEL, make_keys, private_server  # noqa: E402
from runner import raises, run  # noqa: E402

ASK = {"messages": [{"role": "user", "content": [{"text": "Hi"}]}], "inferenceConfig": {"maxTokens": 1}}
EXCEPTIONS = {
    "AccessDeniedException",
    "IncompleteSignatureException",
    "InvalidSignatureException",
    "UnrecognizedClientException",
    "MissingAuthenticationTokenException",
}


class Service:
    def __init__(self, server, pair):
        self.port = server.port
        self.id, self.secret = pair["access_key_id"], pair["secret_access_key"]

    def client(self, access=None, secret=None, **more):
        return boto3.client(
            "bedrock-runtime",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name="eu-west-1",
            aws_access_key_id=access or self.id,
            aws_secret_access_key=secret or self.secret,
            config=Config(retries={"total_max_attempts": 1}),
            **more,
        )

    def signed(self, path=f"/model/{MODEL}/converse", query="a=b"):
        """A request as (path, query, headers, body), with botocore's signature."""
        url = f"http://127.0.0.1:{self.port}{path}?{query}"
        request = AWSRequest(method="POST", url=url, data=json.dumps(ASK).encode())
        request.headers["Content-Type"] = "application/json"
        SigV4Auth(Credentials(self.id, self.secret), "bedrock", "eu-west-1").add_auth(request)
        return path, query, dict(request.headers.items()), request.body

    def send(self, path, query, headers, body):
        """(status, exception's name)"""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("POST", f"{path}?{query}", body, headers)
            answer = connection.getresponse()
            answer.read()
            return answer.status, answer.getheader("x-amzn-errortype")
        finally:
            connection.close()


def other(byte):
    return b"z"[0] if byte == b"q"[0] else b"q"[0]


def test_signed_requests_are_let_in(service):
    answer = service.client().converse(modelId=MODEL, **ASK)
    assert answer["usage"]["outputTokens"] == 1, answer
    events = list(service.client().converse_stream(modelId=MODEL, **ASK)["stream"])
    assert "metadata" in events[-1]
    arn = f"arn:aws:bedrock:eu-west-1::foundation-model/{MODEL}"
    assert service.client().converse(modelId=arn, **ASK)["usage"]["outputTokens"] == 1, "a path that is encoded twice"
    assert service.send(*service.signed())[0] == 200


def test_others_are_not(service):
    def error(kind, client):
        with raises(botocore.exceptions.ClientError) as caught:
            client.converse(modelId=MODEL, **ASK)
        assert caught.error.response["Error"]["Code"] == kind, caught.error
        assert caught.error.response["ResponseMetadata"]["HTTPStatusCode"] == 403

    error("InvalidSignatureException", service.client(secret=service.secret[::-1]))
    error("UnrecognizedClientException", service.client(access="BPAKNOBODYKNOWS0001"))
    error("UnrecognizedClientException", service.client(aws_session_token="temporary"))
    path, query, headers, body = service.signed()
    del headers["Authorization"]
    assert service.send(path, query, headers, body) == (403, "MissingAuthenticationTokenException")
    headers["Authorization"] = "Bearer " + service.secret
    assert service.send(path, query, headers, body)[0] == 403, "a pair's secret is no bearer key"


def test_no_signed_byte_can_be_changed(service):
    path, query, headers, body = service.signed()
    tried = 0

    def refused(*request):
        nonlocal tried
        tried += 1
        status, kind = service.send(*request)
        assert status == 403 and kind in EXCEPTIONS, (status, kind, request)

    for at, byte in enumerate(body):
        refused(path, query, headers, body[:at] + bytes([other(byte)]) + body[at + 1 :])
    for at in range(path.index(MODEL), path.index(MODEL) + len(MODEL)):
        refused(path[:at] + chr(other(ord(path[at]))) + path[at + 1 :], query, headers, body)
    for at in range(len(query)):
        refused(path, query[:at] + chr(other(ord(query[at]))) + query[at + 1 :], headers, body)
    for name, value in headers.items():
        for at, letter in enumerate(value):
            if letter == " ":
                continue
            changed = value[:at] + chr(other(ord(letter))) + value[at + 1 :]
            # Who changes the scheme asks to be let in as somebody without a key.
            refused(path, query, headers | {name: changed}, body)
    refused(path, query, headers, body + b" ")
    refused(path, query, headers | {"X-Amz-Extra": "1"}, body)
    print(f"    {tried} changed requests, each a 403")
    assert tried > 300 and service.send(path, query, headers, body)[0] == 200, "unchanged it is let in"


def test_signatures_expire(service):
    import botocore.auth

    real = botocore.auth.get_current_datetime
    for shift, status in ((-280, 200), (-320, 403), (320, 403)):
        botocore.auth.get_current_datetime = lambda shift=shift: real() + datetime.timedelta(seconds=shift)
        try:
            request = service.signed()
        finally:
            botocore.auth.get_current_datetime = real
        assert service.send(*request)[0] == status, shift


def test_a_key_is_asked_for_everywhere(service):
    for path in (f"/model/{MODEL}/converse", f"/model/{MODEL}/invoke", f"/model/{MODEL}/count-tokens"):
        assert service.send(path, "", {"Content-Type": "application/json"}, b"{}")[0] == 403, path
    path = "/openai/v1/chat/completions"
    asked = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}).encode()
    assert service.send(path, "", {"Content-Type": "application/json"}, asked)[0] == 401
    url = urllib.parse.urlunsplit(("http", f"127.0.0.1:{service.port}", path, "", ""))
    request = AWSRequest(method="POST", url=url, data=asked, headers={"Content-Type": "application/json"})
    SigV4Auth(Credentials(service.id, service.secret), "bedrock", "eu-west-1").add_auth(request)
    assert service.send(path, "", dict(request.headers.items()), asked)[0] == 200, "OpenAI's API, signed"


def main():
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        keys = folder / "keys.toml"
        pair = make_keys(keys, {"tests": ""})["tests"]
        service = Service(stack.enter_context(private_server("--keys", keys)), pair)
        return run(globals(), lambda test: test(service), sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
