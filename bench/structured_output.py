"""Structured output, measured: is every schema enforced exactly or refused by name, how many are, how long a mask takes.

Schemas come from the JSON-Schema-Test-Suite and from a seeded generator; what is valid, jsonschema says. A schema counts
as covered if it compiles, every valid instance can be written (in some order of properties) and no invalid one can. Of
ours, every schema that is not refused must be covered, and every text drawn at random must be valid. The rivals run in
processes of their own, with the same vocabulary and the same texts; theirs that hang or crash count as not covered.
"""

import argparse
import collections
import decimal
import itertools
import json
import multiprocessing
import pathlib
import random
import re
import statistics
import subprocess
import sys
from decimal import Decimal

import jsonschema

# Their cases rest on what the documentation says is otherwise here: `format` is enforced, and these need documents from
# elsewhere or encoded host names.
SKIPPED_FILES = {"format.json"}
FORMATS = ["date", "time", "date-time", "duration", "ipv4", "ipv6", "uuid", "uri", "uri-reference", "json-pointer",
           "relative-json-pointer", "email"]
# Narrower than the RFC, and documented so.
NARROWER = re.compile(r"leap second|RFC3339 is not|quoted string")
RIVAL_SECONDS = 20
WALKS = 3


def spell(value, indent=None):
    """JSON text as Bedplate writes it: whole numbers without a fraction, decimals without an exponent."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k, ensure_ascii=False)}: {spell(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(spell(v) for v in value) + "]"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else format(Decimal(repr(value)), "f")
    return json.dumps(value, ensure_ascii=False)


def listed_names(schema):
    """All names of properties in the order of their first mention."""
    names = {}

    def walk(at):
        if isinstance(at, dict):
            if isinstance(at.get("properties"), dict):
                names.update(dict.fromkeys(at["properties"]))
            for key, value in at.items():
                if key == "required" and isinstance(value, list):
                    names.update(dict.fromkeys(v for v in value if isinstance(v, str)))
                walk(value)
        elif isinstance(at, list):
            for value in at:
                walk(value)

    walk(schema)
    return list(names)


def reordered(value, order):
    if isinstance(value, dict):
        known = {name: i for i, name in enumerate(order)}
        keys = sorted(value, key=lambda k: known.get(k, len(known)))
        return {k: reordered(value[k], order) for k in keys}
    if isinstance(value, list):
        return [reordered(v, order) for v in value]
    return value


def shuffled_inside(value):
    """The value with the members of one of its small objects, at any depth, in every order."""
    if isinstance(value, dict) and 1 < len(value) <= 4:
        yield from (dict(p) for p in itertools.permutations(value.items()))
    if isinstance(value, dict):
        for name, member in value.items():
            yield from (value | {name: other} for other in shuffled_inside(member))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from (value[:i] + [other] + value[i + 1:] for other in shuffled_inside(item))


def texts_of(schema, instance):
    """The instance's texts: its own order, the schema's, and of a small object every order.

    What keeps a value out of an `if` or a `not` mentions names before their turn, so there small objects inside come in
    every order, too."""
    orders = [instance, reordered(instance, listed_names(schema))]
    if isinstance(instance, dict) and 1 < len(instance) <= 4:
        orders += [dict(p) for p in itertools.permutations(instance.items())]
    if re.search(r'"(if|not)":', json.dumps(schema)):
        for order in orders[:2]:
            orders += itertools.islice(shuffled_inside(order), 200)
    return list(dict.fromkeys(spell(o) for o in orders))


def clean(text):
    try:
        text.encode()
    except UnicodeEncodeError:  # half a surrogate pair: no text that could be sent
        return False
    return True


class Case:
    def __init__(self, name, schema, valid, invalid):
        self.name, self.schema = name, schema
        self.valid = [t for t in (texts_of(schema, v) for v in valid) if all(map(clean, t))]
        self.invalid = [t for t in (texts_of(schema, v) for v in invalid) if all(map(clean, t))]


def suite_cases(folder):
    files = [(f, None) for f in sorted(folder.glob("*.json")) if f.name not in SKIPPED_FILES]
    files += [(folder / "optional/format" / f"{name}.json", name) for name in FORMATS]
    for file, _ in files:
        for group in json.loads(file.read_text()):
            tests = [t for t in group["tests"] if not NARROWER.search(t["description"])]
            yield Case(f"{file.stem}: {group['description']}", group["schema"],
                       [t["data"] for t in tests if t["valid"]], [t["data"] for t in tests if not t["valid"]])


class Generator:
    """Random schemas of mixed difficulty, and values that are near them."""

    PATTERNS = ["^[a-c]{1,4}$", "b", "^x-", "^[A-Z][a-z]*$", "^\\d{2,3}$", "^(ab|c)+$", "[^a]$"]
    NAMES = ["a", "ab", "b", "name", "x-1", "kind", "count", "é"]
    STRINGS = ["", "a", "b", "ab", "abc", "cab", "x-y", "Hello", "12", "123", "é", "naïve", "2024-02-29", "127.0.0.1", "\n\"\\"]
    NUMBERS = [0, 1, -1, 2, 3, 5, 7, 10, 12, 15, 100, 0.5, 1.5, -2.25, 2.75, 1000]

    def __init__(self, seed):
        self.r = random.Random(seed)

    def schema(self, depth=3):
        r = self.r
        if depth > 0 and r.random() < 0.25:
            kind = r.choice(["anyOf", "oneOf", "allOf", "not", "if", "anyOf"])
            parts = [self.schema(depth - 1) for _ in range(r.randint(2, 3))]
            if kind == "not":
                return {"type": r.choice(["integer", "string", "number"]), "not": self.leaf()}
            if kind == "if":
                return {"if": parts[0], "then": parts[1], "else": self.schema(depth - 1)}
            return {kind: parts}
        if depth > 0 and r.random() < 0.6:
            return self.object(depth) if r.random() < 0.65 else self.array(depth)
        return self.leaf()

    def leaf(self):
        r = self.r
        kind = r.choice(["string", "integer", "number", "enum", "const", "null", "boolean", "any", "types"])
        if kind == "enum":
            return {"enum": r.sample(self.STRINGS + self.NUMBERS + [None, True, [1], {"a": 1}], r.randint(1, 5))}
        if kind == "const":
            return {"const": r.choice(self.STRINGS + self.NUMBERS + [None, False, ["a"], {"a": "b"}])}
        if kind == "any":
            return {}
        if kind == "types":
            return {"type": r.sample(["null", "boolean", "integer", "string", "array", "object"], 2)}
        schema = {"type": kind}
        if kind == "string":
            if r.random() < 0.4:
                schema["minLength"] = r.randint(0, 3)
            if r.random() < 0.4:
                schema["maxLength"] = r.choice([2, 3, 5, 100, 100000])
            if r.random() < 0.3:
                schema["pattern"] = r.choice(self.PATTERNS)
            if r.random() < 0.15:
                schema["format"] = r.choice(["date", "ipv4"])
        if kind in ("integer", "number"):
            if r.random() < 0.4:
                schema[r.choice(["minimum", "exclusiveMinimum"])] = r.choice(self.NUMBERS)
            if r.random() < 0.4:
                schema[r.choice(["maximum", "exclusiveMaximum"])] = r.choice(self.NUMBERS)
            if r.random() < 0.25:
                schema["multipleOf"] = r.choice([1, 2, 3, 5, 0.5, 0.25])
        return schema

    def array(self, depth):
        r = self.r
        schema = {"type": "array"}
        if r.random() < 0.8:
            schema["items"] = self.schema(depth - 1)
        if r.random() < 0.25:
            schema["prefixItems"] = [self.schema(depth - 1) for _ in range(r.randint(1, 2))]
        if r.random() < 0.4:
            schema["minItems"] = r.randint(0, 2)
        if r.random() < 0.4:
            schema["maxItems"] = r.choice([1, 2, 3, 500])
        if r.random() < 0.12:
            schema["contains"] = self.leaf()
        if r.random() < 0.1:
            schema["uniqueItems"] = True
        return schema

    def object(self, depth):
        r = self.r
        names = r.sample(self.NAMES, r.randint(0, 4))
        schema = {"type": "object", "properties": {n: self.schema(depth - 1) for n in names}}
        if names and r.random() < 0.8:
            schema["required"] = r.sample(names, r.randint(1, len(names)))
        if r.random() < 0.6:
            schema["additionalProperties"] = r.choice([False, False, self.leaf()])
        if r.random() < 0.15:
            schema["patternProperties"] = {r.choice(self.PATTERNS): self.leaf()}
        if r.random() < 0.1:
            schema[r.choice(["minProperties", "maxProperties"])] = r.randint(1, 3)
        if r.random() < 0.08:
            schema["propertyNames"] = {"maxLength": r.randint(1, 3)}
        if len(names) > 1 and r.random() < 0.1:
            schema["dependentRequired"] = {names[0]: [names[1]]}
        return schema

    def value(self, schema, depth=4):
        """Something that is often valid."""
        r = self.r
        if not isinstance(schema, dict) or depth == 0 or r.random() < 0.07:
            return r.choice(self.STRINGS + self.NUMBERS + [None, True, False, [], {}, [1, "a"], {"a": 1}])
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return r.choice(schema["enum"])
        for key in ("anyOf", "oneOf", "allOf"):
            if key in schema:
                return self.value(r.choice(schema[key]), depth - 1)
        if "if" in schema:
            return self.value(r.choice([schema["if"], schema["then"], schema["else"]]), depth - 1)
        kind = schema.get("type", "string")
        kind = r.choice(kind) if isinstance(kind, list) else kind
        if kind == "object":
            out = {}
            for name, sub in schema.get("properties", {}).items():
                if name in schema.get("required", []) or r.random() < 0.5:
                    out[name] = self.value(sub, depth - 1)
            if r.random() < 0.25:
                out[r.choice(self.NAMES)] = self.value(schema.get("additionalProperties", {}), depth - 1)
            return out
        if kind == "array":
            prefix = [self.value(s, depth - 1) for s in schema.get("prefixItems", [])]
            return prefix + [self.value(schema.get("items", {}), depth - 1) for _ in range(r.randint(0, 3))]
        if kind == "integer":
            return r.choice([n for n in self.NUMBERS if isinstance(n, int)])
        return r.choice({"number": self.NUMBERS, "null": [None], "boolean": [True, False]}.get(kind, self.STRINGS))


def random_cases(count, seed):
    made = Generator(seed)
    for number in range(count):
        schema = made.schema()
        validator = oracle(schema)
        valid, invalid = [], []
        for _ in range(12):
            value = made.value(schema)
            (valid if validator.is_valid(value) else invalid).append(value)
        yield Case(f"random {number}", schema, valid[:6], invalid[:6])


def oracle(schema):
    return jsonschema.Draft202012Validator(schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)


def exact_oracle(schema):
    """The same for values read with exact(): a float that is read has no fraction left beyond 2 ** 53."""
    kinds = jsonschema.Draft202012Validator.TYPE_CHECKER.redefine_many(
        {
            "number": lambda _, v: isinstance(v, (int, float, Decimal)) and not isinstance(v, bool),
            "integer": lambda _, v: isinstance(v, (int, Decimal)) and not isinstance(v, bool) and v % 1 == 0,
        }
    )
    validator = jsonschema.validators.extend(jsonschema.Draft202012Validator, type_checker=kinds)
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    return validator(exact(json.dumps(schema)), format_checker=checker)


def exact(text):
    return json.loads(text, parse_float=Decimal)


def ours(bedplate, model, cases, seed):
    lines = []
    for number, case in enumerate(cases):
        texts = list(itertools.chain(*case.valid, *case.invalid))
        lines.append(json.dumps({"schema": case.schema, "texts": texts, "walks": WALKS, "seed": seed + number}))
    done = subprocess.run([bedplate, "constrain", model], input="\n".join(lines), capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"bedplate constrain failed: {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def vocabulary(bedplate, model):
    done = subprocess.run([bedplate, "constrain", model], input='{"vocabulary": true}\n', capture_output=True, text=True)
    answer = json.loads(done.stdout)
    return [bytes.fromhex(t) for t in answer["tokens"]], answer["end"]


def verdict(case, allowed):
    """None if the texts came out as they must; else what is wrong."""
    at = 0
    for want, instances in ((True, case.valid), (False, case.invalid)):
        for texts in instances:
            some = any(allowed[at:at + len(texts)])
            at += len(texts)
            if some != want:
                return f"{'refuses' if want else 'allows'} {texts[0]}"
    return None


class Rival:
    """One library in a process of its own, which is made anew when it hangs or crashes."""

    def __init__(self, name, tokens, end):
        self.name, self.tokens, self.end = name, tokens, end
        self.start()

    def start(self):
        self.pipe, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=serve_rival, args=(self.name, self.tokens, self.end, theirs), daemon=True)
        self.process.start()
        self.pipe.recv()  # ready

    def ask(self, schema, texts, walked):
        try:
            self.pipe.send((schema, texts, walked))
            if self.pipe.poll(RIVAL_SECONDS):
                return self.pipe.recv()
        except (EOFError, BrokenPipeError, ConnectionResetError):
            pass
        self.process.kill()
        self.process.join()
        self.start()
        return None, [], "hung or crashed"


def serve_rival(name, tokens, end, pipe):
    import time

    longest = max(map(len, tokens))
    by_bytes = {t: i for i, t in enumerate(tokens) if t}

    def encode(text):
        out, at = [], 0
        while at < len(text):
            for size in range(min(longest, len(text) - at), 0, -1):
                token = by_bytes.get(text[at:at + size])
                if token is not None:
                    out.append(token)
                    at += size
                    break
            else:
                return None
        return out

    if name == "xgrammar":
        import xgrammar
        info = xgrammar.TokenizerInfo(tokens, vocab_type=xgrammar.VocabType.RAW, vocab_size=len(tokens), stop_token_ids=[end])
        compiler = xgrammar.GrammarCompiler(info, max_threads=1)
        mask = xgrammar.allocate_token_bitmask(1, len(tokens))

        def compile_schema(schema):
            return compiler.compile_json_schema(json.dumps(schema), any_whitespace=True, strict_mode=False)

        def walk(grammar, ids, times):
            matcher = xgrammar.GrammarMatcher(grammar)
            for token in ids:
                start = time.perf_counter()
                matcher.fill_next_token_bitmask(mask)
                times.append((time.perf_counter() - start) * 1e6)
                if not matcher.accept_token(token):
                    return False
            return matcher.accept_token(end)
    else:
        import llguidance
        import llguidance.numpy

        class Tokens:
            eos_token_id, bos_token_id, special_token_ids = end, None, [end]

            def __init__(self):
                self.tokens = [t or b"\xff" + str(i).encode() for i, t in enumerate(tokens)]

            def __call__(self, text):
                return encode(text.encode() if isinstance(text, str) else text) or []

        tokenizer = llguidance.LLTokenizer(llguidance.TokenizerWrapper(Tokens()))
        mask = llguidance.numpy.allocate_token_bitmask(1, tokenizer.vocab_size)

        def compile_schema(schema):
            grammar = llguidance.LLMatcher.grammar_from_json_schema(json.dumps(schema))
            error = llguidance.LLMatcher(tokenizer, grammar, log_level=0).get_error()
            if error:
                raise ValueError(error)
            return grammar

        def walk(grammar, ids, times):
            matcher = llguidance.LLMatcher(tokenizer, grammar, log_level=0)
            for token in ids:
                start = time.perf_counter()
                llguidance.numpy.fill_next_token_bitmask(matcher, mask, 0)
                times.append((time.perf_counter() - start) * 1e6)
                if not matcher.consume_token(token):
                    return False
            return matcher.is_accepting()

    pipe.send("ready")
    while True:
        schema, texts, walked = pipe.recv()
        times = []
        try:
            grammar = compile_schema(schema)
            allowed = [walk(grammar, encode(t.encode()), times) for t in texts]
            for text in walked:  # the texts that ours drew: masks along longer outputs
                walk(grammar, encode(text.encode()), times)
            pipe.send((allowed, times, None))
        except Exception as error:  # whatever it says: not covered
            pipe.send((None, times, str(error)[:200]))


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def main():
    decimal.getcontext().prec = 1000  # digits: of any number that is written here
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--bedplate", required=True)
    options.add_argument("--model", required=True)
    options.add_argument("--suite", type=pathlib.Path, required=True)
    options.add_argument("--schemas", type=int, default=2000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--no-rivals", action="store_true")
    options.add_argument("--verbose", action="store_true", help="every refusal")
    args = options.parse_args()

    sets = {"suite": list(suite_cases(args.suite)), "random": list(random_cases(args.schemas, args.seed))}
    rivals = []
    if not args.no_rivals:
        tokens, end = vocabulary(args.bedplate, args.model)
        rivals = [Rival(name, tokens, end) for name in ("xgrammar", "llguidance")]
    wrong = 0
    for label, cases in sets.items():
        answers = ours(args.bedplate, args.model, cases, args.seed)
        covered, refused, times, slowest = 0, collections.Counter(), [], 0.0
        walks = finished = 0
        for case, answer in zip(cases, answers, strict=True):
            slowest = max(slowest, answer.get("compile_us", 0) / 1e6)
            if "error" in answer:
                if answer["internal"] or not re.search(r"#|no text|vocabulary", answer["error"]):
                    wrong += 1
                    print(f"WRONG {case.name}: an error without a place: {answer['error']}")
                place = re.search(r"#[^:]*?([^/:]*):", answer["error"])
                refused[place[1] if place else "no text"] += 1
                # A schema without any valid value can't be enforced by writing nothing.
                if args.verbose:
                    print(f"refused {case.name}: {answer['error'][:160]}")
                continue
            times += answer["mask_us"]
            problem = verdict(case, answer["texts"])
            validator = exact_oracle(case.schema)
            for walk in answer["walks"]:
                walks += 1
                if not walk["finished"]:
                    continue
                finished += 1
                try:
                    ok = label == "suite" and "$ref" in json.dumps(case.schema) or validator.is_valid(exact(walk["text"]))
                except Exception as error:  # not JSON
                    ok, problem = False, problem or str(error)
                if not ok:
                    problem = problem or f"wrote {walk['text'][:200]!r}"
            if problem:
                wrong += 1
                print(f"WRONG {case.name}: {problem}\n      {json.dumps(case.schema)[:300]}")
            else:
                covered += 1
        print(f"{label}: {len(cases)} schemas")
        line = "  {:<11} covered {:>5}  refused {:>5}  wrong {:>4}  mask mean {:6.1f} us, p50 {:5.1f}, p99 {:7.1f}, max {:8.1f} ({} masks)"
        ours_wrong = len(cases) - covered - sum(refused.values())
        print(line.format("bedplate", covered, sum(refused.values()), ours_wrong, statistics.fmean(times),
                          percentile(times, 0.5), percentile(times, 0.99), max(times), len(times)))
        print(f"  {finished} of {walks} random texts ended, each checked; the slowest schema took {slowest:.2f} s")
        print("  refused: " + ", ".join(f"{k} {n}" for k, n in refused.most_common(14)))
        if statistics.fmean(times) > 50 or percentile(times, 0.99) > 1000 or slowest > 1:
            wrong += 1
            print("WRONG: slower than 50 us in the mean, 1 ms for 99 of 100 masks, or a second for a schema")
        for rival in rivals:
            good = declined = bad = 0
            their_times = []
            for case, answer in zip(cases, answers, strict=True):
                walked = [w["text"] for w in answer.get("walks", []) if w["finished"]]
                allowed, masks, error = rival.ask(case.schema, list(itertools.chain(*case.valid, *case.invalid)), walked)
                their_times += masks
                if allowed is None:
                    declined += 1
                elif verdict(case, allowed):
                    bad += 1
                else:
                    good += 1
            print(line.format(rival.name, good, declined, bad, statistics.fmean(their_times), percentile(their_times, 0.5),
                              percentile(their_times, 0.99), max(their_times), len(their_times)))
            if covered < good:
                wrong += 1
                print(f"WRONG: {rival.name} covers more")
    print("structured output " + ("holds" if wrong == 0 else f"FALLS SHORT: {wrong} wrong"))
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main())
