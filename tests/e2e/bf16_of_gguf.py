#!/usr/bin/env python3
"""Writes a GGUF file's matrices again as BF16, rounded to nearest even: for tests of the GPU path, which has no Q4_1.

  tests/e2e/bf16_of_gguf.py MODEL.gguf OUT.gguf

Knows F32, Q4_1 and Q8_0 matrices; vectors stay as they are. Needs numpy.
"""
import struct
import sys

import numpy as np

F32, Q4_1, Q8_0, BF16 = 0, 3, 8, 30
SIMPLE = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}  # bytes of GGUF's value types
STRING, ARRAY = 8, 9


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        values = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return values[0]

    def string(self):
        length = self.take("Q")
        self.at += length
        return self.data[self.at - length:self.at].decode()

    def skip_value(self, kind):
        if kind == STRING:
            self.string()
        elif kind == ARRAY:
            inner, count = self.take("I"), self.take("Q")
            for _ in range(count if inner in (STRING, ARRAY) else 0):
                self.skip_value(inner)
            self.at += SIMPLE.get(inner, 0) * count
        else:
            self.at += SIMPLE[kind]


def values_of(kind, raw, count):
    """The formulas of ggml-quants.c: d * code (+ m), in f32."""
    if kind == F32:
        return np.frombuffer(raw, np.float32, count)
    if kind == Q4_1:
        blocks = np.frombuffer(raw, np.dtype([("d", "<f2"), ("m", "<f2"), ("codes", "u1", 16)]), count // 32)
        codes = np.concatenate([blocks["codes"] & 15, blocks["codes"] >> 4], axis=1).astype(np.float32)
        return codes * blocks["d"].astype(np.float32)[:, None] + blocks["m"].astype(np.float32)[:, None]
    if kind == Q8_0:
        blocks = np.frombuffer(raw, np.dtype([("d", "<f2"), ("codes", "i1", 32)]), count // 32)
        return blocks["codes"].astype(np.float32) * blocks["d"].astype(np.float32)[:, None]
    raise SystemExit(f"tensors of GGUF type {kind} are not known here")


def bytes_of(kind, count):
    return {F32: 4 * count, Q4_1: count // 32 * 20, Q8_0: count // 32 * 34}[kind]


def to_bf16(values):
    bits = np.ascontiguousarray(values, np.float32).reshape(-1).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16).tobytes()


def main(source, target):
    data = open(source, "rb").read()
    r = Reader(data)
    assert data[:4] == b"GGUF", f"{source} is no GGUF file"
    r.at = 4
    version, tensors, keys = r.take("I"), r.take("Q"), r.take("Q")
    alignment, first_key = 32, r.at
    for _ in range(keys):
        name = r.string()
        kind = r.take("I")
        if name == "general.alignment":
            alignment = struct.unpack_from("<I", data, r.at)[0]
        r.skip_value(kind)
    key_bytes = data[first_key:r.at]
    infos = []
    for _ in range(tensors):
        name = r.string()
        shape = [r.take("Q") for _ in range(r.take("I"))]
        infos.append((name, shape, r.take("I"), r.take("Q")))
    begin = -(-r.at // alignment) * alignment

    header, body = [], bytearray()
    for name, shape, kind, offset in infos:
        count = int(np.prod(shape))
        raw = data[begin + offset:begin + offset + bytes_of(kind, count)]
        matrix = len(shape) > 1
        body += bytes(-len(body) % alignment)
        text = name.encode()
        header.append(struct.pack("<Q", len(text)) + text + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape) +
                      struct.pack("<IQ", BF16 if matrix else kind, len(body)))
        body += to_bf16(values_of(kind, raw, count)) if matrix else raw
    head = b"GGUF" + struct.pack("<IQQ", version, tensors, keys) + key_bytes + b"".join(header)
    with open(target, "wb") as out:
        out.write(head + bytes(-len(head) % alignment))
        out.write(body)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    main(sys.argv[1], sys.argv[2])
