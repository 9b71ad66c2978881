"""One exchange through every dialect, streamed and not: each must count the same tokens, by its own definition.

Method: a prompt is sent once, so that the cache has it; then in each dialect's own words over plain HTTP, greedily. Of
each answer's usage: all of the prompt, what of it was cached, the output, and where the dialect has a word for it what of
that was reasoning. OpenAI's prompt_tokens include what was cached; Anthropic's input_tokens and Bedrock's inputTokens
don't. The texts must be equal, too.

None of the models at hand reasons by itself: for reasoning, a template opens <think> and shows an answer that closes it,
which the model copies.
"""

import contextlib
import os
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from bedplate_process import private_server  # noqa: E402
from exchanges import REASONING_TEMPLATE, WAYS, Client, Exchange  # noqa: E402
from runner import run  # noqa: E402

QUESTIONS = ["What is the capital of France?", "Name a colour.", "Why is the sky blue? " * 20]


def compare(url, question, ways):
    client, exchange = Client(url), Exchange(question)
    first, _ = ways[0].ask(client, exchange)
    answers = {way.name: way.ask(client, exchange)[0] for way in ways}
    expected = answers[ways[0].name]
    prompt, cached, output = expected.tokens
    assert expected.text == first.text and 0 < cached < prompt and 0 < output <= exchange.most, (expected, first)
    for name, answer in answers.items():
        assert answer.agrees(expected), (name, answer, expected)
    told = [name for name, answer in answers.items() if answer.reasoning_tokens is not None]
    print(
        f"    {len(ways)} ways: {prompt} prompt tokens, {cached} of them cached, {output} of output, "
        f"{expected.reasoning_tokens} of them reasoning, as {len(told)} ways tell"
    )
    return expected


def test_same_usage(url):
    for question in QUESTIONS:
        assert compare(url, question, WAYS).reasoning_tokens == 0, "this model doesn't reason"


def test_same_usage_with_reasoning(_):
    with tempfile.NamedTemporaryFile("w", suffix=".jinja") as template, contextlib.ExitStack() as stack:
        template.write(REASONING_TEMPLATE)
        template.flush()
        server = stack.enter_context(private_server("--chat-template", template.name))
        for question in ["Name a colour.", "Name a city."]:
            url = f"http://127.0.0.1:{server.port}"
            told = compare(url, question, [way for way in WAYS if not way.raw])
            assert told.text and told.reasoning and 0 < told.reasoning_tokens < told.tokens[2], told


def main():
    with contextlib.ExitStack() as stack:
        url = os.environ.get("BEDPLATE_URL") or f"http://127.0.0.1:{stack.enter_context(private_server()).port}"
        return run(globals(), lambda test: test(url), sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
