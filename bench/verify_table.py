#!/usr/bin/env python3
"""The table of docs/benchmarks.md: references x layouts, tokens that agree, the largest difference, the hash.

    python3 bench/verify_table.py [MODEL.gguf] [--json FILE]
Without MODEL only the tiny models under tests/golden are verified.
"""

import argparse
import json
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "tests/golden"
LAYOUTS = [(1, 1), (2, 1), (1, 2), (2, 2)]


def verify(model, goldens, tp, pp):
    output = subprocess.run([ROOT / "build/bin/yoke", "verify", model, *[f"--golden={file}" for file in goldens], "--tp", str(tp), "--pp",
                             str(pp), "-o", "json"], capture_output=True, text=True).stdout
    return json.loads(output)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", type=pathlib.Path)
    parser.add_argument("--json", type=pathlib.Path)
    arguments = parser.parse_args()
    jobs = [(GOLDEN / "models" / name, [GOLDEN / "models" / name / "golden.safetensors"]) for name in ("llama", "llama_untied")]
    if arguments.model:
        jobs.append((arguments.model, sorted((GOLDEN / "smollm2").glob("*.golden.safetensors"))))
    answers = []
    print("| reference | layout | tokens agree | max difference | hash |\n|---|---|---|---|---|")
    for model, goldens in jobs:
        for tp, pp in LAYOUTS:
            answer = verify(model, goldens, tp, pp)
            answers.append(answer)
            for file in answer["files"]:
                path = pathlib.Path(file["file"])
                name = path.parent.name if path.name == "golden.safetensors" else "smollm2/" + path.name.split(".")[0]
                difference = "-" if file["max_abs_diff"] is None else f"{file['max_abs_diff']:.2e}"
                print(f"| {name} | {answer['layout']} | {file['agree']} of {file['tokens']} | {difference} | {file['logits_hash'][:12]} |", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(answers, indent=1))


if __name__ == "__main__":
    main()
