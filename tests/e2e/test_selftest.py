"""`yoke selftest` as an owner of a new machine runs it."""

import json
import os
import subprocess

import pytest

from conftest import BIN, ROOT, emulated

CHECK = {"name", "ok", "ran", "worst", "bound", "milliseconds", "note"}
COLLECTIVE = {"operation", "backend", "bytes", "ok", "ran", "microseconds", "gb_per_s", "note"}
BANDWIDTH = {"model", "product", "outputs", "inputs", "format", "math", "bytes", "microseconds", "gb_per_s", "share_of_copy"}
READING = {"sm_mhz", "max_sm_mhz", "power_mw", "temperature_c", "throttling"}


def selftest(*arguments, on_double=False, timeout=280, **settings):
    prefix = [ROOT / "scripts" / "with-cuda-emulator"] if on_double else []
    env = {**os.environ, "YOKE_BUILD": str(BIN.parent), **settings}
    return subprocess.run([*prefix, BIN / "yoke", "selftest", *map(str, arguments)], capture_output=True, text=True, timeout=timeout, env=env)


def report_of(file):
    report = json.loads(file.read_text())
    assert report["schema"] == 1 and report["verdict"] in ("pass", "fail")
    assert all(set(check) == CHECK for check in report["checks"])
    assert all(set(row) == COLLECTIVE for row in report["collectives"])
    assert all(set(row) == BANDWIDTH for row in report["bandwidth"])
    assert all(set(row) == {"finding", "remedy", "fails"} and row["remedy"] for row in report["remedies"])
    return report


def test_without_a_gpu_it_tests_the_cpu_and_says_why(tmp_path):
    file = tmp_path / "selftest.json"
    result = selftest("--device", "cpu", "-o", file)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stderr == "", "no progress where stderr is no terminal"
    assert "PASS" in result.stdout and "no GPU: --device cpu" in result.stdout
    report = report_of(file)
    assert report["verdict"] == "pass" and report["emulated"] is False
    assert report["device"]["gpu"] is False and report["bandwidth"] == [] and report["no_bandwidth"]
    assert all(check["ok"] or not check["ran"] for check in report["checks"])
    names = [check["name"] for check in report["checks"]]
    for part in ("product NVFP4, mode exact", "experts MXFP4, mode exact", "router, softmax, 8 experts", "the pool outlives a killed engine"):
        assert part in names
    reduced = [row["bytes"] for row in report["collectives"] if row["operation"] == "all_reduce" and row["backend"] == "ucx"]
    assert reduced == [8 << 10, 32 << 10, 64 << 10, 64 << 20]


def test_help_teaches():
    result = selftest("--help", timeout=10)
    assert result.returncode == 0 and "-o selftest.json" in result.stdout and "Exit codes" in result.stdout
    node = subprocess.run([BIN / "yoke-node", "--help"], capture_output=True, text=True, timeout=10)
    assert "--selftest" in node.stdout and "--selftest-child" not in node.stdout


def test_a_file_that_cannot_be_written_is_said_at_once():
    result = selftest("--device", "cpu", "-o", "/no/such/folder/selftest.json", timeout=10)
    assert result.returncode == 2 and "/no/such/folder/selftest.json" in result.stderr


def test_a_gpu_that_is_demanded_and_not_there_is_an_error():
    if os.path.exists("/dev/nvidia0"):
        pytest.skip("this machine has a GPU")
    result = selftest("--device", "cuda", timeout=20)
    assert result.returncode == 2 and "--device cuda" in result.stderr and "PASS" not in result.stdout


def test_on_the_double_all_of_it_runs_and_says_emulated(tmp_path):
    if not emulated():
        pytest.skip("no double of the driver in this build: CUDA is not installed where it was made")
    file = tmp_path / "selftest.json"
    result = selftest("--device", "cuda", "-o", file, on_double=True)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "emulated: no rate means anything" in result.stdout
    report = report_of(file)
    device = report["device"]
    assert report["verdict"] == "pass" and report["emulated"] is True and "emulator" in device["name"]
    assert device["compute_capability"] in ("12.1", "9.0") and set(device["idle"]) == READING
    assert all(check["ok"] or not check["ran"] for check in report["checks"])
    assert len(report["bandwidth"]) == 3 and report["copy_gb_per_s"] > 0
    joins = [row for row in report["collectives"] if row["operation"] == "join"]
    assert len(joins) == 1 and joins[0]["ran"] and joins[0]["ok"] and joins[0]["microseconds"] > 0


def test_a_kernel_that_faults_fails_with_a_report(tmp_path):
    if not emulated():
        pytest.skip("no double of the driver in this build: CUDA is not installed where it was made")
    file = tmp_path / "selftest.json"
    result = selftest("--device", "cuda", "-o", file, on_double=True, YOKE_EMULATOR_FAULT="kernel:100:700")
    assert result.returncode == 1, result.stdout + result.stderr
    report = report_of(file)
    assert report["verdict"] == "fail" and any(row["fails"] for row in report["remedies"])
    failed = [check for check in report["checks"] if check["ran"] and not check["ok"]]
    assert "CUDA_ERROR_ILLEGAL_ADDRESS" in failed[0]["note"] and "FAILED" in result.stdout
