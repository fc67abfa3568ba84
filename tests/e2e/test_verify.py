"""The contract of bits, end to end: `yoke verify` over the layouts."""

import json
import struct

import pytest

from conftest import GOLDEN, TINY, UNTIED

LAYOUTS = [(1, 1), (2, 1), (1, 2), (2, 2)]


def verify(yoke, model, goldens, tp, pp, *flags):
    result = yoke("verify", model, *[f"--golden={file}" for file in goldens], "--tp", tp, "--pp", pp, "-o", "json", *flags,
                  timeout=280)
    assert result.stdout, result.stderr
    answer = json.loads(result.stdout)
    assert (result.returncode == 0) == answer["ok"], result.stderr
    return answer


@pytest.mark.parametrize("folder", [TINY, UNTIED], ids=lambda path: path.name)
def test_a_tiny_model_agrees_and_has_equal_bits_in_every_layout_chunk_and_batch(yoke, folder):
    hashes = set()
    for tp, pp in LAYOUTS:
        for flags in ([], ["--chunk", "5"], ["--streams", "3"]) if (tp, pp) == (2, 1) else ([],):
            answer = verify(yoke, folder, [folder / "golden.safetensors"], tp, pp, *flags)
            file = answer["files"][0]
            assert answer["ok"] and file["agree"] == file["tokens"] == 24 and file["first_mismatch"] is None
            assert answer["layout"] == f"tp{tp}pp{pp}" and answer["math"] == "exact"
            assert file["max_abs_diff"] is not None
            hashes.add(file["logits_hash"])
    assert len(hashes) == 1


# What a layout could break in real processes: experts whole on ranks, latents and single keys on both, sinks, act-order, FP4.
@pytest.mark.parametrize("name", ["models/deepseek_v3", "models/gpt_oss", "models/minimax_m2", "quantised/mixtral_modelopt_nvfp4",
                                  "quantised/llama_gptq_desc_act"])
def test_architectures_and_formats_agree_with_equal_bits_on_one_rank_and_two(yoke, name):
    folder = GOLDEN / name
    hashes = set()
    for tp, pp in [(1, 1), (2, 1), (1, 2)]:
        answer = verify(yoke, folder, [folder / "golden.safetensors"], tp, pp)
        assert answer["ok"] and answer["files"][0]["agree"] == 24, answer
        hashes.add(answer["files"][0]["logits_hash"])
    assert len(hashes) == 1


def test_experts_on_ranks_agree_with_bits_of_their_own(yoke):
    folder = GOLDEN / "models/mixtral"
    cut, whole, whole_again = (verify(yoke, folder, [folder / "golden.safetensors"], 2, 1, "--ep", ep, *flags)
                               for ep, flags in ((1, []), (2, []), (2, ["--chunk", "3"])))
    assert cut["ok"] and whole["ok"] and whole["layout"] == "tp2pp1ep2"
    assert cut["files"][0]["logits_hash"] != whole["files"][0]["logits_hash"] == whole_again["files"][0]["logits_hash"]


def test_a_rounded_cache_is_reported_not_judged(yoke):
    answer = verify(yoke, TINY, [TINY / "golden.safetensors"], 2, 1, "--kv", "fp8")
    assert answer["ok"] and answer["kv"] == "fp8" and answer["files"][0]["max_abs_diff"] > 1e-3


def test_a_layer_of_a_known_model_runs_without_files_and_prefill_equals_decode(yoke):
    result = yoke("bench", "qwen3-30b-a3b:nvfp4", "--layers", 1, "--tp", 2, "-p", 16, "-n", 2, "--repeat", 1, "-o", "json", timeout=120)
    answer = json.loads(result.stdout)
    assert result.returncode == 0 and answer["prefill_equals_decode"] and answer["decode_tokens_per_s"] > 0
    unknown = yoke("bench", "llama-9:nvfp4", "--layers", 1)
    assert unknown.returncode != 0 and "llama-3.1-405b" in unknown.stderr


def goldens_of_smollm2(*names):
    return [GOLDEN / "smollm2" / f"{name}.golden.safetensors" for name in names]


def test_the_real_model_agrees_on_short_prompts_with_equal_bits(yoke, smollm2):
    hashes = set()
    for tp, pp in LAYOUTS:
        answer = verify(yoke, smollm2, goldens_of_smollm2("capital", "chat_system"), tp, pp)
        assert answer["ok"], answer
        assert [file["agree"] for file in answer["files"]] == [48, 48]
        hashes.add(tuple(file["logits_hash"] for file in answer["files"]))
    assert len(hashes) == 1


def test_the_real_model_agrees_on_all_twelve_prompts(yoke, smollm2):
    goldens = sorted((GOLDEN / "smollm2").glob("*.golden.safetensors"))
    assert len(goldens) == 12
    answer = verify(yoke, smollm2, goldens, 2, 1)
    assert answer["ok"], answer
    assert sum(file["agree"] for file in answer["files"]) == 12 * 48


@pytest.mark.nightly
@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: f"tp{layout[0]}pp{layout[1]}")
def test_all_twelve_prompts_in_every_layout(yoke, smollm2, layout):
    goldens = sorted((GOLDEN / "smollm2").glob("*.golden.safetensors"))
    answer = verify(yoke, smollm2, goldens, *layout)
    assert answer["ok"] and sum(file["agree"] for file in answer["files"]) == 12 * 48


def test_a_wrong_golden_fails_with_the_first_mismatch(yoke, tmp_path):
    data = (TINY / "golden.safetensors").read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    at = 8 + size + header["greedy_ids"]["data_offsets"][0] + 4 * 3  # the fourth token
    right = struct.unpack_from("<i", data, at)[0]
    wrong = tmp_path / "wrong.safetensors"
    wrong.write_bytes(data[:at] + struct.pack("<i", (right + 1) % 512) + data[at + 4:])
    result = yoke("verify", TINY, "--golden", wrong, "-o", "json")
    file = json.loads(result.stdout)["files"][0]
    assert result.returncode == 1
    assert file["first_mismatch"]["index"] == 3 and file["first_mismatch"]["got"] == right


def test_logits_are_off_unless_allowed(yoke, start):
    cluster = start(TINY)
    result = yoke("verify", "--url", cluster.url, "--golden", TINY / "golden.safetensors")
    assert result.returncode != 0 and "--allow-logits" in result.stderr


def test_verify_reads_a_running_server_that_allows_logits(yoke, start):
    cluster = start(TINY, "--allow-logits")
    result = yoke("verify", "--name", "test", "--golden", TINY / "golden.safetensors")
    assert result.returncode == 0, result.stderr
    assert yoke("verify", "--url", cluster.url, "--golden", TINY / "golden.safetensors").returncode == 0
