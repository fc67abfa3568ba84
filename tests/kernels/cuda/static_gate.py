#!/usr/bin/env python3
"""Holds the compiled CUDA kernels to the budgets of this folder.

static_gate.py FOLDER [--write]
FOLDER is the build's cuda/, where cmake/yoke_cuda.cmake leaves NAME/NAME.ptxas, the PTX and the cubins.
budgets.csv: the most registers and bytes of static shared memory that a kernel may take on any architecture, and how many of its blocks a
multiprocessor of GB10 holds at least (dynamic shared memory not counted). Spills and local memory are never allowed. --write makes the file
anew from what was built.
sass_marks.csv: instructions that the SASS of an image must have in every kernel. nvdisasm comes from PATH, from CUDA, or from PyPI into
FOLDER/tools; where it cannot be had this part is left out, and said so.
"""

import argparse
import csv
import fnmatch
import math
import pathlib
import re
import shutil
import subprocess
import sys
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
PACKAGE = "nvidia-cuda-nvdisasm==13.5.37"  # it reads what CUDA 13.0 writes
COLUMNS = ["image", "kernel", "threads", "registers", "shared", "blocks"]
# GB10: CUDA C++ programming guide, "Compute Capabilities", 12.x.
REGISTERS, THREADS, BLOCKS, SHARED, RESERVED_SHARED = 65536, 1536, 24, 100 * 1024, 1024
ENTRY = re.compile(
    r"Compiling entry function '(?P<kernel>\w+)' for '(?P<arch>\w+)'.*?"
    r"(?P<stack>\d+) bytes stack frame, (?P<stores>\d+) bytes spill stores, (?P<loads>\d+) bytes spill loads.*?"
    r"Used (?P<registers>\d+) registers(?P<rest>[^\n]*)", re.S)


def built(folder):
    """One dictionary a kernel and architecture."""
    for log in sorted(folder.glob("*/*.ptxas")):
        image = log.stem
        threads = {}
        for ptx in log.parent.glob("*.ptx"):
            for entry in re.split(r"\.entry\s+", ptx.read_text())[1:]:
                limit = re.search(r"\.maxntid\s+(\d+)", entry.split("{")[0])
                threads[re.match(r"\w+", entry)[0]] = int(limit[1]) if limit else 256
        for found in ENTRY.finditer(log.read_text()):
            shared = re.search(r"(\d+) bytes smem", found["rest"])
            yield {"image": image, "kernel": found["kernel"], "arch": found["arch"], "threads": threads.get(found["kernel"], 256),
                   "registers": int(found["registers"]), "shared": int(shared[1]) if shared else 0,
                   "local": int(found["stack"]) + int(found["stores"]) + int(found["loads"])}


def blocks_per_multiprocessor(threads, registers, shared):
    warps = math.ceil(threads / 32)
    by_registers = REGISTERS // (math.ceil(registers * 32 / 256) * 256) // warps
    return min(by_registers, THREADS // (warps * 32), BLOCKS, SHARED // (shared + RESERVED_SHARED))


def write_budgets(kernels):
    rows = {}
    for k in kernels:
        row = rows.setdefault((k["image"], k["kernel"]), {**k, "registers": 0, "shared": 0})
        row["registers"] = max(row["registers"], math.ceil(k["registers"] / 8) * 8)  # ptxas differs a little from release to release
        row["shared"] = max(row["shared"], k["shared"])
    with open(HERE / "budgets.csv", "w", newline="") as file:
        out = csv.DictWriter(file, COLUMNS, extrasaction="ignore", lineterminator="\n")
        out.writeheader()
        for _, row in sorted(rows.items()):
            out.writerow({**row, "blocks": blocks_per_multiprocessor(row["threads"], row["registers"], row["shared"])})


def check_budgets(kernels, fail):
    with open(HERE / "budgets.csv", newline="") as file:
        budgets = {(row["image"], row["kernel"]): row for row in csv.DictReader(file)}
    for k in kernels:
        what = f"{k['image']}.{k['kernel']} for {k['arch']}"
        if k["local"]:
            fail(f"{what} has {k['local']} bytes of stack and spills, none are allowed")
        budget = budgets.get((k["image"], k["kernel"]))
        if budget is None:
            fail(f"{what} has no budget")
            continue
        for column in ("registers", "shared"):
            if k[column] > int(budget[column]):
                fail(f"{what} takes {k[column]} {column}, the budget is {budget[column]}")
        if k["threads"] != int(budget["threads"]):
            fail(f"{what} has blocks of {k['threads']} threads, the budget says {budget['threads']}")
        blocks = blocks_per_multiprocessor(k["threads"], k["registers"], k["shared"])
        if k["arch"] == "sm_121a" and blocks < int(budget["blocks"]):
            fail(f"{what}: a multiprocessor holds {blocks} blocks, the budget is {budget['blocks']}")
    for image, kernel in sorted(set(budgets) - {(k["image"], k["kernel"]) for k in kernels}):
        fail(f"{image}.{kernel} has a budget and was not built")


def disassembler(folder):
    """nvdisasm, or None and why."""
    for place in (shutil.which("nvdisasm"), "/usr/local/cuda/bin/nvdisasm", *folder.glob("tools/**/nvdisasm")):
        if place and pathlib.Path(place).is_file():
            return str(place), ""
    tools = folder / "tools"
    tools.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "-d", str(tools), PACKAGE]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    except subprocess.TimeoutExpired:
        return None, "pip did not bring it within 120 s"
    if done.returncode != 0:
        return None, f"pip could not bring it: {done.stderr.strip().splitlines()[-1:] or done.returncode}"
    for wheel in tools.glob("*.whl"):
        zipfile.ZipFile(wheel).extractall(tools)
    for place in tools.glob("**/nvdisasm"):
        place.chmod(0o755)
        return str(place), ""
    return None, "its package holds no nvdisasm"


def functions_of(nvdisasm, cubin):
    """The instructions of each function."""
    text = subprocess.run([nvdisasm, "-c", str(cubin)], capture_output=True, text=True, check=True).stdout
    parts = re.split(r"^\.text\.(\w+):", text, flags=re.M)
    for name, body in zip(parts[1::2], parts[2::2]):
        yield name, re.findall(r"^\s*/\*[0-9a-f]+\*/\s+(?:\{\s*)?(?:@!?U?P\w+\s+)?([A-Z][\w.]*)", body, flags=re.M)


def check_sass(folder, fail):
    nvdisasm, why = disassembler(folder)
    if nvdisasm is None:
        print(f"left out: the instructions of the SASS (no nvdisasm: {why})")
        return
    with open(HERE / "sass_marks.csv", newline="") as file:
        marks = list(csv.DictReader(file))
    used = set()
    for cubin in sorted(folder.glob("*/*.cubin")):
        image = cubin.parent.name
        arch = re.search(r"\.(sm_\w+)\.cubin$", cubin.name)[1]
        wanted = [m for m in marks if fnmatch.fnmatch(image, m["image"]) and fnmatch.fnmatch(arch, m["arch"])]
        if not wanted:  # what ptxas says of spills and stacks holds for all
            continue
        for kernel, instructions in functions_of(nvdisasm, cubin):
            local = [i for i in instructions if i.startswith(("LDL", "STL"))]
            if local:
                fail(f"{image}.{kernel} for {arch} has {len(local)} accesses to local memory")
            for mark in wanted:
                if not fnmatch.fnmatch(kernel, mark["kernel"]):
                    continue
                used.add(tuple(mark.values()))
                count = sum(fnmatch.fnmatch(i, mark["instruction"]) for i in instructions)
                if count < int(mark["least"]):
                    fail(f"{image}.{kernel} for {arch} has {count} {mark['instruction']}, at least {mark['least']} are wanted")
    for mark in marks:
        if tuple(mark.values()) not in used:
            fail(f"a mark that no kernel is held to: {mark}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    kernels = list(built(arguments.folder))
    if arguments.write:
        write_budgets(kernels)
        return 0
    failures = []
    check_budgets(kernels, failures.append)
    check_sass(arguments.folder, failures.append)
    print("\n".join(failures))
    print(f"{len(kernels)} kernels and architectures, {len(failures)} failures")
    return 1 if failures or not kernels else 0


if __name__ == "__main__":
    sys.exit(main())
