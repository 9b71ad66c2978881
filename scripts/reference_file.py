"""The golden files of tests/reference/golden: what an independent fp32 reference says at fixed positions.

One file a model, `NAME.bpref`, readable with Python's standard library alone:

    8 bytes    "BPREF1\\r\\n"
    the rest   one zlib stream that holds, little-endian:
        4 bytes    length H of the header
        H bytes    header, JSON:
            model, sha256     the GGUF file that was de-quantised
            top               K, the number of candidates a position (64)
            step              log-probabilities are stored as round(-logprob / step)
            sequences         [{"name", "tokens": [...]}], in order; each has len(tokens) positions
            llama_cpp         its own figures against this reference, with flash attention on and off
            perplexity        {"text", "context", "scored", "reference", "llama_cpp"}
            made_with         versions
        per sequence, N = len(tokens) positions (position i is the distribution of token i + 1 given tokens 0 .. i):
            N * K uint32   candidate ids, most probable first, ties by the lower id
            N * K uint16   their log-probabilities, in steps below zero (65535: that or less)
            N float32      log of the remaining mass
            N float32      margin: log-probability of the first minus the second

The KL divergence computed from it is over the partition {64 candidates, everything else}: by the data-processing
inequality never above the divergence over the whole vocabulary. `llama_cpp` holds both for llama.cpp, which shows
how close. The 16-bit step of 1/2048 nat moves a mean KL by about 1e-5 of itself and less: errors of +-0.00024 nat
enter squared.
"""

import array
import json
import math
import struct
import sys
import zlib

MAGIC = b"BPREF1\r\n"
STEP = 1.0 / 2048


class Sequence:
    """ids and logprobs are lists of K-long lists, one a position."""

    def __init__(self, name, tokens, ids, logprobs, rest, margin):
        self.name, self.tokens, self.ids, self.logprobs, self.rest, self.margin = (
            name,
            tokens,
            ids,
            logprobs,
            rest,
            margin,
        )


def _pack(kind, values):
    out = array.array(kind, values)
    if sys.byteorder == "big":
        out.byteswap()
    return out.tobytes()


def _unpack(kind, data, offset, count):
    out = array.array(kind)
    size = out.itemsize * count
    out.frombytes(data[offset : offset + size])
    if sys.byteorder == "big":
        out.byteswap()
    return out, offset + size


def write(path, header, sequences):
    header = dict(
        header,
        top=len(sequences[0].ids[0]),
        step=STEP,
        sequences=[{"name": s.name, "tokens": [int(t) for t in s.tokens]} for s in sequences],
    )
    text = json.dumps(header).encode()
    parts = [struct.pack("<I", len(text)), text]
    for s in sequences:
        parts.append(_pack("I", [int(i) for row in s.ids for i in row]))
        parts.append(_pack("H", [min(65535, max(0, round(-p / STEP))) for row in s.logprobs for p in row]))
        parts.append(_pack("f", [float(x) for x in s.rest]))
        parts.append(_pack("f", [float(x) for x in s.margin]))
    with open(path, "wb") as out:
        out.write(MAGIC + zlib.compress(b"".join(parts), 9))


def read_header(path):
    return read(path)[0]


def read(path):
    """(header, [Sequence]). Log-probabilities are re-normalised, so that candidates and the rest sum to one exactly."""
    with open(path, "rb") as f:
        data = f.read()
    if not data.startswith(MAGIC):
        raise SystemExit(f"{path} is not a golden file: it does not start with {MAGIC!r}")
    data = zlib.decompress(data[len(MAGIC) :])
    (length,) = struct.unpack_from("<I", data)
    header = json.loads(data[4 : 4 + length])
    offset, k, step = 4 + length, header["top"], header["step"]
    sequences = []
    for s in header["sequences"]:
        n = len(s["tokens"])
        ids, offset = _unpack("I", data, offset, n * k)
        steps, offset = _unpack("H", data, offset, n * k)
        rest, offset = _unpack("f", data, offset, n)
        margin, offset = _unpack("f", data, offset, n)
        rows, rests = [], []
        for i in range(n):
            row = [-step * x for x in steps[i * k : (i + 1) * k]]
            total = math.log(math.fsum(math.exp(x) for x in row) + math.exp(rest[i]))
            rows.append([x - total for x in row])
            rests.append(rest[i] - total)
        id_rows = [list(ids[i * k : (i + 1) * k]) for i in range(n)]
        sequences.append(Sequence(s["name"], s["tokens"], id_rows, rows, rests, list(margin)))
    return header, sequences


def kl(reference, reference_rest, ours):
    """Sum of p log(p / q) over the candidates and the rest, in nats; ours: log-probabilities of the same ids."""
    total = math.fsum(math.exp(p) * (p - q) for p, q in zip(reference, ours, strict=True))
    ours_mass = math.fsum(math.exp(q) for q in ours)
    ours_rest = math.log(max(1.0 - ours_mass, 1e-12))
    return total + math.exp(reference_rest) * (reference_rest - ours_rest)
