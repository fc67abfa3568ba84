"""Engine, agent or coordinator killed at any moment: nothing hangs, nothing ends as if complete, everything comes back."""

import json
import os
import signal
import threading
import time
import urllib.request

import pytest

from conftest import TINY, alive, descendants, wait_until


class Reader(threading.Thread):
    """Reads a streamed completion until it ends; keeps what came and when it ended."""

    def __init__(self, url, max_tokens=80):
        super().__init__(daemon=True)
        self.url, self.max_tokens = url, max_tokens
        self.events, self.ended, self.first = [], None, threading.Event()
        self.start()

    def run(self):
        body = {"model": "llama", "prompt": [5, 6, 7], "max_tokens": self.max_tokens, "ignore_eos": True, "stream": True,
                "return_token_ids": True}
        request = urllib.request.Request(self.url + "/v1/completions", data=json.dumps(body).encode(),
                                         headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                for line in response:
                    if line.startswith(b"data:"):
                        self.events.append(line[5:].strip().decode())
                        self.first.set()
        except OSError as error:
            self.events.append(f"connection: {error}")
        self.ended = time.monotonic()

    def ended_with_an_error(self):
        return '"error"' in self.events[-1] or self.events[-1].startswith("connection:")

    def is_complete(self):
        return self.events[-1] == "[DONE]"


def pids_of(cluster, key):
    """Of every rank. A pid is known from the first heartbeat on; 0, which kill() would take for our own group, never comes out."""
    def known():
        found = [rank[key] for rank in cluster.status()["ranks"]]
        return found if all(pid > 1 for pid in found) else None

    return wait_until(known, 5, f"every {key}")


def engines(cluster):
    return pids_of(cluster, "engine_pid")


def agents(cluster):
    return pids_of(cluster, "agent_pid")


def kill_and_time(pid):
    os.kill(pid, signal.SIGKILL)
    return time.monotonic()


@pytest.mark.parametrize("victim", ["engine", "agent"])
@pytest.mark.parametrize("rank", [0, 1])
def test_a_death_in_mid_stream_ends_the_stream_with_an_error_within_two_seconds(start, victim, rank):
    cluster = start(TINY)
    # The tiny model's context is 128 positions, over in milliseconds: hold its engine still while the stream is open.
    reader = Reader(cluster.url)
    other = engines(cluster)[1 - rank]
    target = (engines if victim == "engine" else agents)(cluster)[rank]
    os.kill(other, signal.SIGSTOP)
    try:
        second = Reader(cluster.url)
        wait_until(lambda: cluster.status()["running"] >= 1, 5, "the request to run")
        killed = kill_and_time(target)
        wait_until(lambda: second.ended, 5, "the stream to end")
    finally:
        if alive(other):
            os.kill(other, signal.SIGCONT)
    assert second.ended - killed < 2.0
    assert second.ended_with_an_error() and not second.is_complete(), second.events[-3:]
    reader.join(10)
    wait_until(cluster.ready, 10, "the cluster to be ready again\n" + cluster.logs())
    last = Reader(cluster.url)
    last.join(20)
    assert last.is_complete(), last.events[-3:]


def test_an_idle_engine_is_replaced_within_a_second_without_reading_the_model_again(start):
    cluster = start(TINY)
    victim = engines(cluster)[1]
    before = cluster.status()
    killed = kill_and_time(victim)
    wait_until(lambda: cluster.status()["epoch"] > before["epoch"] and cluster.ready(), 5, "a new engine")
    took = time.monotonic() - killed
    after = cluster.status()
    assert took < 1.0, f"{took:.2f} s"
    assert after["epoch"] > before["epoch"]
    assert [rank["bytes_read"] for rank in after["ranks"]] == [rank["bytes_read"] for rank in before["ranks"]]
    assert [rank["agent_pid"] for rank in after["ranks"]] == [rank["agent_pid"] for rank in before["ranks"]]


def test_readiness_says_what_is_missing_and_requests_are_refused_meanwhile(start):
    cluster = start(TINY)
    victim = agents(cluster)[1]
    os.kill(victim, signal.SIGKILL)
    body = wait_until(cluster.why_not_ready, 2, "not ready")
    assert "rank 1" in body or "agent" in body
    wait_until(cluster.ready, 10, "the agent's replacement")


def test_a_dead_coordinator_ends_streams_and_agents_keep_their_pool(start):
    cluster = start(TINY)
    before = cluster.status()
    stopped = engines(cluster)[0]
    os.kill(stopped, signal.SIGSTOP)
    reader = Reader(cluster.url)
    wait_until(lambda: cluster.status()["running"] >= 1, 5, "the request to run")
    killed = kill_and_time(cluster.state()["serve_pid"])
    wait_until(lambda: reader.ended, 5, "the stream to end")
    assert reader.ended - killed < 2.0 and not reader.is_complete()
    wait_until(cluster.ready, 20, "the next coordinator\n" + cluster.logs())
    after = cluster.status()
    assert [rank["agent_pid"] for rank in after["ranks"]] == [rank["agent_pid"] for rank in before["ranks"]]
    assert [rank["bytes_read"] for rank in after["ranks"]] == [rank["bytes_read"] for rank in before["ranks"]], "loaded again"
    last = Reader(cluster.url)
    last.join(20)
    assert last.is_complete()


def test_an_engine_without_its_agent_is_gone_within_a_second(start):
    cluster = start(TINY)
    engine, agent = engines(cluster)[0], agents(cluster)[0]
    killed = kill_and_time(agent)
    wait_until(lambda: not alive(engine), 3, "the orphaned engine to end")
    assert time.monotonic() - killed < 1.0
    wait_until(cluster.ready, 10, "the cluster to come back")


def test_children_of_a_killed_up_are_gone_within_a_second(start):
    cluster = start(TINY)
    children = descendants(cluster.process.pid)
    assert len(children) >= 5
    killed = kill_and_time(cluster.process.pid)
    wait_until(lambda: not any(map(alive, children)), 5, "the children to end")
    assert time.monotonic() - killed < 1.0
    # A killed supervisor cannot remove its folder; the next one of the name does.
    start(TINY).stop()


def test_a_stuck_engine_is_noticed(start):
    cluster = start(TINY)
    victim = engines(cluster)[1]
    os.kill(victim, signal.SIGSTOP)
    wait_until(cluster.why_not_ready, 6, "readiness to notice")
    wait_until(lambda: cluster.ready() and victim not in engines(cluster), 40, "the stuck engine to be replaced\n" + cluster.logs())
