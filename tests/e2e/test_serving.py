"""What a server promises beside its answers: MPI, names, limits, readers that are slow or go away, keys."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import BIN, TINY, UNTIED, alive, descendants, wait_until


def error_of(call):
    with pytest.raises(urllib.error.HTTPError) as caught:
        call()
    return caught.value.code, json.loads(caught.value.read())["error"]


def test_aliases_are_served_and_an_unknown_name_lists_them(start):
    cluster = start(TINY, "--alias", "gpt-4", "--alias", "tiny")
    for name in ("llama", "gpt-4", "tiny"):
        assert cluster.post("/v1/completions", {"model": name, "prompt": [5], "max_tokens": 2, "return_token_ids": True})
    status, error = error_of(lambda: cluster.post("/v1/completions", {"model": "other", "prompt": [5]}))
    assert status == 404 and all(name in error["message"] for name in ("llama", "gpt-4", "tiny"))


def test_the_same_seed_draws_the_same_tokens_on_one_agent_and_on_two(start):
    body = {"model": "llama", "prompt": [5, 6, 7, 8], "max_tokens": 32, "temperature": 1.0, "top_p": 0.9, "seed": 7, "n": 2,
            "ignore_eos": True, "return_token_ids": True}
    drawn = [[choice["token_ids"] for choice in start(TINY, *flags, name=name).post("/v1/completions", body)["choices"]]
             for name, flags in (("one", ["--tp", "1"]), ("two", ["--tp", "2"]), ("stages", ["--pp", "2"]))]
    assert drawn[0] == drawn[1] == drawn[2]
    assert drawn[0][0] != drawn[0][1], "choices have noise of their own"


def test_when_the_cache_runs_out_sequences_wait_and_still_answer_as_if_alone(start):
    cluster = start(TINY, "--kv-tokens", "256")

    def body(first):
        return {"model": "llama", "prompt": [first, 6, 7], "max_tokens": 100, "temperature": 0, "ignore_eos": True, "return_token_ids": True}

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda first: cluster.post("/v1/completions", body(first))["choices"][0]["token_ids"], range(10, 18)))
    alone = [cluster.post("/v1/completions", body(first))["choices"][0]["token_ids"] for first in range(10, 18)]
    assert together == alone and all(len(tokens) == 100 for tokens in together)


def test_a_full_queue_is_429_with_retry_after(runtime):
    # Coordinator and agent started by hand, with room for one running and one waiting request.
    ready = runtime[0] / "ready.json"
    serve = subprocess.Popen([BIN / "yoke", "serve", TINY, "--tp", "1", "--port", "0", "--control-port", "0", "--max-queue", "1",
                              "--max-sequences", "1", "--ready-file", ready], env=runtime[1], stderr=subprocess.DEVNULL)
    node = None
    try:
        ports = json.loads(wait_until(lambda: ready.exists() and ready.read_text(), 10, "the coordinator to listen"))
        node = subprocess.Popen([BIN / "yoke-node", "--coordinator", f"127.0.0.1:{ports['control_port']}"], env=runtime[1],
                                stderr=subprocess.DEVNULL)
        url = f"http://127.0.0.1:{ports['rest_port']}"
        wait_until(lambda: ready_at(url), 20, "the pair by hand")
        wait_until(lambda: all(rank["engine_pid"] > 1 for rank in status_at(url)["ranks"]), 5, "the engine's pid")
        pids = [rank["engine_pid"] for rank in status_at(url)["ranks"]]
        os.kill(pids[0], signal.SIGSTOP)
        waiting = [post_in_background(url) for _ in range(2)]
        wait_until(lambda: status_at(url)["running"] + status_at(url)["waiting"] >= 2, 5, "one to run and one to wait")
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(completion(url), timeout=5)
        assert caught.value.code == 429 and int(caught.value.headers["Retry-After"]) >= 1
        os.kill(pids[0], signal.SIGCONT)
        for connection in waiting:
            connection.close()
    finally:
        for process in filter(None, (node, serve)):
            process.terminate()
            process.wait(10)


def completion(url, **fields):
    body = {"model": "llama", "prompt": [5, 6], "max_tokens": 50, "ignore_eos": True, "return_token_ids": True, **fields}
    return urllib.request.Request(url + "/v1/completions", data=json.dumps(body).encode(), headers={"Content-Type": "application/json"})


def post_in_background(url):
    """Sends a request and does not read the answer."""
    host, port = url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)))
    body = json.dumps({"model": "llama", "prompt": [5, 6], "max_tokens": 50, "ignore_eos": True, "stream": True})
    connection.sendall(f"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
    return connection


def ready_at(url):
    try:
        return urllib.request.urlopen(url + "/health/ready", timeout=2).status == 200
    except OSError:
        return False


def status_at(url):
    return json.loads(urllib.request.urlopen(url + "/yoke/v1/status", timeout=5).read())


def test_a_client_that_goes_away_is_cancelled(start, smollm2):
    cluster = start(smollm2)
    host, port = cluster.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)))
    body = json.dumps({"model": smollm2.stem, "prompt": "Once", "max_tokens": 8000, "ignore_eos": True, "stream": True})
    connection.sendall(f"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
    assert connection.recv(10)
    assert cluster.status()["running"] == 1
    connection.close()
    gone = time.monotonic()
    wait_until(lambda: cluster.status()["running"] == 0, 2, "the sequence to be taken out")
    assert time.monotonic() - gone < 1.0
    assert cluster.status()["kv_blocks_used"] == 0


def test_the_context_is_refused_with_its_numbers(start):
    cluster = start(TINY)
    status, error = error_of(lambda: cluster.post("/v1/completions", {"model": "llama", "prompt": [5] * 200, "max_tokens": 5}))
    assert status == 400 and "200" in error["message"] and "128" in error["message"] and error["param"]


def test_keys_are_demanded_where_the_world_can_reach_the_server(runtime, yoke):
    result = yoke("serve", TINY, "--host", "0.0.0.0", "--port", "0", "--control-port", "0")
    assert result.returncode == 2 and "--api-key-file" in result.stderr
    result = yoke("serve", TINY, "--control-host", "0.0.0.0", "--port", "0", "--control-port", "0")
    assert result.returncode == 2 and "TLS" in result.stderr


def test_a_key_opens_the_server_and_nothing_else_does(start, yoke, tmp_path):
    keys = tmp_path / "keys"
    made = yoke("key", "add", "ada", "--file", keys)
    key = made.stdout.split()[0]
    assert made.returncode == 0 and key not in keys.read_text() and oct(keys.stat().st_mode & 0o777) == "0o600"
    cluster = start(TINY, "--api-key-file", keys)
    request = completion(cluster.url)
    assert error_of(lambda: urllib.request.urlopen(request, timeout=5))[0] == 401
    request.add_header("Authorization", "Bearer " + key)
    assert urllib.request.urlopen(request, timeout=5).status == 200


def test_a_file_that_is_cut_off_is_refused_by_name_and_offset(yoke, tmp_path):
    folder = tmp_path / "cut"
    shutil.copytree(UNTIED, folder)
    model = folder / "model.safetensors"
    model.chmod(0o644)
    with model.open("r+b") as file:
        file.truncate(model.stat().st_size // 2)
    result = yoke("up", folder, "--port", "0", "--control-port", "0")
    assert result.returncode in (1, 2) and "model.safetensors" in result.stderr


@pytest.mark.skipif(not shutil.which("mpirun"), reason="mpirun is not installed")
def test_mpirun_starts_a_pair_and_ends_when_an_agent_dies(runtime):
    env = dict(runtime[1], OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    job = subprocess.Popen(["mpirun", "--oversubscribe", "-np", "2", BIN / "yoke-node", "--serve", TINY, "--tp", "2", "--port", str(port)],
                           env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: ready_at(url) or job.poll() is not None, 30, "the job to serve")
        assert job.poll() is None, job.stderr.read().decode()
        answer = json.loads(urllib.request.urlopen(completion(url), timeout=20).read())
        assert len(answer["choices"][0]["token_ids"]) == 50
        agent = status_at(url)["ranks"][1]["agent_pid"]
        left = descendants(job.pid)
        os.kill(agent, signal.SIGKILL)
        assert job.wait(15) != 0
        for pid in left:
            wait_until(lambda: not alive(pid), 5, f"process {pid} to end")
    finally:
        if job.poll() is None:
            job.terminate()
            job.wait(10)
