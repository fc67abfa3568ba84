#!/usr/bin/env python3
"""`yoke bench` beside llama.cpp on the same model, cores and prompt lengths, taken in turn in one run.

Needs llama-cpp-python (PyPI) in the Python that runs it and a built tree:
    python3 bench/beside_llama_cpp.py MODEL.gguf [-p 512] [-n 128] [--rounds 3] [--layout 2,1] [--json FILE]
llama.cpp runs in one process with as many threads as Yoke has engines. Ratios of medians are what counts: machines are noisy.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]


def llama_cpp_round(model_path, prompt_tokens, generated, threads):
    """One process: prefill and decode tokens per second, by llama.cpp's own low-level calls, without sampling."""
    code = f"""
import json, random, time, llama_cpp
llm = llama_cpp.Llama({str(model_path)!r}, n_ctx={prompt_tokens + generated + 8}, n_threads={threads}, n_threads_batch={threads},
                      n_batch=512, logits_all=False, verbose=False)
random.seed(1)
tokens = [3 + random.randrange(250) for _ in range({prompt_tokens})]
llm.eval(tokens[:16]); llm.reset()
begin = time.perf_counter(); llm.eval(tokens); prefill = {prompt_tokens} / (time.perf_counter() - begin)
begin = time.perf_counter()
for _ in range({generated}): llm.eval([100])
decode = {generated} / (time.perf_counter() - begin)
print(json.dumps([prefill, decode, llama_cpp.__version__]))
"""
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=600).stdout
    return json.loads(output.splitlines()[-1])


def yoke_round(model_path, prompt_tokens, generated, tp, pp):
    output = subprocess.run([ROOT / "build/bin/yoke", "bench", model_path, "-p", str(prompt_tokens), "-n", str(generated), "--repeat", "3",
                             "--tp", str(tp), "--pp", str(pp), "-o", "json"], check=True, capture_output=True, text=True, timeout=600).stdout
    numbers = json.loads(output)
    return numbers["prefill_tokens_per_s"], numbers["decode_tokens_per_s"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("-p", type=int, default=512)
    parser.add_argument("-n", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--layout", default="2,1", help="tp,pp")
    parser.add_argument("--json", type=pathlib.Path)
    arguments = parser.parse_args()
    tp, pp = map(int, arguments.layout.split(","))
    rows = {"yoke": [], "llama.cpp": []}
    version = ""
    for _ in range(arguments.rounds):
        rows["yoke"].append(yoke_round(arguments.model, arguments.p, arguments.n, tp, pp))
        *numbers, version = llama_cpp_round(arguments.model, arguments.p, arguments.n, tp * pp)
        rows["llama.cpp"].append(numbers)
    medians = {name: [statistics.median(column) for column in zip(*samples)] for name, samples in rows.items()}
    print(f"{'tokens/s':<22}{'prefill':>10}{'decode':>10}   (median of {arguments.rounds}, prompt {arguments.p}, generated {arguments.n})")
    print(f"{f'yoke tp{tp}pp{pp}':<22}{medians['yoke'][0]:>10.1f}{medians['yoke'][1]:>10.1f}")
    print(f"{f'llama.cpp {tp * pp} threads':<22}{medians['llama.cpp'][0]:>10.1f}{medians['llama.cpp'][1]:>10.1f}   llama-cpp-python {version}")
    ratios = [medians["yoke"][i] / medians["llama.cpp"][i] for i in range(2)]
    print(f"{'ratio':<22}{ratios[0]:>10.2f}{ratios[1]:>10.2f}")
    if arguments.json:
        arguments.json.write_text(json.dumps({"rows": rows, "medians": medians, "ratios": ratios, "llama_cpp_python": version,
                                              "time": time.strftime("%Y-%m-%d")}, indent=1))


if __name__ == "__main__":
    main()
