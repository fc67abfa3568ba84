#!/usr/bin/env python3
"""Compares the emulator's mma.sync with the fragment layouts of NVIDIA's CuTe headers (PyPI nvidia-cutlass).

check.py WORK_DIRECTORY [--cuda DIRECTORY]
The package is fetched into the work directory once. Where pip, the package or CUDA's headers are out of reach this says what is left out
and exits with 77, which CTest counts as skipped.
"""

import argparse
import pathlib
import shutil
import subprocess
import sys
import zipfile

PACKAGE = "nvidia-cutlass==4.2.0.0"
SOURCE = pathlib.Path(__file__).resolve().parents[3]
SKIPPED = 77


def leave_out(why):
    print(f"SKIPPED: the MMA fragment layouts were not compared with CuTe's: {why}")
    sys.exit(SKIPPED)


def headers(work):
    """The package's include directory."""
    include = work / "cutlass_library" / "source" / "include"
    if (include / "cute" / "atom" / "mma_traits_sm120.hpp").exists():
        return include
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "-d", str(work), PACKAGE]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    except subprocess.TimeoutExpired:
        leave_out(f"pip did not bring {PACKAGE} within 300 s")
    if done.returncode != 0:
        leave_out(f"pip could not bring {PACKAGE}: {done.stderr.strip().splitlines()[-1:] or done.returncode}")
    for wheel in work.glob("nvidia_cutlass-*.whl"):
        zipfile.ZipFile(wheel).extractall(work)
    if not include.exists():
        leave_out(f"{PACKAGE} has no {include.relative_to(work)}")
    return include


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("--cuda", type=pathlib.Path, default=pathlib.Path("/usr/local/cuda"))
    arguments = parser.parse_args()
    cuda = arguments.cuda / "include"
    if not (cuda / "cccl" / "cuda").exists():
        leave_out(f"no CUDA headers in {cuda}")
    compiler = shutil.which("g++")
    if compiler is None:
        leave_out("no g++")
    arguments.work.mkdir(parents=True, exist_ok=True)

    program = arguments.work / "layouts"
    names = ("cute_oracle/layouts.cpp", "ptx/tensor_ops.cpp", "ptx/number_formats.cpp")
    sources = [SOURCE / "tests/emulator" / name for name in names]
    includes = ["-I", SOURCE, "-isystem", headers(arguments.work), "-isystem", cuda, "-isystem", cuda / "cccl"]
    subprocess.run([compiler, "-std=c++20", "-O1", "-w", "-ffp-contract=off", *includes, *sources, "-o", program], check=True)
    sys.exit(subprocess.run([program]).returncode)


if __name__ == "__main__":
    main()
