#!/usr/bin/env python3
"""Compares a tokenizer command with the reference libraries, built from a GGUF file's own metadata.

    scripts/tokenizer_reference.py MODEL.gguf [--command "build/release/bin/bedplate tokenize {model} --lines --no-bos"]
                                   [--peer "python scripts/tokenizer_llama_cpp.py {model}"] [--strings 10000] [--special]
    scripts/tokenizer_reference.py --golden     rewrites tests/reference/pretokenizer_pieces.json

Needs: pip install gguf tokenizers sentencepiece protobuf.

A command reads JSON strings, one a line, and prints for each a JSON array of token ids on a line, without the
beginning-of-text token; control tokens that the text spells stay text (with --special: they are recognised; the command
must do so too). Texts: about 3 MB of code, prose, CJK, emoji and odd spaces, and random valid-Unicode strings of all
planes (unassigned, private use, combining, NFD). Both are the same in every run on one version of this tree. The exit status is 1 if an id differs.

Reference: `tokenizers`; for gpt2 vocabularies with the pre-tokenizer that the models' tokenizer.json has under that name,
for llama vocabularies with merges derived from the scores, which is what a model's converted tokenizer.json holds.
llama vocabularies are also shown against `sentencepiece` with a model put together from the metadata. Those two differ from
each other where a text holds U+2581 itself beside Gemma's user-defined runs of spaces, and only the first one counts.
"""
import argparse
import json
import pathlib
import random
import shlex
import subprocess
import sys
import unicodedata

ROOT = pathlib.Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "reference" / "pretokenizer_pieces.json"

# The regular expressions of the models' tokenizer.json files, by rule. See src/text/pretokenizer.h for the names.
CL100K = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
QWEN2 = CL100K.replace(r"\p{N}{1,3}", r"\p{N}")
QWEN35 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
TEKKEN = (rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*|\p{{N}}"
          r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
SHORTENED = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
GPT4O = (rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+{SHORTENED}|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*{SHORTENED}"
         r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
CJK = "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"
# deepseek-llm's cased letters: first and last of each range, as its file has them.
DEEPSEEK_LETTERS = (
    "41-5A 61-7A B5 C0-D6 D8-F6 F8-1BA 1BC-1BF 1C4-293 295-2AF 370-373 376 377 37B-37D 37F 386 388-38A 38C 38E-3A1 "
    "3A3-3F5 3F7-481 48A-52F 531-556 10A0-10C5 13A0-13F5 13F8-13FD 1C90-1CBA 1CBD-1CBF 1D00-1D2B 1D6B-1D77 1D79-1D9A "
    "1E00-1F15 1F18-1F1D 1F20-1F45 1F48-1F4D 1F50-1F57 1F59 1F5B 1F5D 1F5F-1F7D 1F80-1FB4 1FB6-1FBC 1FBE 1FC2-1FC4 "
    "1FC6-1FCC 1FD0-1FD3 1FD6-1FDB 1FE0-1FEC 1FF2-1FF4 1FF6-1FFC 2102 2107 210A-2113 2115 2119-211D 2124 2126 2128 "
    "212A-212D 212F-2134 2139 213C-213F 2145-2149 214E 2183 2184 2C00-2C7B 2C7E-2CE4 2CEB-2CEE 2CF2 2CF3 A640-A66D "
    "A680-A69B A722-A76F A771-A787 A78B-A78E AB70-ABBF FB00-FB06 FB13-FB17 FF21-FF3A FF41-FF5A 10400-1044F 104B0-104D3 "
    "104D8-104FB 10C80-10CB2 10CC0-10CF2 118A0-118DF 1E900-1E943")


def letters_class():
    return "".join("-".join(chr(int(end, 16)) for end in part.split("-")) for part in DEEPSEEK_LETTERS.split())


def pre_tokenizer(rule):
    from tokenizers import Regex, pre_tokenizers as pre

    def split(*patterns):
        return [pre.Split(Regex(pattern), "isolated") for pattern in patterns]
    plain = pre.ByteLevel(add_prefix_space=False, use_regex=False)
    gpt2 = pre.ByteLevel(add_prefix_space=False, use_regex=True)
    stages = {
        "gpt-2": lambda: [gpt2],
        "llama-bpe": lambda: [*split(CL100K), plain],
        "qwen2": lambda: [*split(QWEN2), plain],
        "qwen35": lambda: [*split(QWEN35), plain],
        "smollm": lambda: [pre.Digits(individual_digits=True), gpt2],
        "deepseek-llm": lambda: [
            *split(r"[\r\n]", rf"\s?[{letters_class()}]+", "\\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+",
                   r"\s+$", CJK), pre.Digits(individual_digits=True), plain],
        "deepseek-coder": lambda: [
            *split(r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", CJK), pre.Digits(individual_digits=True), plain],
        "falcon": lambda: [
            pre.Punctuation("contiguous"), gpt2, pre.Digits(individual_digits=False), *split("[0-9][0-9][0-9]")],
        "gpt-4o": lambda: [*split(GPT4O), plain],
        "tekken": lambda: [*split(TEKKEN), plain],
        "default": lambda: [*split(r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]"), plain],
    }
    aliases = {"starcoder": "smollm", "llama3": "llama-bpe", "llama-v3": "llama-bpe", "deepseek-r1-qwen": "qwen2"}
    rule = aliases.get(rule, rule)
    if rule not in stages:
        sys.exit(f"no reference for the pre-tokenizer {rule!r}; known: {', '.join(stages)}")
    return pre.Sequence(stages[rule]())


RULES = ["gpt-2", "llama-bpe", "qwen2", "qwen35", "smollm", "deepseek-llm", "deepseek-coder", "falcon", "gpt-4o", "tekken",
         "default"]


def byte_of_alphabet():
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [b for b in range(256) if b not in printable]
    return {**{chr(b): b for b in printable}, **{chr(256 + n): b for n, b in enumerate(rest)}}


# ---- texts -------------------------------------------------------------------------------------------------------------

SENTENCES = [
    "The quick brown fox doesn't jump; it's THEIR turn, they'Ve said — “isn’t it?” 3.14159 + 1,234,567 = ?",
    "我们在2024年发布了新的语言模型，它可以处理中文、代码和数学。请问：这是真的吗？", "東京は日本の首都です。カタカナとひらがな、１２３。",
    "안녕하세요, 세계! 한국어 문장을 토큰으로 나눕니다.", "Съешь же ещё этих мягких французских булок, да выпей чаю № 42.",
    "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία· ΠΟΛΎΣ.", "مرحبا بالعالم! كيف حالك اليوم؟ ١٢٣٤٥", "שלום עולם, מה שלומך?",
    "नमस्ते दुनिया, यह एक परीक्षण है। १२३", "สวัสดีชาวโลก นี่คือการทดสอบ ๑๒๓", "Tiếng Việt có dấu: được, những, ngữ.",
    "Příliš žluťoučký kůň úpěl ďábelské ódy. ŐŰ İı ſs ﬁ Ǆ ǅ", "👩‍👩‍👧‍👦🏳️‍🌈🇩🇪👍🏽😀 ok 👨🏿‍💻 ❤️ ☎︎",
    "ไม่มีช่องว่าง ကမ္ဘာ ខ្មែរ ລາວ", "ᚠᛇᚻ 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝟙𝟚𝟛 𐍈𐌰 ½¾²³ ⅷ ①② ㊗", "don't DON'T we'll WE'LL I'ſ y'all'd've",
    "a\u00a0b\u2003c\u3000d\u200be\u2028f\u2029g\u0085h\x0bi\x0cj\x1ck", "\r\n\r\n\t\t x \r y\n\n\n  z   \n \n\t", "x     y        z" + " " * 33 + "w",
    "e\u0301 n\u0303 A\u030a \u0301x o\u0308\u0304 \u1100\u1161\u11a8 ก็", "https://example.org/a_b?c=%20&d=[1,2]#x <b>html</b> </table>",
    "\ufeffbom \ufffd \u2581▁▁ \u00ad \ue000 \U000f0000 \U0010fffd \u0378 \U000e0041", "if(a<=b&&c!=d){e+=f[0x1F]->g;}//h\n#define I 1e-9f",
]


def corpus():
    """Texts of some kilobytes each."""
    rng = random.Random(20240924)
    texts = []
    code = sorted(p for pattern in ("src/**/*.cc", "src/**/*.h", "scripts/*.py") for p in ROOT.glob(pattern))
    stdlib = pathlib.Path(json.__file__).resolve().parent.parent
    code += [stdlib / name for name in ("argparse.py", "ast.py", "codecs.py", "datetime.py", "decimal.py", "doctest.py",
                                        "inspect.py", "pydoc.py", "tarfile.py", "turtle.py", "typing.py", "zipfile.py")]
    for path in [*code, pathlib.Path("/usr/share/common-licenses/GPL-3")]:
        if path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            texts += [text[i:i + 8000] for i in range(0, len(text), 8000)]
    for _ in range(80):
        texts.append("".join(rng.choice(SENTENCES) + rng.choice(["", " ", "\n", "  ", "\n\n", "\t"]) for _ in range(60)))
    blocks = {"cjk": (0x4E00, 0x9FA5), "kana": (0x3041, 0x30FF), "hangul": (0xAC00, 0xD7A3), "emoji": (0x1F300, 0x1FAFF)}
    for first, last in blocks.values():
        for _ in range(20):
            runs = ["".join(chr(rng.randint(first, last)) for _ in range(rng.randint(1, 12))) for _ in range(150)]
            texts.append("".join(run + rng.choice(["，", "。", " ", "", "！\n", "1", "a", "\u200d", "\ufe0f"]) for run in runs))
    spaces = " \t\n\r\x0b\x0c\x1c\x85\xa0\u1680\u2000\u2003\u200b\u2028\u2029\u202f\u205f\u3000\ufeff"
    for _ in range(60):
        texts.append("".join(rng.choice(spaces) * rng.choice([1, 1, 2, 3, 9, 40]) + rng.choice(["", "a", "Zz", "7", "é", "."])
                             for _ in range(400)))
    texts.append("x" * 5000 + "=" * 3000 + "字" * 3000 + " " * 3000 + "\n" * 3000)
    return texts


def random_strings(count):
    rng = random.Random(16)
    planes = [(0, 0x7F), (0x80, 0x24F), (0x250, 0xFFF), (0x1000, 0xD7FF), (0xE000, 0xFFFF), (0x10000, 0x1FFFF),
              (0x20000, 0x2FFFF), (0x30000, 0x3FFFF), (0x40000, 0xDFFFF), (0xE0000, 0xEFFFF), (0xF0000, 0x10FFFF)]
    common = "  \n\t'sStTrRevVmMlLdD0123.,-/_é´\u0301\u00a0\u3000한中の👍"
    strings = []
    for number in range(count):
        kind = number % 4
        pieces = []
        for _ in range(rng.randint(0, 60)):
            if kind == 0 or (kind == 1 and rng.random() < 0.5):
                pieces.append(chr(rng.randint(*rng.choice(planes))))
            elif kind == 3:  # all code points alike, so most are unassigned or private
                pieces.append(chr(rng.choice([rng.randint(0, 0xD7FF), rng.randint(0xE000, 0x10FFFF)])))
            else:
                pieces.append(rng.choice(common) if rng.random() < 0.7 else chr(rng.randint(*rng.choice(planes[:6]))))
        text = "".join(pieces)
        strings.append(unicodedata.normalize("NFD", text) if number % 5 == 0 else text)
    return strings


# ---- references --------------------------------------------------------------------------------------------------------

def read_gguf(path):
    import gguf
    fields = gguf.GGUFReader(path).fields

    def value(key, default=None):
        field = fields.get("tokenizer.ggml." + key)
        return default if field is None else field.contents()
    tokens = value("tokens")
    return {
        "model": value("model"), "pre": value("pre", ""), "tokens": tokens, "kinds": value("token_type", [1] * len(tokens)),
        "scores": value("scores"), "merges": value("merges", []), "unk": value("unknown_token_id"),
        "bos": value("bos_token_id"), "eos": value("eos_token_id"),
        "add_space_prefix": value("add_space_prefix", True), "ignore_merges": value("pre") in ("llama-bpe", "tekken"),
    }


def add_special_tokens(tokenizer, spec, special):
    """Control tokens only where they are wanted; user-defined ones always."""
    from tokenizers import AddedToken
    kinds = (2, 3, 4) if special else (4,)
    tokenizer.add_tokens([AddedToken(token, normalized=False, special=False)
                          for token, kind in zip(spec["tokens"], spec["kinds"]) if kind in kinds])


def bpe_tokenizer(spec, special):
    from tokenizers import Tokenizer, models
    vocabulary = {token: number for number, token in enumerate(spec["tokens"])}
    tokenizer = Tokenizer(models.BPE(vocabulary, [tuple(merge.split(" ")) for merge in spec["merges"]],
                                     ignore_merges=spec["ignore_merges"]))
    tokenizer.pre_tokenizer = pre_tokenizer(spec["pre"])
    add_special_tokens(tokenizer, spec, special)
    return tokenizer


def reference_bpe(spec, special):
    tokenizer = bpe_tokenizer(spec, special)
    return lambda texts: [e.ids for e in tokenizer.encode_batch(texts, add_special_tokens=False)]


def merges_from_scores(spec):
    """Every way to make a piece from two pieces, the highest score first: how converters derive merges."""
    known = {token: number for number, (token, kind) in enumerate(zip(spec["tokens"], spec["kinds"])) if kind in (1, 4, 5)}
    merges = []
    for token, number in known.items():
        ways = [(token[:i], token[i:]) for i in range(1, len(token)) if token[:i] in known and token[i:] in known]
        ways.sort(key=lambda way: (known[way[0]], known[way[1]]))
        merges += [(-spec["scores"][number], way) for way in ways]
    merges.sort(key=lambda merge: merge[0])
    return [way for _, way in merges]


def reference_converted(spec, special):
    from tokenizers import Tokenizer, models, normalizers
    vocabulary = {token: number for number, token in enumerate(spec["tokens"])}
    unknown = None if spec["unk"] is None else spec["tokens"][spec["unk"]]
    tokenizer = Tokenizer(models.BPE(vocabulary, merges_from_scores(spec), unk_token=unknown, fuse_unk=True,
                                     byte_fallback=True))
    steps = [normalizers.Prepend("\u2581")] if spec["add_space_prefix"] else []
    tokenizer.normalizer = normalizers.Sequence([*steps, normalizers.Replace(" ", "\u2581")])
    add_special_tokens(tokenizer, spec, special)
    return lambda texts: [e.ids for e in tokenizer.encode_batch(texts, add_special_tokens=False)]


def reference_sentencepiece(spec):
    import sentencepiece
    from sentencepiece import sentencepiece_model_pb2 as pb
    proto = pb.ModelProto()
    proto.trainer_spec.model_type = pb.TrainerSpec.BPE
    proto.trainer_spec.byte_fallback = 6 in spec["kinds"]
    proto.trainer_spec.vocab_size = len(spec["tokens"])
    if spec["unk"] is not None:
        proto.trainer_spec.unk_piece = spec["tokens"][spec["unk"]]
    proto.normalizer_spec.name = "identity"
    proto.normalizer_spec.add_dummy_prefix = bool(spec["add_space_prefix"])
    proto.normalizer_spec.remove_extra_whitespaces = False
    proto.normalizer_spec.escape_whitespaces = True
    # GGUF's type numbers are SentencePiece's, but for the unknown token, which some files call a control token.
    for number, (token, score, kind) in enumerate(zip(spec["tokens"], spec["scores"], spec["kinds"])):
        piece = proto.pieces.add()
        piece.piece = token.replace(" ", "\u2581") if kind == 4 else token
        piece.score = score
        piece.type = 2 if number == spec["unk"] else kind
    processor = sentencepiece.SentencePieceProcessor()
    processor.LoadFromSerializedProto(proto.SerializeToString())
    return lambda texts: [processor.encode(text) for text in texts]


def run_command(command, model, texts):
    argv = [part.replace("{model}", str(model)) for part in shlex.split(command)]
    done = subprocess.run(argv, input="".join(json.dumps(t, ensure_ascii=False) + "\n" for t in texts).encode(),
                          stdout=subprocess.PIPE, check=True)
    out = [json.loads(line) for line in done.stdout.splitlines()]
    if len(out) != len(texts):
        sys.exit(f"{argv[0]} answered {len(out)} lines to {len(texts)}")
    return out


def compare(name, texts, ours, theirs, spec, shown=3):
    wrong = [i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b]
    print(f"{name}: {len(texts) - len(wrong)} of {len(texts)} texts equal"
          f" ({sum(len(t.encode()) for t in texts)} bytes, {sum(map(len, ours))} tokens)")
    for i in wrong[:shown]:
        a, b = ours[i], theirs[i]
        at = next((k for k, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
        spell = lambda ids: [spec["tokens"][k] for k in ids[max(0, at - 2):at + 6]]
        print(f"  text {i}, token {at}: left {spell(a)} right {spell(b)}")
    return len(wrong)


def write_golden():
    """Pieces of a few hundred texts under every rule, as UTF-8 byte lengths: small enough to be kept beside the tests."""
    byte_of = byte_of_alphabet()
    texts = SENTENCES + [s for s in random_strings(1200) if len(s) <= 24][:260]
    cases = {rule: [[len(bytes(byte_of[c] for c in piece)) for piece, _ in pre_tokenizer(rule).pre_tokenize_str(text)]
                    for text in texts] for rule in RULES}
    for rule in RULES:  # the pieces must be the whole text
        assert all(sum(lengths) == len(text.encode()) for lengths, text in zip(cases[rule], texts)), rule
    lines = ['{"texts":[', ",\n".join(json.dumps(text) for text in texts), "],"]
    lines += [f'"{rule}":{json.dumps(cases[rule], separators=(",", ":"))}' + ("," if rule != RULES[-1] else "}")
              for rule in RULES]
    GOLDEN.parent.mkdir(parents=True, exist_ok=True)
    GOLDEN.write_text("\n".join(lines) + "\n")
    print(f"{GOLDEN}: {len(texts)} texts, {len(RULES)} rules, {GOLDEN.stat().st_size} bytes")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?")
    parser.add_argument("--command", default=str(ROOT / "build/release/bin/bedplate") + " tokenize {model} --lines --no-bos")
    parser.add_argument("--peer", help="another tokenizer command, compared with the reference as well")
    parser.add_argument("--strings", type=int, default=10000)
    parser.add_argument("--special", action="store_true", help="control tokens in the text are recognised")
    parser.add_argument("--golden", action="store_true")
    arguments = parser.parse_args()
    if arguments.golden:
        return write_golden()
    if not arguments.model:
        parser.error("a MODEL.gguf is needed")
    spec = read_gguf(arguments.model)
    sets = {"corpus": corpus(), "random strings": random_strings(arguments.strings)}
    if arguments.special:
        rng = random.Random(3)
        marks = [t for t, kind in zip(spec["tokens"], spec["kinds"]) if kind in (3, 4)][:400]
        sets = {"special tokens": ["".join(rng.choice(marks) + rng.choice(SENTENCES)[:rng.randint(0, 30)] for _ in range(8))
                                   for _ in range(2000)]}
    if spec["model"] == "gpt2":
        references = {"tokenizers": reference_bpe(spec, arguments.special)}
    else:
        references = {"tokenizers": reference_converted(spec, arguments.special)}
        if not arguments.special:  # sentencepiece itself has no notion of control tokens in text
            references["sentencepiece"] = reference_sentencepiece(spec)
    wrong = 0
    main_reference = next(iter(references))
    for label, texts in sets.items():
        ours = run_command(arguments.command, arguments.model, texts)
        peer = run_command(arguments.peer, arguments.model, texts) if arguments.peer else None
        for name, encode in references.items():
            expected = encode(texts)
            differ = compare(f"{label}, ours against {name}", texts, ours, expected, spec)
            wrong += differ if name == main_reference else 0
            if peer is not None:
                compare(f"{label}, the peer against {name}", texts, peer, expected, spec)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
