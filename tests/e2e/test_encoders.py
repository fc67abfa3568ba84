"""Encoders, end to end: the reference's states in every layout with equal bits, embeddings through the unmodified `openai` client,
and a reranker."""

import json
import math
import os
import pathlib
import struct
import urllib.error

import openai
import pytest

from conftest import GOLDEN

LAYOUTS = [(1, 1), (2, 1), (1, 2)]


def model(name):
    """A golden's folder in the checkout, else in YOKE_SHARED."""
    for root in (GOLDEN, pathlib.Path(os.environ.get("YOKE_SHARED", "")) / "reference" / "golden",
                 pathlib.Path(os.environ.get("YOKE_SHARED", "")) / "golden"):
        if (root / "models" / name / "golden.safetensors").exists():
            return root / "models" / name
    pytest.skip(f"models/{name} is neither under tests/golden nor under YOKE_SHARED")


def tensors(folder):
    data = (folder / "golden.safetensors").read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    found = {}
    for name, info in json.loads(data[8:8 + size]).items():
        begin, end = info["data_offsets"]
        kind = {"F32": "f", "I32": "i"}[info["dtype"]]
        found[name] = list(struct.unpack(f"<{(end - begin) // 4}{kind}", data[8 + size + begin:8 + size + end]))
    return found


def verify(yoke, folder, *flags):
    result = yoke("verify", folder, "--golden", folder / "golden.safetensors", "-o", "json", *flags, timeout=280)
    assert result.stdout, result.stderr
    answer = json.loads(result.stdout)
    assert (result.returncode == 0) == answer["ok"], result.stderr
    return answer


@pytest.mark.parametrize("name", ["bert", "xlm_roberta"])
def test_an_encoder_agrees_and_has_equal_bits_in_every_layout_and_batch(yoke, name):
    folder = model(name)
    present = set(tensors(folder)) - {"input_ids", "pair_token_type_ids"}
    hashes = set()
    for tp, pp in LAYOUTS:
        for flags in ([], ["--streams", 3]) if tp == 2 else ([],):
            answer = verify(yoke, folder, "--tp", tp, "--pp", pp, *flags)
            file = answer["files"][0]
            assert answer["ok"] and file["agree"] == file["tokens"] == len(tensors(folder)["input_ids"]), answer
            assert set(file["tensors"]) == present and file["max_abs_diff"] == max(file["tensors"].values())
            hashes.add(file["logits_hash"])
    assert len(hashes) == 1


@pytest.fixture
def bert(start):
    folder = model("bert")
    cluster = start(folder)
    with openai.OpenAI(base_url=cluster.url + "/v1", api_key="none", max_retries=0, timeout=60) as client:
        yield client, client.models.list().data[0].id, tensors(folder)


def near(got, expected):
    assert len(got) == len(expected)
    assert max(abs(a - b) for a, b in zip(got, expected)) < 1e-5


def test_embeddings_are_the_references_in_float_and_in_base64(bert):
    client, name, golden = bert
    ids = golden["input_ids"]
    answer = client.embeddings.create(model=name, input=ids, encoding_format="float")
    near(answer.data[0].embedding, golden["mean_normalized"])
    assert answer.object == "list" and answer.data[0].object == "embedding" and answer.data[0].index == 0
    assert answer.usage.prompt_tokens == answer.usage.total_tokens == len(ids)
    # Without a format the client asks for base64 and decodes it: the same floats.
    decoded = client.embeddings.create(model=name, input=ids).data[0].embedding
    assert struct.pack(f"<{len(decoded)}f", *decoded) == struct.pack(f"<{len(decoded)}f", *answer.data[0].embedding)


def test_a_batch_has_the_bits_of_its_inputs_alone(bert):
    client, name, golden = bert
    ids = golden["input_ids"]
    inputs = [ids[:1 + i % len(ids)] for i in range(100)]
    batch = client.embeddings.create(model=name, input=inputs).data
    assert [one.index for one in batch] == list(range(100))
    for index in (0, 1, 36, 99):
        alone = client.embeddings.create(model=name, input=inputs[index]).data[0].embedding
        assert list(batch[index].embedding) == list(alone)


def test_fewer_dimensions_are_the_first_ones_with_length_one(bert):
    client, name, golden = bert
    whole = client.embeddings.create(model=name, input=golden["input_ids"], encoding_format="float").data[0].embedding
    some = client.embeddings.create(model=name, input=golden["input_ids"], encoding_format="float", dimensions=7).data[0].embedding
    norm = math.sqrt(sum(x * x for x in whole[:7]))
    near(some, [x / norm for x in whole[:7]])


def test_what_an_encoder_does_not_do_is_refused_with_what_works(bert):
    client, name, golden = bert
    for attempt in (lambda: client.embeddings.create(model=name, input="text"),
                    lambda: client.embeddings.create(model=name, input=[1] * 129),
                    lambda: client.completions.create(model=name, prompt=[1]),
                    lambda: client.chat.completions.create(model=name, messages=[{"role": "user", "content": "Hi"}])):
        with pytest.raises(openai.BadRequestError) as caught:
            attempt()
        assert caught.value.body["message"]
    assert client.embeddings.create(model=name, input=golden["input_ids"][:3]).data, "it serves on"


def test_a_reranker_ranks(start):
    folder = model("xlm_roberta")
    golden = tensors(folder)
    cluster = start(folder)
    name = cluster.status()["model"]
    query, document = golden["input_ids"][:20], golden["input_ids"][20:]
    ask = {"model": name, "query": query, "documents": [document[:3], document, document[:9], document]}
    answer = cluster.post("/v1/rerank", ask)
    scores = {result["index"]: result["relevance_score"] for result in answer["results"]}
    assert abs(scores[1] - golden["score"][0]) < 1e-5
    assert [result["index"] for result in answer["results"]] == sorted(range(4), key=lambda index: (-scores[index], index))
    assert scores[1] == scores[3]
    assert answer["usage"]["total_tokens"] == sum(len(query) + len(one) for one in ask["documents"])
    best = cluster.post("/v1/rerank", ask | {"top_n": 1, "return_documents": True})["results"]
    assert len(best) == 1 and best[0]["document"]["token_ids"] == ask["documents"][best[0]["index"]]


def test_a_model_without_a_classifier_does_not_rank(start):
    cluster = start(model("bert"))
    with pytest.raises(urllib.error.HTTPError) as caught:
        cluster.post("/v1/rerank", {"model": cluster.status()["model"], "query": [1], "documents": [[2]]})
    assert caught.value.code == 400 and "reranker" in caught.value.read().decode()
