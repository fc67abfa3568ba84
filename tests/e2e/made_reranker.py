"""A tiny BERT with a classifier of one label, of random weights and a WordPiece vocabulary of our own, and what it must answer: the
paper's formulas (arXiv 1810.04805) in f64."""

import json
import math
import re

import numpy as np

HIDDEN, HEADS, LAYERS, INNER, POSITIONS = 64, 4, 2, 128, 64
PAD, UNK, CLS, SEP = range(4)
LETTERS = "abcdefghijklmnopqrstuvwxyz"
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", ".", ",", "?", "hi", "the", "giant", "pan", "##da", "##das", "is", "a", "bear", "paris", "in",
         "france", "what", "wh", *LETTERS, *("##" + letter for letter in LETTERS)]
VOCABULARY = {word: index for index, word in enumerate(dict.fromkeys(WORDS))}

CONFIG = {"architectures": ["BertForSequenceClassification"], "model_type": "bert", "hidden_size": HIDDEN, "num_attention_heads": HEADS,
          "num_hidden_layers": LAYERS, "intermediate_size": INNER, "max_position_embeddings": POSITIONS, "type_vocab_size": 2,
          "vocab_size": len(VOCABULARY), "hidden_act": "gelu", "layer_norm_eps": 1e-12, "pad_token_id": PAD, "id2label": {"0": "LABEL_0"}}


def shapes():
    norm = lambda name: {f"{name}.weight": [HIDDEN], f"{name}.bias": [HIDDEN]}
    dense = lambda name, rows, columns: {f"{name}.weight": [rows, columns], f"{name}.bias": [rows]}
    found = {f"bert.embeddings.{name}_embeddings.weight": [rows, HIDDEN]
             for name, rows in (("word", len(VOCABULARY)), ("position", POSITIONS), ("token_type", 2))}
    found |= norm("bert.embeddings.LayerNorm") | dense("bert.pooler.dense", HIDDEN, HIDDEN) | dense("classifier", 1, HIDDEN)
    for layer in range(LAYERS):
        at = f"bert.encoder.layer.{layer}."
        for name in ("query", "key", "value"):
            found |= dense(f"{at}attention.self.{name}", HIDDEN, HIDDEN)
        found |= dense(at + "attention.output.dense", HIDDEN, HIDDEN) | norm(at + "attention.output.LayerNorm")
        found |= dense(at + "intermediate.dense", INNER, HIDDEN) | dense(at + "output.dense", HIDDEN, INNER) | norm(at + "output.LayerNorm")
    return found


def weights():
    chance = np.random.default_rng(11)
    deviation = lambda name: 0.6 if name.endswith("embeddings.weight") else 0.2
    made = {name: chance.normal(0, deviation(name), shape).astype("<f4") for name, shape in shapes().items()}
    for name in made:
        if name.endswith("LayerNorm.weight"):
            made[name] += 1
    return made


def write_safetensors(path, tensors):
    header, data = {}, b""
    for name, tensor in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + tensor.nbytes]}
        data += tensor.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def tokenizer():
    special = lambda name: {"SpecialToken": {"id": name, "type_id": 0}}
    a, b = {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}
    end = {"SpecialToken": {"id": "[SEP]", "type_id": 1}}
    plain = {"special": True, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    added = [{"id": index, "content": WORDS[index]} | plain for index in range(4)]
    frames = {name: {"id": name, "ids": [VOCABULARY[name]], "tokens": [name]} for name in ("[CLS]", "[SEP]")}
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
            "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None,
                           "lowercase": True},
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "post_processor": {"type": "TemplateProcessing", "single": [special("[CLS]"), a, special("[SEP]")],
                               "pair": [special("[CLS]"), a, special("[SEP]"), b, end], "special_tokens": frames},
            "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
            "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
                      "vocab": VOCABULARY}}


def make_reranker(folder):
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer()))
    names = {"tokenizer_class": "BertTokenizer", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    (folder / "tokenizer_config.json").write_text(json.dumps(names))
    write_safetensors(folder / "model.safetensors", weights())


def pieces(text):
    """ASCII letters and marks alone, which is all that the tests write."""
    ids = []
    for word in re.findall(r"[a-z]+|[^a-z\s]", text.lower()):
        while word:
            size = next(size for size in range(len(word), 0, -1) if word[:size] in VOCABULARY)
            ids.append(VOCABULARY[word[:size]])
            word = word[size:] and "##" + word[size:]
    return ids


def normed(x, w, name):
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / np.sqrt((centred ** 2).mean(axis=-1, keepdims=True) + 1e-12) * w[name + ".weight"] + w[name + ".bias"]


def attention(x, w, at):
    dense = lambda name: (x @ w[f"{at}{name}.weight"].T + w[f"{at}{name}.bias"]).reshape(len(x), HEADS, -1).swapaxes(0, 1)
    scores = dense("query") @ dense("key").swapaxes(1, 2) / math.sqrt(HIDDEN // HEADS)
    shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return (shares / shares.sum(axis=-1, keepdims=True) @ dense("value")).swapaxes(0, 1).reshape(len(x), HIDDEN)


def reference_score(query, document):
    w = {name: tensor.astype(np.float64) for name, tensor in weights().items()}
    first, second = [CLS, *pieces(query), SEP], [*pieces(document), SEP]
    types = [0] * len(first) + [1] * len(second)
    at = "bert.embeddings."
    x = w[at + "word_embeddings.weight"][first + second] + w[at + "token_type_embeddings.weight"][types]
    x = normed(x + w[at + "position_embeddings.weight"][:len(types)], w, at + "LayerNorm")
    gelu = np.vectorize(lambda v: v * 0.5 * (1 + math.erf(v / math.sqrt(2))))
    dense = lambda x, name: x @ w[name + ".weight"].T + w[name + ".bias"]
    for layer in range(LAYERS):
        at = f"bert.encoder.layer.{layer}."
        x = normed(x + dense(attention(x, w, at + "attention.self."), at + "attention.output.dense"), w, at + "attention.output.LayerNorm")
        x = normed(x + dense(gelu(dense(x, at + "intermediate.dense")), at + "output.dense"), w, at + "output.LayerNorm")
    return 1 / (1 + math.exp(-dense(np.tanh(dense(x[0], "bert.pooler.dense")), "classifier")[0]))
