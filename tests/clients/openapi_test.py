"""/openapi.json beside what the server does, with jsonschema and openapi-spec-validator, which are others' work.

Method: every operation of the document is called, with each of its examples: what is sent fits the request's schema, and
what comes back, streamed or not, fits the answer's; and so do errors. Then each value in each example is replaced by
values of other types, or left out: what the schema refuses the server must refuse, and what the schema lets through the
server must take, but for rules between fields, which no schema tells. Those are asked of a model that isn't there, so
that a body which is read costs nothing.
"""

import base64
import contextlib
import copy
import http.client
import json
import os
import pathlib
import re
import sys
import urllib.parse

import botocore.eventstream
import jsonschema
import openapi_spec_validator

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from bedplate_process import MODEL, private_server  # noqa: E402
from runner import run  # noqa: E402

NO_MODEL = "no-such-model"
EXAMPLES_MODEL = "smollm2-135m"
ODD = [None, -1, 2.5, 10**12, "odd", True, [], [[]], {}, {"odd": 1}]
# Rules between fields, in the words that they are refused with.
RELATIONS = [
    "'stream_options' parameter is only allowed",  # without stream
    "'top_logprobs' needs 'logprobs'",
    "asks for a call",  # a choice among tools that aren't there
    "there are no tools",
    "'tools' has no custom tool",
    "both say what the output must look like",
    "of 'json', 'regex', 'choice', 'grammar' and 'json_object'",  # exactly one
    "No tool call found for function call output",
    "'background' needs 'store'",
    "Previous response with id",
    "Item with id",
    "Missing required parameter: 'input'",  # without a response before
    r"Invalid 'max_tokens': 0 is out of range",  # without echo
    "'best_of' is",
    "'n' above 1 together with",
    "the string is no JSON schema",
    "it is no base64",
    "not UTF-8 text in base64",
    "can't be read; send txt, md, csv or html",
    "a user's message is required",
]


class Served:
    def __init__(self, url):
        where = urllib.parse.urlsplit(url)
        self._connection = http.client.HTTPConnection(where.hostname, where.port, timeout=120)
        self.document = json.loads(self.ask("GET", "/openapi.json")[2])

    def ask(self, method, path, body=None, headers=None):
        """(status, type, body)"""
        fields = {"Content-Type": "application/json"} if body is not None else {}
        text = json.dumps(body) if body is not None else None
        self._connection.request(method, path, text, fields | (headers or {}))
        answer = self._connection.getresponse()
        raw = answer.read()
        return answer.status, (answer.getheader("content-type") or "").split(";")[0], raw

    def validator(self, schema):
        return jsonschema.Draft202012Validator(schema | {"components": self.document["components"]})

    def operations(self):
        """All but what only a browser on the console's page may do (serve/console_session_server_test.cc)."""
        for path, methods in self.document["paths"].items():
            if path == "/console/session":
                continue
            for method, operation in methods.items():
                yield method.upper(), path, operation

    def examples(self):
        """(path, operation, the schema of its body, an example) of those that have a body"""
        for _, path, operation in self.operations():
            if "requestBody" in operation:
                content = operation["requestBody"]["content"]["application/json"]
                for example in content["examples"].values():
                    yield path, operation, content["schema"], example["value"]


def filled(path, **values):
    return re.sub(r"\{(\w+)\}", lambda found: urllib.parse.quote(values[found[1]], safe=""), path)


def of_model(example, model):
    return example | {"model": model} if "model" in example else example


def events_of(kind, raw):
    """What a stream's events carry, in the form that the document tells."""
    if kind == "text/event-stream":
        data = [line.removeprefix("data: ") for line in raw.decode().splitlines() if line.startswith("data: ")]
        return [one if one == "[DONE]" else json.loads(one) for one in data]
    buffer = botocore.eventstream.EventStreamBuffer()
    buffer.add_data(raw)
    return [{e.headers[":event-type"]: json.loads(e.payload)} for e in buffer]


def check_answer(served, operation, answer, about):
    """Holds it to the schema that the document has for its status and type; returns what it carries."""
    status, kind, raw = answer
    told = operation["responses"].get(str(status)) or operation["responses"].get(f"{status // 100}XX")
    assert told, (about, status, "a status that is not told")
    if "$ref" in told:
        told = served.document["components"]["responses"][told["$ref"].rsplit("/", 1)[1]]
    assert kind in told["content"], (about, kind, "a type that is not told")
    schema = told["content"][kind]["schema"]
    if "contentSchema" in schema:
        events = events_of(schema["contentMediaType"], raw)
        assert events, about
        for event in events:
            served.validator(schema["contentSchema"]).validate(event)
        return events
    value = json.loads(raw) if kind == "application/json" else raw.decode()
    served.validator(schema).validate(value)
    return value


def test_is_a_valid_document(served):
    openapi_spec_validator.validate(served.document)
    assert served.document["openapi"].startswith("3.1.")
    for name, schema in served.document["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema), name


def test_every_example_and_its_answer_fit(served):
    kinds = set()
    for path, operation, schema, example in served.examples():
        served.validator(schema).validate(example)
        answer = served.ask("POST", filled(path, modelId=MODEL), of_model(example, MODEL))
        about = (path, example, answer[2][:300])
        assert answer[0] == 200, about
        check_answer(served, operation, answer, about)
        kinds.add((operation["operationId"], answer[1]))
    for _, path, operation in served.operations():
        if "requestBody" in operation:
            for kind in operation["responses"]["200"]["content"]:
                assert (operation["operationId"], kind) in kinds, (path, f"no example is answered with {kind}")


def test_every_operation_without_a_body(served):
    """Those of responses on one that was made for them; the rest as they are."""
    for method, path, operation in served.operations():
        if "requestBody" in operation:
            continue
        made = {"model": MODEL, "input": "Hi", "max_output_tokens": 4, "background": True, "stream": True}
        prefix = path[: path.index("/v1/")] if "/v1/" in path else ""
        first = events_of("text/event-stream", served.ask("POST", f"{prefix}/v1/responses", made)[2])[0]
        values = {"response_id": first["response"]["id"], "model": MODEL, "modelId": MODEL}
        headers = {"accept-encoding": "identity"}
        check_answer(served, operation, served.ask(method, filled(path, **values), headers=headers), path)
        names = [parameter["name"] for parameter in operation.get("parameters", [])]
        if "stream" in names:
            events = check_answer(served, operation, served.ask(method, filled(path, **values) + "?stream=true"), path)
            assert events[-1]["type"] in ("response.completed", "response.incomplete"), events[-1]
            later = served.ask(method, filled(path, **values) + "?stream=true&starting_after=1")
            assert check_answer(served, operation, later, path) == events[2:]
        if "anthropic-version" in names:
            other = {"anthropic-version": "2023-06-01"}
            check_answer(served, operation, served.ask(method, filled(path, **values), headers=other), path)


def test_errors_fit(served):
    for method, path, operation in served.operations():
        body = {} if "requestBody" in operation else None
        unknown = {"response_id": "resp_none", "model": NO_MODEL, "modelId": NO_MODEL}
        if body is None and "{" not in path:
            continue
        answer = served.ask(method, filled(path, **unknown), body)
        assert answer[0] in (400, 404), (path, answer)
        check_answer(served, operation, answer, path)
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "query" and parameter["schema"].get("type") == "integer" and "response" not in path:
                answer = served.ask(method, f"{filled(path, model=MODEL)}?{parameter['name']}=-7", headers={"anthropic-version": "1"})
                assert answer[0] == 400, (path, parameter, answer)
                check_answer(served, operation, answer, path)


def places(value, at=()):
    """The paths of all values inside, the outermost first."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in inner:
        yield (*at, name)
        yield from places(member, (*at, name))


def changed(example, place, value, leave_out=False):
    copied = copy.deepcopy(example)
    holder = copied
    for name in place[:-1]:
        holder = holder[name]
    if leave_out:
        del holder[place[-1]]
    else:
        holder[place[-1]] = value
    return copied


def in_a_users_schema(place):
    """What a tool's or an output's schema may be is told by docs/structured-output.md."""
    return any(name in ("parameters", "input_schema", "inputSchema", "schema") for name in place[:-1])


def test_the_server_takes_what_the_schemas_take(served):
    tried = refused = 0
    wrong = []
    for path, _, schema, example in served.examples():
        if path.startswith(("/openai/", "/anthropic/")):
            continue  # the same as without
        validator = served.validator(schema)
        asked = filled(path, modelId=NO_MODEL)
        for place in places(example):
            if in_a_users_schema(place):
                continue
            cases = [changed(example, place, value) for value in ODD] + [changed(example, place, None, leave_out=True)]
            for body in cases:
                if body.get("model") == EXAMPLES_MODEL:
                    body["model"] = NO_MODEL
                fits = validator.is_valid(body)
                status, _, raw = served.ask("POST", asked, body)
                tried += 1
                refused += status == 400
                about = f"{path}: {place} {json.dumps(body)[:600]}: {status} {raw[:300]}"
                assert status in (400, 404), about
                if not fits and status != 400:
                    wrong.append(f"the schema refuses what the server takes: {about}")
                rule = any(re.search(words, raw.decode()) for words in RELATIONS)
                if fits and status == 400 and not rule:
                    wrong.append(f"the server refuses what the schema takes: {about}")
    assert not wrong, f"{len(wrong)} of {tried}:\n" + "\n".join(wrong[:20])
    assert tried > 2000 and refused > tried / 4, (tried, refused)
    print(f"        {tried} changed bodies, {refused} of them refused")


def test_count_tokens_reads_the_bodies_that_it_names(served):
    """What is in base64 is out of a schema's reach."""
    operation = served.document["paths"]["/model/{modelId}/count-tokens"]["post"]
    for path, _, _, example in served.examples():
        if path == "/model/{modelId}/invoke":
            body = {"input": {"invokeModel": {"body": base64.b64encode(json.dumps(example).encode()).decode()}}}
            answer = served.ask("POST", filled("/model/{modelId}/count-tokens", modelId=MODEL), body)
            assert check_answer(served, operation, answer, example)["inputTokens"] > 0


def main():
    with contextlib.ExitStack() as stack:
        url = os.environ.get("BEDPLATE_URL") or f"http://127.0.0.1:{stack.enter_context(private_server()).port}"
        served = Served(url)
        return run(globals(), lambda test: test(served), sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
