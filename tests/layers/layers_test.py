#!/usr/bin/env python3
"""Reads every #include under src/ and fails on one that points upward in the house (ARCHITECTURE.md).

Method: the table below is the house; a room may include the rooms it names and what those reach in turn. Each of our
includes must name its file from src/ ("room/file.h") and that file must exist. Nor may ledger/ use floating point. It
checks itself on made-up trees first.
"""

import pathlib
import re
import sys
import tempfile

# room -> rooms directly below it. cmd sees everything.
HOUSE = {
    "base": [],
    "kernels": ["base"],
    "request": ["base"],
    "text": ["base"],
    "pages": ["base"],
    "model": ["kernels", "pages"],
    "ledger": ["request"],
    "objects": ["request"],
    "fleet": ["request"],
    "engine": ["model", "pages", "text", "request"],
    "train": ["model", "text"],
    "serve": ["engine", "train", "ledger", "objects", "fleet", "text", "request"],
    "cmd": ["serve"],
}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^">]+)[">]', re.MULTILINE)
# Money is whole numbers: no floating point in ledger/, but where time is measured.
FLOATING = re.compile(r"\b(float|double|long double)\b")
COMMENT = re.compile(r"//[^\n]*")
MEASURES_TIME = {"rate_meter.cc"}
# Quoted headers that the build writes, not src/.
GENERATED = set()


def reach(room):
    """The room and everything below it."""
    seen, todo = set(), [room]
    while todo:
        at = todo.pop()
        if at not in seen:
            seen.add(at)
            todo += HOUSE[at]
    return seen


def findings(source):
    """One line for each thing wrong under the folder `source`, in file order."""
    found = []
    for path in sorted(source.rglob("*")):
        if path.suffix not in {".h", ".cc", ".inc"} or not path.is_file():
            continue
        relative = path.relative_to(source)
        room = relative.parts[0]
        if room not in HOUSE:
            found.append(
                f"{relative}: {room}/ is no room of the house; add it to the table in tests/layers and to ARCHITECTURE.md"
            )
            continue
        text = path.read_text(encoding="utf-8")
        if room == "ledger" and path.name not in MEASURES_TIME:
            # Comments go, lines stay.
            for match in FLOATING.finditer(COMMENT.sub("", text)):
                line = COMMENT.sub("", text).count("\n", 0, match.start()) + 1
                found.append(f"{relative}:{line}: {match[0]}: the ledger counts in whole numbers (ledger/money.h)")
        for match in INCLUDE.finditer(text):
            quoted, target = match[1] == '"', match[2]
            line = text.count("\n", 0, match.start()) + 1
            where = f"{relative}:{line}: #include {match[0].split('include')[1].strip()}"
            first = target.split("/")[0]
            if not quoted:
                if first in HOUSE and (source / target).exists():
                    found.append(f"{where}: our own headers are included with quotes")
                continue
            if target in GENERATED:
                continue
            if ".." in target.split("/") or not (source / target).exists():
                found.append(f"{where}: no such file under src/; name it from there")
            elif first not in reach(room):
                found.append(
                    f"{where}: {room}/ lies below {first}/ or beside it; it may include: {', '.join(sorted(reach(room)))}"
                )
    return found


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)

        def put(name, text):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)

        put("base/a.h", "#include <vector>\n")
        put("engine/e.h", '#include "model/m.h"\n#include "base/a.h"\n')
        put("model/m.h", '#include "kernels/k.h"\n')
        put("kernels/k.h", "")
        put("serve/s.cc", '#include "engine/e.h"\n')
        put("cmd/main.cc", '#include "serve/s.h"\n')
        put("serve/s.h", "")
        assert findings(root) == [], findings(root)
        for name, text, part in [
            ("model/up.h", '#include "engine/e.h"\n', "model/ lies below engine/"),
            ("kernels/side.h", '  # include "model/m.h"\n', "kernels/ lies below model/"),
            ("request/side.h", '#include "kernels/k.h"\n', "request/ lies below kernels/ or beside it"),
            ("base/angle.h", "#include <base/a.h>\n", "with quotes"),
            ("base/short.h", '#include "a.h"\n', "no such file"),
            ("base/dots.h", '#include "base/../engine/e.h"\n', "no such file"),
            ("utils/u.h", "", "no room of the house"),
            ("ledger/price.cc", "int a;  // no float\ndouble b;\n", "price.cc:2: double: the ledger counts"),
        ]:
            put(name, text)
            found = findings(root)
            assert len(found) == 1 and part in found[0], (name, found)
            (root / name).unlink()


def main():
    self_test()
    source = pathlib.Path(__file__).resolve().parents[2] / "src"
    found = findings(source)
    for line in found:
        print(line)
    if found:
        print(f"layers: {len(found)} lines are wrong")
        return 1
    print("layers: every include points downward")
    return 0


if __name__ == "__main__":
    sys.exit(main())
