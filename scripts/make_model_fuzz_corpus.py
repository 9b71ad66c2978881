#!/usr/bin/env python3
"""Writes the seed files of gguf_fuzz and safetensors_fuzz: small sound files, and some that break one rule each."""
import json
import pathlib
import struct

ROOT = pathlib.Path(__file__).parent.parent / "src/model/corpus"


def string(text):
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def value(kind, raw):
    return struct.pack("<I", kind) + raw


def array(kind, count, raw):
    return value(9, struct.pack("<IQ", kind, count) + raw)


def gguf(metadata, tensors, data, version=3, alignment=32):
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(metadata))
    for key, raw in metadata:
        head += string(key) + raw
    for name, shape, kind, offset in tensors:
        head += string(name) + struct.pack("<I", len(shape)) + b"".join(struct.pack("<Q", n) for n in shape)
        head += struct.pack("<IQ", kind, offset)
    return head + b"\0" * (-len(head) % alignment) + data if tensors else head


def main():
    arch = ("general.architecture", value(8, string("llama")))
    scalars = [("u8", value(0, b"\1")), ("i8", value(1, b"\xff")), ("u16", value(2, b"\1\2")), ("i16", value(3, b"\1\2")),
               ("u32", value(4, b"\1\2\3\4")), ("i32", value(5, b"\1\2\3\4")), ("f32", value(6, struct.pack("<f", 1.5))),
               ("bool", value(7, b"\1")), ("u64", value(10, b"\1" * 8)), ("i64", value(11, b"\1" * 8)), ("f64", value(12, b"\1" * 8))]
    arrays = [("strings", array(8, 3, string("a") + string("") + string("the"))), ("ints", array(5, 2, b"\1\0\0\0\2\0\0\0")),
              ("nested", array(9, 1, struct.pack("<IQ", 0, 2) + b"ab"))]
    files = {
        "scalars": gguf([arch] + scalars, [], b""),
        "arrays": gguf([arch] + arrays, [], b""),
        "tensors": gguf([arch], [("a", [4], 0, 0), ("b", [32, 2], 8, 32)], bytes(128)),
        "aligned64": gguf([arch, ("general.alignment", value(4, struct.pack("<I", 64)))], [("a", [4], 0, 0)], bytes(64), 2, 64),
        "overlap": gguf([arch], [("a", [16], 0, 0), ("b", [16], 0, 32)], bytes(128)),
        "bigcount": gguf([arch, ("k", array(8, 1 << 60, b""))], [], b""),
        "truncated": gguf([arch], [("a", [1024], 0, 0)], bytes(16)),
        "bigendian": b"GGUF" + bytes([0, 0, 0, 3]) + bytes(16),
    }
    tensor = {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}, "b": {"dtype": "BF16", "shape": [2, 1], "data_offsets": [8, 12]}}
    plain = json.dumps(tensor).encode()
    gap = json.dumps({"a": {"dtype": "F16", "shape": [1], "data_offsets": [2, 4]}}).encode()
    for folder, seeds in (("gguf_fuzz", files), ("safetensors_fuzz", {
            "plain": struct.pack("<Q", len(plain)) + plain + bytes(12),
            "gap": struct.pack("<Q", len(gap)) + gap + bytes(4),
            "empty": struct.pack("<Q", 2) + b"{}",
            "hugeheader": b"\xff" * 8 + b"{}",
    })):
        (ROOT / folder).mkdir(parents=True, exist_ok=True)
        for name, raw in seeds.items():
            (ROOT / folder / name).write_bytes(raw)


main()
