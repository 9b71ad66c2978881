#!/usr/bin/env python3
"""Writes src/kernels/testdata/dequantize.golden: random blocks of every weight type and the numbers they mean, as the
`gguf` package (pip install gguf numpy) computes them. Record: u32 GGUF type, u32 elements, the row, f32 values."""
import pathlib
import struct
import sys

import gguf
import numpy as np

TYPES = ["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS"]
# Where the f16 scales of a block lie: those must be finite, since NaN bits are not fixed by arithmetic.
HALVES = {"F16": [0], "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108],
          "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "IQ4_NL": [0], "IQ4_XS": [0]}


def main():
    rng = np.random.default_rng(20)
    out = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else
                       pathlib.Path(__file__).parent.parent / "src/kernels/testdata/dequantize.golden")
    with out.open("wb") as f:
        for name in TYPES:
            kind = gguf.GGMLQuantizationType[name]
            elements, size = gguf.GGML_QUANT_SIZES[kind]
            blocks = 3 if elements == 256 else 6 if elements == 32 else 64
            raw = rng.integers(0, 256, (blocks, size), dtype=np.uint8)
            for at in HALVES.get(name, []):
                # Any finite half: subnormals, negatives and both zeros included.
                half = (rng.integers(0, 0x7C00, blocks) | rng.integers(0, 2, blocks) << 15).astype("<u2")
                half[0] = rng.integers(1, 0x400)
                raw[:, at:at + 2] = half.view(np.uint8).reshape(blocks, 2)
            if name == "F32":
                raw = rng.standard_normal(blocks).astype("<f4").view(np.uint8).reshape(blocks, size)
            if name == "BF16":
                raw = (rng.standard_normal(blocks).astype("<f4").view("<u4") >> 16).astype("<u2").view(np.uint8).reshape(blocks, size)
            row = raw.reshape(-1)
            typed = row.view("<f4") if name == "F32" else row.view("<f2") if name == "F16" else row
            values = gguf.dequantize(typed, kind).astype("<f4")
            assert values.size == blocks * elements and np.isfinite(values).all(), name
            f.write(struct.pack("<II", int(kind), values.size) + row.tobytes() + values.tobytes())


main()
