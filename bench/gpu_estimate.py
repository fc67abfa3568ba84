#!/usr/bin/env python3
"""What a GB10 should reach in decode, by arithmetic: bytes, instructions of the SASS, occupancy. Nothing here is measured.

    python3 bench/gpu_estimate.py BUILD_FOLDER/cuda [--json FILE]
For each bf16 product of few rows (linear_*_8): the instructions of its loop over K, from SASS for sm_121a; what 48 SMs that issue 4 of them a clock
at 2.4 GHz make of that, beside 255 GB/s of memory; and how many of its blocks of 8 warps an SM holds, whose rings hold some 20 KB each, where
0.8 us of latency want 4.3 KB an SM in flight. A product whose instructions take longer than its bytes is issue-bound: it ends with 1. Branches within the loop are counted as if all were taken, so
the share of issue is an upper bound.
"""

import argparse
import importlib.util
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
GATE = importlib.util.spec_from_file_location("static_gate", ROOT / "tests/kernels/cuda/static_gate.py")
gate = importlib.util.module_from_spec(GATE)
GATE.loader.exec_module(gate)

# spark.md 1.2, 1.3: SMs, clock, the best read that was measured; four schedulers an SM, one instruction a clock each.
SMS, CLOCK, ISSUE, BANDWIDTH = 48, 2.4e9, 4, 255e9
WEIGHTS_A_MMA = 16 * 16
BITS = {"linear_bf16": 16, "linear_packed_bf16": 12.1, "linear_fp8": 8, "linear_fp8_blocks": 8, "linear_nvfp4": 4.5, "linear_packed_nvfp4": 4.3,
        "linear_mxfp4": 4.25, "linear_gguf_nvfp4": 4.5, "linear_gguf_mxfp4": 4.25}
LINE = re.compile(r"^\s*/\*([0-9a-f]+)\*/\s+(.*?);", re.M)
LABEL = re.compile(r"^(\.L_x_\d+):\s*\n\s*/\*([0-9a-f]+)\*/", re.M)


def loops(body):
    """(instructions, HMMAs) of each backward branch's span."""
    labels = {name: int(at, 16) for name, at in LABEL.findall(body)}
    code = [(int(at, 16), text) for at, text in LINE.findall(body)]
    for at, text in code:
        branch = re.search(r"\bBRA\b.*`\((\.L_x_\d+)\)", text)
        begin = labels.get(branch[1], at + 1) if branch else at + 1
        if begin > at:
            continue
        inside = [t for a, t in code if begin <= a <= at]
        yield len(inside), sum("HMMA" in t for t in inside)


def bodies(nvdisasm, cubin):
    text = subprocess.run([nvdisasm, "-c", str(cubin)], capture_output=True, text=True, check=True).stdout
    parts = re.split(r"^\.text\.(\w+):", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def estimate(folder, nvdisasm, image, budget):
    cubin, = folder.glob(f"{image}/*sm_121a.cubin")
    body = bodies(nvdisasm, cubin)[f"{image}_8"]
    instructions, mmas = min((l for l in loops(body) if l[1] > 0), key=lambda l: l[0] / l[1])
    bytes_a_loop = mmas * WEIGHTS_A_MMA * BITS[image] / 8
    memory_s = bytes_a_loop / BANDWIDTH
    issue_s = instructions / (SMS * ISSUE * CLOCK)
    return {"product": image.removeprefix("linear_"), "registers": int(budget["registers"]), "blocks_an_sm": int(budget["blocks"]),
            "instructions_a_kb": 1000 * instructions / bytes_a_loop, "issue_share": issue_s / memory_s,
            "share_of_bandwidth": min(1.0, memory_s / issue_s)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    nvdisasm, why = gate.disassembler(options.folder)
    if nvdisasm is None:
        raise SystemExit(f"no nvdisasm: {why}")
    with open(ROOT / "tests/kernels/cuda/budgets.csv", newline="") as file:
        budgets = {row["kernel"]: row for row in gate.csv.DictReader(file)}
    rows = [estimate(options.folder, nvdisasm, image, budgets[f"{image}_8"]) for image in BITS]
    print("| product, 1 to 8 rows | registers | blocks an SM | instructions a KB | issue slots taken | instructions allow, of 255 GB/s |\n|---|---|---|---|---|---|")
    for r in rows:
        print(f"| {r['product']} | {r['registers']} | {r['blocks_an_sm']} | {r['instructions_a_kb']:.0f} | {100 * r['issue_share']:.0f} % | "
              f"{100 * r['share_of_bandwidth']:.0f} % |")
    if options.json:
        options.json.write_text(json.dumps({"estimate": rows, "measured": False}, indent=1))
    return 1 if any(r["issue_share"] > 1 for r in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
