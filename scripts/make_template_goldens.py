#!/usr/bin/env python3
"""Renders template cases with Python's jinja2, set up as transformers sets it up, and writes what came out as golden JSON.

    scripts/make_template_goldens.py                 writes src/text/testdata/template_{snippets,families}.json
    scripts/make_template_goldens.py --check BINARY  runs the same cases through a program instead, and prints differences

Needs jinja2 >= 3.1.6. The cases are in scripts/template_cases/: snippets.txt (one small template a line, or a block) and
families/*.jinja (templates written for this test in the manner of the common model families, with the constructs that
the published ones use). A golden case is {"t": template, "i": inputs, "o": output} or has "e": true instead of "o" where
the reference fails; templates and inputs that repeat are stored once.
"""

import argparse
import datetime
import json
import pathlib
import subprocess
import sys

import jinja2
import jinja2.ext
from jinja2.sandbox import ImmutableSandboxedEnvironment

ROOT = pathlib.Path(__file__).resolve().parent.parent
CASES = ROOT / "scripts" / "template_cases"
OUTPUT = ROOT / "src" / "text" / "testdata"
NOW = 1735689600 + 40 * 86400 + 13 * 3600 + 5 * 60 + 9  # 10 February 2025, 13:05:09 UTC


class Generation(jinja2.ext.Extension):
    """{% generation %} marks what the assistant wrote; it prints its body."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    def _body(self, caller):
        return caller()


def environment():
    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def strftime_now(pattern):
        return datetime.datetime.fromtimestamp(NOW, datetime.timezone.utc).replace(tzinfo=None).strftime(pattern)

    env = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols]
    )
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = strftime_now
    return env


def render(env, template, inputs):
    """The text, or None and the reason."""
    variables = {"tools": None, "add_generation_prompt": True, "bos_token": "", "eos_token": ""}
    variables.update(inputs)
    variables.update(variables.pop("chat_template_kwargs", None) or {})
    try:
        text = env.from_string(template).render(**variables)
        text.encode()
        return text, None
    except Exception as error:  # whatever the reference can't do, it says in many classes
        return None, f"{type(error).__name__}: {error}"


SNIPPET_INPUTS = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello, wörld!"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "function": {"name": "f", "arguments": {"x": 1, "y": [1.5, True]}}}]},
        {"role": "tool", "content": "{\"ok\": true}", "name": "f"},
    ],
    "n": 7, "big": 1234567890123, "neg": -3, "x": 2.5, "yes": True, "no": False, "nil": None,
    "s": "The quick  brown fox", "u": "Straße ΣΑΣ ǆ naïve 日本 \U0001f600", "ml": "a\n  b\r\n\nc\u2028d", "empty": "", "sp": " \t pad\u00a0\n",
    "l": [3, 1, 2], "nested": [[1, 2], [3, [4, 5]]], "words": ["pear", "Apple", "fig", "apple", "Fig"],
    "d": {"b": 1, "a": [1, 2], "C": {"k": "v"}, "items": "shadow", "it's": "q\"uote"},
    "people": [{"name": "Ann", "age": 30, "city": "Rome"}, {"name": "bob", "age": 25, "city": "rome"}, {"name": "Cy", "age": 30, "city": None}],
    "control": "\u0001\u001f\u007f\u0085\u00e9\u2028\ud7ff\\ \" ' \b\f",
    "floats": [0.1, 1e16, 123456789012345680.0, 1e-5, 0.0001, -0.0, 1e22, 5e-324, 1.7976931348623157e308, 100.0],
}


def snippets():
    """Blocks between lines of '%%%%'; outside a block every line is a template, '##' starts a comment."""
    block = None
    for line in (CASES / "snippets.txt").read_text(encoding="utf-8").split("\n"):
        if line == "%%%%":
            if block is None:
                block = []
            else:
                yield "\n".join(block)
                block = None
        elif block is not None:
            block.append(line)
        elif line.strip() and not line.startswith("##"):
            yield line


WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather at a place.\nIn degrees <Celsius> & more.",
        "parameters": {
            "type": "object",
            "properties": {
                "place": {"type": "string", "description": "City, country"},
                "days": {"type": ["integer", "null"], "description": "Days ahead", "default": 1},
                "unit": {"type": "string", "enum": ["c", "f"], "default": "c"},
                "options": {
                    "type": "object",
                    "properties": {"wind": {"type": "boolean"}, "tags": {"type": "array", "items": {"type": "string"}}},
                    "required": ["wind"],
                },
                "either": {"anyOf": [{"type": "string"}, {"type": "number"}], "nullable": True},
            },
            "required": ["place"],
        },
        "return": {"type": "string", "description": "A forecast"},
    },
}
CLOCK = {"type": "function", "function": {"name": "now", "description": "The time.", "parameters": {"type": "object", "properties": {}}}}


def call(name, arguments, identity="abcdef123"):
    return {"id": identity, "type": "function", "function": {"name": name, "arguments": arguments}}


CHATS = {
    "one": [{"role": "user", "content": "Hi there <|im_end|>"}],
    "system": [{"role": "system", "content": "  You are terse. "}, {"role": "user", "content": "What is 2+2?"}],
    "turns": [
        {"role": "user", "content": "One\nline"},
        {"role": "assistant", "content": "<think>\nhmm\n</think>\n\nTwo"},
        {"role": "user", "content": "Drei – ünïcode 日本語 😀"},
    ],
    "developer": [{"role": "developer", "content": "Speak French."}, {"role": "user", "content": "Hello"}],
    "parts": [
        {"role": "system", "content": [{"type": "text", "text": "Sys."}]},
        {"role": "user", "content": [{"type": "text", "text": " a "}, {"type": "text", "text": "b"}]},
    ],
    "tool": [
        {"role": "system", "content": "Use tools."},
        {"role": "user", "content": "Weather in Oslo?"},
        {"role": "assistant", "content": "", "tool_calls": [call("get_weather", {"place": "Oslo \"N\"", "days": 2})]},
        {"role": "tool", "tool_call_id": "abcdef123", "name": "get_weather", "content": "{\"t\": -3.5}"},
        {"role": "assistant", "content": "It is -3.5 °C."},
        {"role": "user", "content": "And now?"},
    ],
    "tools2": [
        {"role": "user", "content": "Both?"},
        {"role": "assistant", "content": "Sure.", "reasoning_content": "I need both.", "thinking": "I need both.",
         "tool_calls": [call("get_weather", {"place": "Rome"}, "aaaaaaaaa"), call("now", {}, "bbbbbbbbb")]},
        {"role": "tool", "tool_call_id": "aaaaaaaaa", "name": "get_weather", "content": "warm"},
        {"role": "tool", "tool_call_id": "bbbbbbbbb", "name": "now", "content": "12:00"},
    ],
    "text_arguments": [
        {"role": "user", "content": "Go"},
        {"role": "assistant", "content": None, "tool_calls": [call("now", "{\"a\": 1}")]},
        {"role": "tool", "tool_call_id": "abcdef123", "name": "now", "content": "x"},
    ],
    "roles_wrong": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}, {"role": "assistant", "content": "c"}],
    "reasoning": [
        {"role": "user", "content": "Q1"},
        {"role": "assistant", "content": "A1", "reasoning_content": "R1", "thinking": "T1"},
        {"role": "user", "content": "Q2"},
        {"role": "assistant", "content": "A2", "reasoning_content": "R2"},
    ],
}


def family_inputs():
    for name, messages in CHATS.items():
        uses_tools = name in ("tool", "tools2", "text_arguments")
        for tools in ([None, [WEATHER, CLOCK]] if uses_tools or name in ("system", "one") else [None]):
            for prompt in ([True, False] if name in ("one", "turns", "tool", "reasoning") else [True]):
                inputs = {"messages": messages, "add_generation_prompt": prompt, "bos_token": "<s>", "eos_token": "</s>"}
                if tools:
                    inputs["tools"] = tools
                yield inputs
    for extra in ({"enable_thinking": False}, {"enable_thinking": True}, {"date_string": "1 Apr 2026"},
                  {"reasoning_effort": "high"}, {"builtin_tools": ["python", "browser"]}, {"tools_in_user_message": False},
                  {"thinking": True}, {"custom_tools": [WEATHER]}, {"model_identity": "You are a test."},
                  {"documents": [{"title": "T", "text": "Body"}]}, {"xml_tools": [WEATHER]}, {"python_tools": ["def f(x): ..."]}):
        for name in ("system", "tool"):
            yield {"messages": CHATS[name], "bos_token": "<s>", "eos_token": "</s>", "chat_template_kwargs": extra,
                   **({"tools": [WEATHER]} if name == "tool" else {})}


def write(path, env, templates, inputs_of):
    table_t, table_i, cases = [], [], []
    for template in templates:
        for inputs in inputs_of(template):
            text, error = render(env, template, inputs)
            for table, item in ((table_t, template), (table_i, inputs)):
                if item not in table:
                    table.append(item)
            case = {"t": table_t.index(template), "i": table_i.index(inputs)}
            case.update({"o": text} if error is None else {"e": True})
            cases.append(case)
    lines = [json.dumps(case, ensure_ascii=False, separators=(",", ":")) for case in cases]
    dump = lambda items: ",\n".join(json.dumps(item, ensure_ascii=False, separators=(",", ":")) for item in items)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'{{"now":{NOW},"templates":[\n{dump(table_t)}\n],"inputs":[\n{dump(table_i)}\n],"cases":[\n' + ",\n".join(lines) + "\n]}\n",
        encoding="utf-8")
    failing = sum("e" in case for case in cases)
    print(f"{path.relative_to(ROOT)}: {len(cases)} cases, {failing} of them errors, {path.stat().st_size} bytes")


def check(env, binary, extra_templates):
    """The program reads lines {"template", "inputs", "now"} and answers each with a line {"text"} or {"error"}."""
    jobs = [(template, SNIPPET_INPUTS) for template in snippets()]
    for path in sorted((CASES / "families").glob("*.jinja")) + [pathlib.Path(p) for p in extra_templates]:
        template = path.read_text(encoding="utf-8")
        jobs += [(template, inputs) for inputs in family_inputs()]
    lines = "".join(json.dumps({"template": t, "inputs": i, "now": NOW}) + "\n" for t, i in jobs)
    answers = subprocess.run([binary], input=lines, capture_output=True, text=True, check=True).stdout.split("\n")
    differences = 0
    for (template, inputs), answer in zip(jobs, answers):
        got = json.loads(answer)
        text, error = render(env, template, inputs)
        if (error is None) != ("text" in got) or (error is None and got["text"] != text):
            differences += 1
            print(f"--- {template[:300]!r}\n  want {text if error is None else 'error ' + error!r}\n  got  {got.get('text', got.get('error'))!r}")
    print(f"{len(jobs)} cases, {differences} differ")
    return differences


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", metavar="BINARY")
    parser.add_argument("templates", nargs="*", help="more template files for --check")
    arguments = parser.parse_args()
    env = environment()
    if arguments.check:
        sys.exit(1 if check(env, arguments.check, arguments.templates) else 0)
    write(OUTPUT / "template_snippets.json", env, list(snippets()), lambda template: [SNIPPET_INPUTS])
    families = [path.read_text(encoding="utf-8") for path in sorted((CASES / "families").glob("*.jinja"))]
    write(OUTPUT / "template_families.json", env, families, lambda template: list(family_inputs()))


if __name__ == "__main__":
    main()
