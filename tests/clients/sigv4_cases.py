"""Signed requests as JSON, for serve_test (SigV4.*), which verifies each one and then with each of its bytes changed.

    sigv4_cases.py                 requests to Bedrock that botocore signs: src/serve/testdata/sigv4_cases.json
    sigv4_cases.py --suite FOLDER  AWS's own test suite, which botocore's source archive holds (aws4_testsuite)

A case: name, method, path, query, fields, body, secret, service, time (Unix seconds), canonical request.
"""

import argparse
import calendar
import json
import pathlib
import sys
import time

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


def from_suite(folder):
    """A folder of the suite has the signed request (.sreq) and its canonical form (.creq)."""
    for signed in sorted(folder.rglob("*.sreq")):
        head, _, body = signed.read_text().partition("\n\n")
        lines = head.split("\n")
        method, _, rest = lines[0].partition(" ")
        path, _, query = rest.rpartition(" ")[0].partition("?")
        fields = []
        for line in lines[1:]:
            if line[0] in " \t":
                fields[-1][1] += "\n" + line
            else:
                name, _, value = line.partition(":")
                fields.append([name.lower(), value.strip()])
        when = next(value.strip() for name, value in fields if name == "x-amz-date")
        yield {
            "name": signed.stem,
            "method": method,
            "path": path,
            "query": query,
            "fields": fields,
            "body": body,
            "secret": SECRET,
            "service": "service",
            "time": calendar.timegm(time.strptime(when, "%Y%m%dT%H%M%SZ")),
            "canonical": signed.with_suffix(".creq").read_text(),
        }


def from_botocore():
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    host = "http://127.0.0.1:8080"
    arn = "arn%3Aaws%3Abedrock%3Aeu-west-1%3A%3Afoundation-model%2Fmeta.llama3-8b-instruct-v1%3A0"
    body = '{"messages":[{"role":"user","content":[{"text":"Grüße, 世界"}]}]}'
    asked = {
        "converse": ("POST", "/model/smollm2-135m/converse", body),
        "a colon in the id": ("POST", "/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse-stream", body),
        "an ARN": ("POST", f"/model/{arn}/invoke", body),
        "no body": ("GET", "/foundation-models", None),
        "a query": ("GET", "/foundation-models?byProvider=a%20b&byOutputModality=TEXT&byInferenceType=", None),
        "a body of white space": ("POST", "/openai/v1/chat/completions", " \n"),
    }
    for name, (method, target, text) in asked.items():
        request = AWSRequest(method=method, url=host + target, data=text.encode() if text else None)
        request.headers["Content-Type"] = "application/json"
        request.headers["amz-sdk-request"] = "attempt=1;   max=3 "
        auth = SigV4Auth(Credentials("BPAKEXAMPLE00001", SECRET), "bedrock", "eu-west-1")
        auth.add_auth(request)
        authorization = request.headers["Authorization"]
        del request.headers["Authorization"]  # it isn't part of what it signs
        path, _, query = target.partition("?")
        fields = [[key.lower(), value] for key, value in request.headers.items()]
        fields.append(["authorization", authorization])
        yield {
            "name": name,
            "method": method,
            "path": path,
            "query": query,
            "fields": [["host", "127.0.0.1:8080"], ["user-agent", "not signed"]] + fields,
            "body": text or "",
            "secret": SECRET,
            "service": "bedrock",
            "time": calendar.timegm(time.strptime(request.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ")),
            "canonical": auth.canonical_request(request),
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", type=pathlib.Path)
    arguments = parser.parse_args()
    cases = list(from_suite(arguments.suite) if arguments.suite else from_botocore())
    if not cases:
        sys.exit(f"no *.sreq under {arguments.suite}")
    json.dump(cases, sys.stdout, ensure_ascii=False, indent=1)
    print()


if __name__ == "__main__":
    main()
