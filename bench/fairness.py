#!/usr/bin/env python3
"""What a long prompt does to running streams: token times of STREAMS streams before and while a prompt of LONG tokens is read.

    python3 bench/fairness.py MODEL.gguf [--streams 2] [--long 4096] [--json FILE]
Demand (issue 3): the median time between tokens while the long prompt is read is at most twice that before.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]


def post(url, body):
    return urllib.request.urlopen(urllib.request.Request(url + "/v1/completions", data=json.dumps(body).encode(),
                                                         headers={"Content-Type": "application/json"}), timeout=600)


class Stream(threading.Thread):
    """One running stream: the arrival time of each of its tokens."""

    def __init__(self, url, model, tokens):
        super().__init__()
        self.body = {"model": model, "prompt": [7, 8, 9], "max_tokens": tokens, "ignore_eos": True, "stream": True, "temperature": 0,
                     "return_token_ids": True}
        self.url, self.times = url, []
        self.start()

    def run(self):
        with post(self.url, self.body) as response:
            for line in response:
                if line.startswith(b"data: {") and b'"token_ids":[' in line.replace(b" ", b""):
                    self.times.append(time.perf_counter())


def gaps(streams, begin, end):
    return [b - a for stream in streams for a, b in zip(stream.times, stream.times[1:]) if begin <= a and b <= end]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--streams", type=int, default=2)
    parser.add_argument("--long", type=int, default=4096)
    parser.add_argument("--tokens", type=int, default=2000)
    parser.add_argument("--json", type=pathlib.Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as runtime:
        env = dict(os.environ, XDG_RUNTIME_DIR=runtime)
        yoke = str(ROOT / "build/bin/yoke")
        subprocess.run([yoke, "up", arguments.model, "--detach", "--port", "0", "--control-port", "0", "--kv-tokens", "16384"], env=env,
                       check=True, stdout=subprocess.DEVNULL)
        try:
            url = json.loads((pathlib.Path(runtime) / "yoke/default/state.json").read_text())["rest_url"]
            model = json.loads(urllib.request.urlopen(url + "/v1/models").read())["data"][0]["id"]
            streams = [Stream(url, model, arguments.tokens) for _ in range(arguments.streams)]
            while any(len(stream.times) < 200 for stream in streams):
                time.sleep(0.01)
            quiet = [stream.times[50] for stream in streams]
            begin = time.perf_counter()
            with post(url, {"model": model, "prompt": [3 + i % 250 for i in range(arguments.long)], "max_tokens": 1}) as response:
                response.read()
            end = time.perf_counter()
            before, during = gaps(streams, max(quiet), begin), gaps(streams, begin, end)
            for stream in streams:
                stream.join()
        finally:
            subprocess.run([yoke, "down"], env=env, check=True, stdout=subprocess.DEVNULL)
    result = {"streams": arguments.streams, "long_prompt": arguments.long, "prompt_s": end - begin, "tokens_meanwhile": len(during),
              "before_ms": 1000 * statistics.median(before), "during_ms": 1000 * statistics.median(during),
              "during_p99_ms": 1000 * sorted(during)[int(0.99 * (len(during) - 1))]}
    result["ratio"] = result["during_ms"] / result["before_ms"]
    for key, value in result.items():
        print(f"{key:<18}{value:>10.3f}" if isinstance(value, float) else f"{key:<18}{value:>10}")
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
