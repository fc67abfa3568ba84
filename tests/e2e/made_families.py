"""Folders of the families that Yoke serves: configuration and tokenizer as they are published, weights tiny and random.

The layers are those of tests/golden/models; the vocabulary's matrices are made here, as large as the tokenizer wants them. Real
tokenizers lie in YOKE_SHARED; a made-up one, bytes and a few words with a family's own tags, stands for those that do not."""

import json
import os
import pathlib
import shutil
import struct

import numpy as np

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden"
SHARED = pathlib.Path(os.environ.get("YOKE_SHARED", "/nowhere")) / "reference"
MISTRAL_V1 = ("{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}[INST] {{ m['content'] }} [/INST]"
              "{% else %} {{ m['content'] }}{{ eos_token }}{% endif %}{% endfor %}")


def golden_template(name):
    """The published template of a family whose tokenizer_config.json has none."""
    return next(iter(json.loads((SHARED / "golden" / "text" / name / "chat.json").read_text())["templates"].values()))


# Golden layers, tokenizer, rows of the vocabulary's matrices, ids of BOS and of the ends, template where the files have none.
REAL = {
    "llama3": dict(golden="llama", vocab=128256, bos=128000, ends=[128001, 128009]),
    "qwen3": dict(golden="qwen3", vocab=151936, bos=151643, ends=[151645, 151643]),
    "gptoss": dict(golden="gpt_oss", vocab=201088, bos=199998, ends=[200002, 199999, 200012], template=golden_template),
    "mistral_nemo": dict(golden="mistral", vocab=131072, bos=1, ends=[2]),
    "mistral_v1": dict(golden="mixtral", vocab=32000, bos=1, ends=[2], template=lambda name: MISTRAL_V1),
}

# Tags as the families have them, and how their templates end.
MADE = {
    "deepseek": dict(golden="deepseek_v3", special=["<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>"],
                     ask="{{ '<｜Assistant｜>' + ('<think>' if thinking is defined and thinking else '</think>') }}"),
    "glm": dict(golden="glm4_moe", special=["[gMASK]", "<|endoftext|>", "<|user|>", "<|assistant|>"],
                ask="{{ '<|assistant|>' + ('\n<think></think>' if enable_thinking is defined and not enable_thinking else '') }}"),
    "minimax": dict(golden="minimax_m2", special=["]~!b[", "[e~[", "]~b]user", "]~b]ai"], ask="]~b]ai\n<think>\n"),
}


def write_real(folder, name):
    """Real tokenizer files; None where this machine lacks them."""
    row, files = REAL[name], SHARED / "tokenizers" / name
    if not files.exists():
        return None
    write_model(folder, row["golden"], row["vocab"], row["bos"], row["ends"])
    for file in files.iterdir():
        shutil.copyfile(file, folder / file.name)  # links that lead out of a model's folder are refused
    if "template" in row:
        (folder / "chat_template.jinja").write_text(row["template"](name))
    return folder


def write_made(folder, name):
    row = MADE[name]
    bos, eos, user, assistant = row["special"]
    words = byte_letters() + ["th", "in", "er"]
    ids = {word: i for i, word in enumerate(words)}
    added = [dict(id=len(words) + i, content=text, special=text in row["special"])
             for i, text in enumerate([*row["special"], "<think>", "</think>"])]
    for token in added:
        token.update(single_word=False, lstrip=False, rstrip=False, normalized=False)
    write_model(folder, row["golden"], 512, added[0]["id"], [added[1]["id"]])
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": True}
    (folder / "tokenizer.json").write_text(json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None, "pre_tokenizer": byte_level,
        "post_processor": None, "decoder": byte_level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "fuse_unk": False, "byte_fallback": False, "vocab": ids, "merges": [["t", "h"], ["i", "n"], ["e", "r"]]}}))
    template = ("{{ bos_token }}{% for m in messages %}{{ ('" + user + "' if m['role'] == 'user' else '" + assistant + "')"
                " + m['content'] }}{% endfor %}" + row["ask"])
    (folder / "tokenizer_config.json").write_text(json.dumps(
        {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": bos, "eos_token": eos, "chat_template": template}))
    return folder


def byte_letters():
    """GPT-2's printable character for each byte."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    return [chr(byte) if byte in plain else chr(256 + others.index(byte)) for byte in range(256)]


def write_model(folder, golden, vocab, bos, ends):
    """A golden's layers under a vocabulary of another size."""
    folder.mkdir()
    source = GOLDEN / "models" / golden
    config = json.loads((source / "config.json").read_text())
    config.update(vocab_size=vocab, bos_token_id=bos, eos_token_id=ends if len(ends) > 1 else ends[0], pad_token_id=ends[-1])
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "generation_config.json").write_text(json.dumps({"bos_token_id": bos, "eos_token_id": ends}))
    if config["vocab_size"] == 512:
        shutil.copy(source / "model.safetensors", folder)
        return
    data = (source / "model.safetensors").read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header, tensors, out = json.loads(data[8:8 + size]), data[8 + size:], bytearray()
    matrix = random_matrix(vocab, config["hidden_size"])
    for name, info in header.items():
        if name == "__metadata__":
            continue
        begin, end = info["data_offsets"]
        wide = name in ("model.embed_tokens.weight", "lm_head.weight")
        part = matrix if wide else tensors[begin:end]
        if wide:
            info["shape"] = [vocab, config["hidden_size"]]
        info["data_offsets"] = [len(out), len(out) + len(part)]
        out += part
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + out)


def random_matrix(rows, columns):
    """BF16; a block of normal numbers, repeated at odd distances so that no two rows are equal."""
    block = np.random.default_rng(7).standard_normal(1_000_003, np.float32) * 0.05
    return (np.resize(block, rows * columns).view(np.uint32) >> 16).astype("<u2").tobytes()
