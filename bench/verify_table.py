#!/usr/bin/env python3
"""The table of docs/models.md: references x layouts, tokens that agree, the largest difference, equal hashes.

    python3 bench/verify_table.py [MODEL.gguf] [--only WORD] [--kv TYPE] [--yoke PROGRAM] [--json FILE]
Every golden under tests/golden and, where YOKE_SHARED names the larger collection, of that. MODEL: the real SmolLM2 as well.
Layouts: one rank, two (--tp 2), two stages (--pp 2) must have one hash; --ep 2, for mixtures of experts, has its own.
Ends with 1 if anything disagrees.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "tests/golden"
LAYOUTS = [("tp1", []), ("tp2", ["--tp", "2"]), ("pp2", ["--tp", "1", "--pp", "2"])]
EXPERTS = ("ep2", ["--tp", "2", "--ep", "2"])


def folders():
    """Name -> folder, the checkout's own before the collection's."""
    roots = [GOLDEN] + ([pathlib.Path(os.environ["YOKE_SHARED"]) / "reference/golden"] if "YOKE_SHARED" in os.environ else [])
    found = {}
    for root in roots:
        for kind in ("models", "quantised", "gguf"):
            for golden in sorted((root / kind).glob("*/golden.safetensors")):
                found.setdefault(f"{kind}/{golden.parent.name}", golden.parent)
    return dict(sorted(found.items()))


def has_experts(folder):
    config = folder / "config.json"
    return "experts" in config.read_text() if config.exists() else folder.name == "mixtral"


def verify(yoke, model, goldens, layout, kv):
    command = [yoke, "verify", model, *[f"--golden={file}" for file in goldens], *layout, "--kv", kv, "-o", "json"]
    if layout == []:
        command += ["--nodes", "1"]
    done = subprocess.run(command, capture_output=True, text=True)
    if not done.stdout:
        raise SystemExit(f"{' '.join(map(str, command))}: {done.stderr}")
    return json.loads(done.stdout)


def row_of(name, layout, file, expected):
    difference = "-" if file["max_abs_diff"] is None else f"{file['max_abs_diff']:.2e}"
    agrees = "yes" if file["agree"] == file["tokens"] else f"{file['agree']} of {file['tokens']}"
    return f"| {name} | {layout} | {agrees} | {difference} | {file['logits_hash'][:12]}{'' if expected else ' DIFFERS'} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", type=pathlib.Path)
    parser.add_argument("--only", default="", help="goldens whose name has this word")
    parser.add_argument("--kv", default="f32")
    parser.add_argument("--yoke", default=ROOT / "build/bin/yoke", type=pathlib.Path)
    parser.add_argument("--json", type=pathlib.Path)
    arguments = parser.parse_args()
    jobs = {name: (folder / "model.gguf" if (folder / "model.gguf").exists() else folder, [folder / "golden.safetensors"], has_experts(folder))
            for name, folder in folders().items() if arguments.only in name}
    if arguments.model:
        jobs["smollm2"] = (arguments.model, sorted((GOLDEN / "smollm2").glob("*.golden.safetensors")), False)
    answers, ok = [], True
    print("| reference | layout | tokens agree | max difference | hash |\n|---|---|---|---|---|")
    for name, (model, goldens, experts) in jobs.items():
        hashes = None
        for layout, flags in LAYOUTS + ([EXPERTS] if experts else []):
            answer = verify(arguments.yoke, model, goldens, flags, arguments.kv)
            answers.append({"reference": name, "layout": layout} | answer)
            these = [file["logits_hash"] for file in answer["files"]]
            hashes = hashes or these
            equal = layout == "ep2" or these == hashes
            ok = ok and equal and answer["ok"]
            for file in answer["files"]:
                label = name if len(goldens) == 1 else f"{name}/{pathlib.Path(file['file']).name.split('.')[0]}"
                print(row_of(label, layout, file, equal), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(answers, indent=1))
    print(f"{len(jobs)} references: {'all agree, with equal hashes over layouts' if ok else 'SOME DISAGREE'}", file=sys.stderr)
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
