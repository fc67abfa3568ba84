#!/usr/bin/env python3
"""Text to token ids, beside the Python package `tokenizers` on one thread, in turn: bench_tokenize's figures and its.

    python3 bench/tokenize.py BENCH_TOKENIZE MODEL [--json FILE] [--rounds N]

MODEL is a folder with tokenizer.json. The texts are this project's own documents and sources, the strings of the golden corpus
by language, and numbers made here; each kind is repeated to 4 MB and given in documents of 16 KB. Rates are of processor time.
"""
import os

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

import argparse
import json
import pathlib
import random
import statistics
import subprocess
import tempfile
import time

from tokenizers import Tokenizer

ROOT = pathlib.Path(__file__).resolve().parent.parent
BYTES, DOCUMENT = 4_000_000, 16_384


def joined(pattern):
    return "\n".join(p.read_text(encoding="utf-8") for p in sorted(ROOT.glob(pattern)))


def repeated(text):
    text *= BYTES // max(1, len(text.encode())) + 1
    whole = text.encode()[:BYTES]
    return [whole[i:i + DOCUMENT].decode("utf-8", "ignore") for i in range(0, len(whole), DOCUMENT)]


def texts():
    corpus = json.loads((ROOT / "tests/golden/text/corpus.json").read_text())["strings"]
    foreign = [s["text"] for s in corpus if s["cat"] not in ("english", "code") and len(s["text"]) < 2000 and not s["text"].isascii()]
    rng = random.Random(1)
    numbers = " ".join(str(rng.randrange(10 ** rng.randrange(1, 12))) for _ in range(100_000))
    kinds = {"english": joined("docs/**/*.md"), "code": joined("node/**/*.cpp"), "multilingual": "\n".join(foreign), "numbers": numbers}
    return {kind: repeated(text) for kind, text in kinds.items()}


def peer(tokenizer, documents, rounds):
    rates, megabytes = [], sum(len(d.encode()) for d in documents) / 1e6
    for _ in range(rounds):
        begin = time.process_time()
        tokens = sum(len(tokenizer.encode(d, add_special_tokens=False).ids) for d in documents)
        rates.append(megabytes / (time.process_time() - begin))
    return {"tokens": tokens, "megabytes_per_s": statistics.median(rates)}


def ours(program, model, documents, rounds):
    with tempfile.TemporaryDirectory() as folder:
        given, found = os.path.join(folder, "texts.json"), os.path.join(folder, "found.json")
        pathlib.Path(given).write_text(json.dumps({"text": documents}))
        subprocess.run([program, model, given, "--rounds", str(rounds), "--json", found], check=True, stdout=subprocess.DEVNULL)
        return json.loads(pathlib.Path(found).read_text())["text"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("model")
    parser.add_argument("--json")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    tokenizer = Tokenizer.from_file(os.path.join(args.model, "tokenizer.json"))
    results = {}
    print(f"{'text':<14} {'ours MB/s':>10} {'tokenizers MB/s':>16} {'ratio':>6} tokens")
    for kind, documents in texts().items():
        own, other = ours(args.program, args.model, documents, args.rounds), peer(tokenizer, documents, args.rounds)
        results[kind] = {"ours": own, "tokenizers": other}
        same = "equal" if own["tokens"] == other["tokens"] else "DIFFERENT"
        print(f"{kind:<14} {own['megabytes_per_s']:>10.2f} {other['megabytes_per_s']:>16.2f} "
              f"{own['megabytes_per_s'] / other['megabytes_per_s']:>6.2f} {same}")
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(results) + "\n")


if __name__ == "__main__":
    main()
