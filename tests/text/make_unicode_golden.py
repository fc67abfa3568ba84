#!/usr/bin/env python3
"""Writes tests/golden/text/unicode.json: normal forms of strings that are hard to normalise, by unicodedata2 16.0.0.

pip install unicodedata2==16.0.0; python tests/text/make_unicode_golden.py
"""

import json
import pathlib
import random

import unicodedata2

FORMS = ("NFC", "NFD", "NFKC", "NFKD")
CODES = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]


def normalised(text):
    return [unicodedata2.normalize(form, text) for form in FORMS]


def ingredients():
    changing = [c for c in map(chr, CODES) if any(other != c for other in normalised(c))]
    marks = [chr(code) for code in CODES if unicodedata2.combining(chr(code))]
    parts = sorted({part for c in changing for part in unicodedata2.normalize("NFD", c)})
    jamo = [chr(code) for code in [*range(0x1100, 0x1113), *range(0x1161, 0x1176), *range(0x11A7, 0x11C3), 0xAC00, 0xAC01, 0xD788]]
    return [changing, marks, parts, jamo, list("aeioAEI 1\n")]


def main():
    assert unicodedata2.unidata_version == "16.0.0"
    generator, sources = random.Random(16), ingredients()
    texts = ["".join(generator.choice(generator.choice(sources)) for _ in range(generator.randint(1, 8))) for _ in range(300)]
    rows = [[text, *normalised(text)] for text in texts]
    lines = ",\n".join(json.dumps(row) for row in rows)
    folder = pathlib.Path(__file__).resolve().parents[1] / "golden" / "text"
    folder.mkdir(exist_ok=True)
    (folder / "unicode.json").write_text(f'{{"unicode": "16.0.0", "forms": {json.dumps(FORMS)}, "rows": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
