"""The GPU path in real processes, on the doubles of CUDA: `yoke up --device cuda`, chats, the contract of bits, deaths."""

import json
import os
import signal
import urllib.error

import pytest

import bf16_of_gguf
import made_llama

from conftest import GOLDEN, TINY, emulated, wait_until

pytestmark = pytest.mark.skipif(not emulated(), reason="no double of libcuda.so.1 beside the binaries: this build found no nvcc, so that nothing "
                                "here shows that the GPU path works")

# Every architecture and format that issue 5 names, of those that the checkout holds.
REFERENCES = ["models/llama", "models/mistral", "models/mixtral", "models/qwen3", "models/qwen3_moe", "models/gpt_oss",
              "quantised/llama_modelopt_nvfp4", "quantised/mixtral_ct_nvfp4", "quantised/llama_ct_nvfp4", "quantised/llama_ct_fp8_channel",
              "quantised/llama_fp8_block", "quantised/gpt_oss_mxfp4", "quantised/mixtral_modelopt_nvfp4"]
LAYOUTS = {"tp1": ["--nodes", "1"], "tp2": ["--tp", "2"], "pp2": ["--tp", "1", "--pp", "2"]}


def verify(yoke, name, layout, *flags):
    folder = GOLDEN / name
    if not folder.exists():
        pytest.skip(f"{name} is in the larger collection of goldens")
    result = yoke("verify", folder, "--golden", folder / "golden.safetensors", "--device", "cuda", "-o", "json", *LAYOUTS[layout], *flags,
                  timeout=280)
    assert result.stdout, result.stderr
    answer = json.loads(result.stdout)
    assert (result.returncode == 0) == answer["ok"], result.stderr
    return answer


def held_to_the_golden(yoke, name, layouts):
    """One rank and two have equal bits in each mode, and hold to the golden: `exact` in every token, `bf16` within its bound."""
    for math in ("exact", "bf16"):
        hashes = set()
        for layout in layouts:
            answer = verify(yoke, name, layout, "--math", math)
            assert answer["ok"] and answer["math"] == math and answer["device"] == "cuda (emulator)", answer
            hashes.add(answer["files"][0]["logits_hash"])
            if math == "exact":
                assert answer["files"][0]["agree"] == answer["files"][0]["tokens"]
        assert len(hashes) == 1, (name, math)


@pytest.mark.parametrize("name", ["models/llama", "quantised/mixtral_modelopt_nvfp4"])
def test_a_dense_and_a_sparse_model_hold_to_their_goldens_in_every_layout(yoke_on_gpu, name):
    held_to_the_golden(yoke_on_gpu, name, LAYOUTS)


@pytest.mark.parametrize("name", [name for name in REFERENCES if name not in ("models/llama", "quantised/mixtral_modelopt_nvfp4")])
def test_architectures_and_formats_hold_to_their_goldens_on_one_rank_and_two(yoke_on_gpu, name):
    held_to_the_golden(yoke_on_gpu, name, ["tp1", "tp2"])


def test_mode_exact_has_the_bits_of_the_cpu(yoke_on_gpu):
    on_cpu = yoke_on_gpu("verify", TINY, "--golden", TINY / "golden.safetensors", "--device", "cpu", "-o", "json")
    on_gpu = verify(yoke_on_gpu, "models/llama", "tp2")
    assert json.loads(on_cpu.stdout)["files"][0]["logits_hash"] == on_gpu["files"][0]["logits_hash"]


def test_chunks_and_batches_do_not_change_bits(yoke_on_gpu):
    hashes = {verify(yoke_on_gpu, "models/llama", "tp2", "--math", "bf16", *flags)["files"][0]["logits_hash"]
              for flags in ([], ["--chunk", "5"], ["--streams", "3"])}
    assert len(hashes) == 1


def complete(cluster):
    return cluster.post("/v1/completions", {"model": "llama", "prompt": [5, 6, 7], "max_tokens": 12, "ignore_eos": True,
                                            "temperature": 0, "return_token_ids": True})


def test_two_agents_serve_and_say_where_they_compute(start_on_gpu, gpu):
    gpu["YOKE_EMULATOR_DEVICES"] = "2"  # one agent a GPU
    cluster = start_on_gpu(TINY, "--device", "cuda")
    assert len(cluster.status()["ranks"]) == 2
    assert complete(cluster)["usage"]["completion_tokens"] == 12
    status = cluster.status()
    assert status["math"] == "bf16" and status["kv"] == "bf16" and status["device"] == "cuda (emulator)"


def test_auto_takes_gpus_and_their_mode(start_on_gpu, gpu):
    gpu["YOKE_EMULATOR_DEVICES"] = "2"
    status = start_on_gpu(TINY).status()
    assert (status["device"], status["math"], status["kv"]) == ("cuda (emulator)", "bf16", "bf16") and len(status["ranks"]) == 2


def test_auto_takes_the_cpu_and_its_mode_where_the_gpu_is_another(start_on_gpu, gpu):
    gpu["YOKE_EMULATOR_CC"] = "8.0"
    status = start_on_gpu(TINY).status()
    assert (status["device"], status["math"]) == ("cpu", "exact")
    assert all("compute capability" in rank["device_reason"] for rank in status["ranks"])


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """64 rows, which a first step of prompts has, are 256 KiB a join: too much for the small road."""
    return made_llama.write(tmp_path_factory.mktemp("wide") / "wide")


def complete_wide(cluster, tokens):
    return cluster.post("/v1/completions", {"model": "wide", "prompt": [i % 500 for i in range(tokens)], "max_tokens": 3, "ignore_eos": True,
                                            "temperature": 0, "logprobs": 5}, timeout=60)["choices"]


@pytest.mark.parametrize("fault", ["error", "die", "hang", "wedge"])
def test_a_fault_in_nccl_ends_the_request_and_the_engines_are_replaced(start_on_gpu, gpu, wide, fault):
    gpu.update({"YOKE_EMULATOR_DEVICES": "2", "YOKE_EMULATOR_NCCL_FAULT": f"{fault}:1:1"})
    cluster = start_on_gpu(wide, "--device", "cuda", "--nodes", "2")
    read = [rank["bytes_read"] for rank in cluster.status()["ranks"]]
    with pytest.raises(urllib.error.HTTPError):
        complete_wide(cluster, 100)

    def answers():
        """Few rows do not meet the fault. A group that has just lost an engine may call itself ready for a moment more."""
        try:
            return bool(complete_wide(cluster, 8))
        except urllib.error.HTTPError as refused:
            assert refused.code == 503, refused
            return False

    wait_until(answers, 60, "the cluster to come back\n" + cluster.logs())
    assert [rank["bytes_read"] for rank in cluster.status()["ranks"]] == read, "weights were read again"


def test_many_rows_take_the_road_of_nccl_and_keep_their_bits(start_on_gpu, gpu, wide):
    answers = {}
    for devices in ("2", "1"):  # two ranks on one GPU have no NCCL between them
        gpu["YOKE_EMULATOR_DEVICES"] = devices
        cluster = start_on_gpu(wide, "--device", "cuda", "--nodes", "2", name=f"on{devices}")
        answers[devices] = complete_wide(cluster, 100)
        assert ("go through host memory, not nccl" in cluster.logs()) == (devices == "1"), cluster.logs()
        cluster.stop()
    assert answers["1"] == answers["2"]


@pytest.mark.parametrize("without, pool", [("", "exportable"), ("vmm", "registered"), ("vmm,register", "in place")])
def test_a_killed_engine_is_replaced_and_finds_its_weights(start_on_gpu, gpu, without, pool):
    gpu["YOKE_EMULATOR_WITHOUT"] = without
    cluster = start_on_gpu(TINY, "--device", "cuda", "--nodes", "2")  # two agents on one GPU
    assert all(pool in rank["pool"] for rank in cluster.status()["ranks"])
    before = complete(cluster)
    read = [rank["bytes_read"] for rank in cluster.status()["ranks"]]
    engine = wait_until(lambda: cluster.status()["ranks"][1]["engine_pid"], 5, "the engine's pid")
    os.kill(engine, signal.SIGKILL)
    wait_until(lambda: not cluster.ready(), 10, "the cluster to notice")
    wait_until(cluster.ready, 60, "the cluster to come back")
    assert complete(cluster)["choices"][0]["token_ids"] == before["choices"][0]["token_ids"]
    assert [rank["bytes_read"] for rank in cluster.status()["ranks"]] == read, "weights were read again"


def test_what_the_gpu_path_lacks_is_refused_by_name_and_auto_takes_the_cpu(yoke_on_gpu):
    folder = GOLDEN / "models/deepseek_v3"
    refused = yoke_on_gpu("verify", folder, "--golden", folder / "golden.safetensors", "--device", "cuda", "--nodes", "1", timeout=120)
    assert refused.returncode != 0 and "MLA" in refused.stderr
    taken = yoke_on_gpu("verify", folder, "--golden", folder / "golden.safetensors", "--device", "auto", "--nodes", "1", "-o", "json", timeout=120)
    assert taken.returncode == 0 and json.loads(taken.stdout)["device"] == "cpu"


@pytest.mark.parametrize("variables, words", [({"YOKE_EMULATOR_DEVICES": "0"}, "no GPU"), ({"YOKE_EMULATOR_CC": "8.0"}, "compute capability"),
                                              ({"YOKE_EMULATOR_MEMORY": "1000000"}, "memory")])
def test_a_gpu_that_cannot_be_used_is_refused_before_weights_are_read(yoke_on_gpu, gpu, variables, words):
    gpu.update(variables)
    result = yoke_on_gpu("verify", TINY, "--golden", TINY / "golden.safetensors", "--device", "cuda", "--nodes", "1", timeout=120)
    assert result.returncode != 0 and words in result.stderr, result.stderr


def test_without_a_driver_cuda_is_refused_with_the_remedy(yoke):
    result = yoke("verify", TINY, "--golden", TINY / "golden.safetensors", "--device", "cuda", "--nodes", "1", timeout=120)
    assert result.returncode != 0 and "libcuda.so.1" in result.stderr and "--device cpu" in result.stderr


@pytest.mark.nightly
def test_the_real_model_in_bf16_answers_a_chat(start_on_gpu, smollm2, tmp_path):
    model = tmp_path / "smollm2-bf16.gguf"
    bf16_of_gguf.main(smollm2, model)
    cluster = start_on_gpu(model, "--device", "cuda", "--alias", "smollm2")
    answer = cluster.post("/v1/chat/completions", {"model": "smollm2", "temperature": 0, "max_tokens": 12,
                                                   "messages": [{"role": "user", "content": "What is the capital of France?"}]}, timeout=280)
    assert "Paris" in answer["choices"][0]["message"]["content"], answer
