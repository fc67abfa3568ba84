#!/usr/bin/env python3
"""Replays the corpus of every fuzz target and fuzzes it for a while: run.py BUILD_FOLDER JUNIT_FILE [--seconds 20] [target...]

One test a target in the JUnit file. What a finding needs to be replayed is printed; its input stays in BUILD_FOLDER/findings.
"""

import argparse
import base64
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree

HERE = pathlib.Path(__file__).resolve().parent
# A reader may take a second and 64 MiB for a small file; the sanitizers make it up to ten times slower, a busy machine more.
LIMITS = ["-timeout=25", "-malloc_limit_mb=64", "-rss_limit_mb=1024", "-max_len=16384"]
JOBS = 2
# The longest input that is printed whole.
MOST_PRINTED = 16384


def run(command, folder, seconds):
    """(exit code, output) of a target; folder takes its temporary files."""
    # A small quarantine, or ASan's freed memory counts against the limit; no core dumps.
    options = "quarantine_size_mb=16:allocator_may_return_null=0:disable_coredump=1"
    environment = os.environ | {"TMPDIR": folder, "ASAN_OPTIONS": options, "UBSAN_OPTIONS": "print_stacktrace=1"}
    try:
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds + 120)
        return done.returncode, done.stdout.decode(errors="replace")
    except subprocess.TimeoutExpired as late:
        return -1, (late.stdout or b"").decode(errors="replace") + "\nthe target did not end by itself"


def statistic(name, output):
    found = re.search(rf"stat::{name}:\s+(\d+)", output)
    return int(found[1]) if found else 0


def statistics(seeds, output, seconds):
    inputs = statistic("number_of_executed_units", output)
    covered = re.findall(r"cov: (\d+)", output)
    return (f"{seeds} seeds, {inputs} inputs in {seconds:.0f} s ({inputs / max(seconds, 1):.0f} a second), "
            f"{covered[-1] if covered else 0} edges covered, {statistic('peak_rss_mb', output)} MiB at most")


def finding(binary, output):
    """What went wrong, with which input, and how to replay it."""
    lines = output.splitlines()
    begin = next((i for i, line in enumerate(lines) if re.search(r"ERROR:|runtime error:|a reader threw", line)), len(lines) - 40)
    text = "\n".join(lines[max(begin, 0):][:40])
    inputs = re.findall(r"Test unit written to (\S+)", output) or re.findall(r"Running: (\S+)", output)[-1:]
    for path in map(pathlib.Path, inputs):
        content = path.read_bytes()
        text += f"\nreplay: {binary} {path}"
        if len(content) <= MOST_PRINTED:
            text += f"\nthe input: echo {base64.b64encode(content).decode()} | base64 -d > input; {binary} input"
    return text


def examine(target, build, seconds):
    """(line of statistics, text of a failure or None)"""
    binary, seeds = build / "bin" / f"fuzz_{target}", HERE / "corpus" / target
    findings = build / "findings"
    findings.mkdir(exist_ok=True)
    common = LIMITS + [f"-artifact_prefix={findings}/{target}-"]
    files = sorted(str(seed) for seed in seeds.iterdir())
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # files are rewritten for every input
    with tempfile.TemporaryDirectory(prefix="yoke-fuzz-", dir=memory) as scratch, \
         tempfile.TemporaryDirectory(prefix="yoke-fuzz-") as grown:
        code, output = run([binary, *common, *files], scratch, 10 * len(files))
        if code != 0:
            return f"{len(files)} seeds", "a seed of the corpus:\n" + finding(binary, output)
        start = time.monotonic()
        code, output = run([binary, *common, "-print_final_stats=1", f"-max_total_time={seconds}", grown, seeds], scratch, seconds)
        line = statistics(len(files), output, time.monotonic() - start)
        return line, None if code == 0 else finding(binary, output)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("junit", type=pathlib.Path)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("targets", nargs="*", default=sorted(folder.name for folder in (HERE / "corpus").iterdir()))
    arguments = parser.parse_args()
    suite = ElementTree.Element("testsuite", name="fuzz")
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        jobs = {t: pool.submit(examine, t, arguments.build.resolve(), arguments.seconds) for t in arguments.targets}
        for target, job in jobs.items():
            line, failure = job.result()
            case = ElementTree.SubElement(suite, "testcase", classname="fuzz", name=target)
            print(f"fuzz_{target}: {line}", flush=True)
            if failure:
                print(failure, flush=True)
                printable = re.sub(r"[^\t\n\x20-\x7e]", "?", failure)  # XML has no place for control characters
                ElementTree.SubElement(case, "failure", message=f"fuzz_{target} ended").text = printable
    ElementTree.ElementTree(suite).write(arguments.junit)
    return 1 if suite.find(".//failure") is not None else 0


if __name__ == "__main__":
    sys.exit(main())
