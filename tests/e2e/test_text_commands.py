"""yoke tokenize and yoke template: what a model sees, from nothing but its tokenizer's files."""

import json
import os
import pathlib
import subprocess

import pytest
from conftest import BIN

SHARED = os.environ.get("YOKE_SHARED")
GOLDEN = pathlib.Path(SHARED or "/nowhere") / "reference/golden/text"
MODELS = pathlib.Path(SHARED or "/nowhere") / "reference/tokenizers"
CHATML = ("{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}{% endfor %}"
          "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")


def letters():
    """GPT-2's letters of the 256 bytes, which byte-level vocabularies are written in."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    return {byte: chr(byte) for byte in plain} | {byte: chr(256 + place) for place, byte in enumerate(others)}


@pytest.fixture
def model(tmp_path):
    """A folder with a vocabulary of the bytes, two merges and three added tokens."""
    vocab = {letter: byte for byte, letter in letters().items()} | {"he": 256, "hel": 257}
    added = [{"id": 258 + i, "content": content, "special": special, "single_word": False, "lstrip": False, "rstrip": False,
              "normalized": False} for i, (content, special) in enumerate([("<|im_start|>", True), ("<|im_end|>", True), ("<think>", False)])]
    tokenizer = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
                 "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
                 "post_processor": None, "decoder": {"type": "ByteLevel"},
                 "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                           "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "vocab": vocab,
                           "merges": ["h e", "he l"]}}
    (tmp_path / "tokenizer.json").write_text(json.dumps(tokenizer))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<|im_end|>", "chat_template": CHATML}))
    return tmp_path


def run(*arguments, given=None):
    return subprocess.run([BIN / "yoke", *arguments], input=given, capture_output=True, text=True, timeout=120)


def answer(*arguments, given=None):
    done = run(*arguments, "-o", "json", given=given)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_text_is_shown_with_its_ids_and_pieces(model):
    shown = run("tokenize", model, "hello\n")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.splitlines() == ["4 tokens", '     257  "hel"', '     108  "l"', '     111  "o"', '      10  "\\n"']


def test_the_modes_say_which_added_tokens_are_recognised(model):
    text = "<|im_end|><think>"
    plain_bytes = list(text.encode())
    assert answer("tokenize", model, text)["ids"] == plain_bytes
    assert answer("tokenize", model, text, "--mode", "bare")["ids"] == plain_bytes
    assert answer("tokenize", model, text, "--mode", "plain")["ids"] == [*b"<|im_end|>", 260]
    assert answer("tokenize", model, text, "--mode", "ids")["ids"] == [259, 260]
    assert answer("tokenize", model, text, "--special")["ids"] == [259, 260]
    assert run("tokenize", model, text, "--mode", "all").returncode == 2


def test_a_text_comes_from_the_command_line_a_file_or_standard_input(model, tmp_path):
    (tmp_path / "a.txt").write_text("hé")
    (tmp_path / "list.json").write_text(json.dumps(["he", "", "<think>"]))
    assert answer("tokenize", model, "--file", tmp_path / "a.txt")["ids"] == [104, 195, 169]
    assert answer("tokenize", model, given="he")["ids"] == [256]
    assert answer("tokenize", model, "")["ids"] == []
    assert answer("tokenize", model, "--file", tmp_path / "list.json", "--special")["ids"] == [[256], [], [260]]
    assert run("tokenize", model, "x", "--file", tmp_path / "a.txt").returncode == 2
    (tmp_path / "bad.json").write_text('["a", 5]')
    bad = run("tokenize", model, "--file", tmp_path / "bad.json")
    assert bad.returncode == 1 and "element 1 is no string" in bad.stderr
    assert run("tokenize", tmp_path / "nowhere", "x").returncode == 2


def chat(tmp_path, body):
    path = tmp_path / "body.json"
    path.write_text(json.dumps(body))
    return path


def test_a_chat_is_rendered_and_a_callers_control_tokens_stay_text(model, tmp_path):
    body = chat(tmp_path, {"messages": [{"role": "user", "content": "he<|im_end|>"}]})
    found = answer("template", model, "--messages", body)
    assert found["text"] == "<|im_start|>user\nhe<|im_end|><|im_end|>\n<|im_start|>assistant\n"
    assert found["ids"] == [258, *b"user\n", 256, *b"<|im_end|>", 259, 10, 258, *b"assistant\n"]
    special = answer("template", model, "--messages", body, "--special")
    assert special["text"] == found["text"] and special["ids"] == [258, *b"user\n", 256, 259, 259, 10, 258, *b"assistant\n"]
    people = run("template", model, "--messages", body)
    assert people.stdout == found["text"] and "tokens" in people.stderr


def test_messages_are_normalised(model, tmp_path):
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    body = {"messages": [{"role": "user", "content": parts}, {"role": "assistant", "content": None}], "add_generation_prompt": False}
    assert answer("template", model, "--messages", chat(tmp_path, body))["text"] == (
        "<|im_start|>user\na\nb<|im_end|>\n<|im_start|>assistant\n<|im_end|>\n")
    messages = chat(tmp_path, [{"role": "user", "content": "x"}])
    assert "x<|im_end|>" in answer("template", model, "--messages", messages)["text"]


def test_a_refusal_is_exit_code_1_with_its_message(model, tmp_path):
    template = tmp_path / "t.jinja"
    template.write_text("{{ raise_exception('no users here') }}")
    body = chat(tmp_path, {"messages": [{"role": "user", "content": "x"}]})
    refused = run("template", model, "--messages", body, "--template", template, "-o", "json")
    assert refused.returncode == 1 and json.loads(refused.stdout) == {"error": "no users here"}
    refused = run("template", model, "--messages", body, "--template", template)
    assert refused.returncode == 1 and refused.stdout == "" and "no users here" in refused.stderr
    template.write_text("\n{{ messages|frobnicate }}")
    refused = run("template", model, "--messages", body, "--template", template, "-o", "json")
    assert refused.returncode == 1 and "line 2: filter 'frobnicate'" in json.loads(refused.stdout)["error"]
    empty = run("template", model, "--messages", chat(tmp_path, {"messages": []}), "-o", "json")
    assert empty.returncode == 1 and "messages" in json.loads(empty.stdout)["error"]


def test_the_date_and_the_requests_variables_reach_the_template(model, tmp_path):
    template = tmp_path / "t.jinja"
    template.write_text("{{ strftime_now('%d %b %Y') }}{{ enable_thinking }}{{ tools[0].n }}{{ documents[0].t }}{{ reasoning_effort }}"
                        "{{ eos_token }}{{ bos_token is defined }}")
    body = chat(tmp_path, {"messages": [{"role": "user", "content": "x"}], "chat_template_kwargs": {"enable_thinking": False},
                           "tools": [{"n": 1}], "documents": [{"t": "d"}], "reasoning_effort": "low"})
    found = answer("template", model, "--messages", body, "--template", template, "--date", "2026-07-14")
    assert found["text"] == "14 Jul 2026False1dlow<|im_end|>False"
    late = run("template", model, "--messages", body, "--template", template, "--date", "14.7.2026")
    assert late.returncode != 0 and "2026-07-14" in late.stderr


def test_both_verbs_teach_by_help():
    for verb, words in [("tokenize", ["--mode", "bare", "special"]), ("template", ["--messages", "--date", "Exit code"])]:
        listing = run(verb, "--help")
        assert listing.returncode == 0 and all(word in listing.stdout for word in words)


FOLDERS = ["llama3", "qwen3", "gptoss", "mistral_nemo", "mistral_v1"]


@pytest.mark.parametrize("family", FOLDERS)
def test_every_string_of_the_goldens_has_its_ids(family, tmp_path):
    if not GOLDEN.is_dir():
        pytest.skip("YOKE_SHARED does not say where the references are")
    corpus = {row["i"]: row["text"] for row in json.loads((GOLDEN / "corpus.json").read_text())["strings"]}
    rows = json.loads((GOLDEN / family / "encodings.json").read_text())["rows"]
    texts = tmp_path / "texts.json"
    texts.write_text(json.dumps([corpus[row["i"]] for row in rows]))
    counts = {}
    for mode, other in [("ids", None), ("plain", "ids"), ("bare", "plain")]:
        found = answer("tokenize", MODELS / family, "--file", texts, "--mode", mode)["ids"]
        wanted = [row.get(mode, row.get("plain" if mode == "bare" else "ids", row["ids"])) for row in rows]
        counts[mode] = sum(a == b for a, b in zip(found, wanted))
        assert found == wanted, f"{mode}: {counts[mode]} of {len(rows)} are equal"
    found = answer("tokenize", MODELS / family, "--file", texts, "--special", "--bos")["ids"]
    with_bos = [(ids, row["bos"]) for ids, row in zip(found, rows) if "bos" in row]
    assert all(ids == bos for ids, bos in with_bos)
    print(f"{family}: {counts}, {len(with_bos)} with BOS")


@pytest.mark.parametrize("family", [name for name in FOLDERS if name != "mistral_v1"])
def test_chats_of_the_goldens_are_what_the_model_sees(family, tmp_path):
    """A sample, as each takes two processes that read a whole tokenizer; tests/text compares all of them."""
    if not GOLDEN.is_dir():
        pytest.skip("YOKE_SHARED does not say where the references are")
    file = json.loads((GOLDEN / family / "chat.json").read_text())
    template = tmp_path / "t.jinja"
    equal = 0
    for case in [*file["cases"][::12], *(case for case in file["cases"] if "ids_sanitized" in case)]:
        wanted = case.get("hf", case)
        if "text" not in wanted or ("python_repr" in case and "hf" not in case):
            continue  # what plain templates fail at: tests/text compares those
        body = {key: case[key] for key in ("messages", "add_generation_prompt", "tools", "documents") if key in case}
        body["chat_template_kwargs"] = case.get("kwargs", {})
        template.write_bytes(file["templates"][case["template"]].encode())
        arguments = ["template", MODELS / family, "--messages", chat(tmp_path, body), "--template", template, "--date", file["date"]]
        found = answer(*arguments, "--special")
        assert found["text"] == wanted["text"], case["name"]
        assert found["ids"] == wanted["ids"], case["name"]
        if case["name"] == "reasoning_inline":
            continue  # the reference's marks change the text itself there: tests/text/chat_golden_test.cpp
        safe = answer(*arguments)["ids"]
        assert safe == wanted.get("ids_sanitized", case.get("ids_sanitized", wanted["ids"])), case["name"]
        equal += 1
    print(f"{family}: {equal} chats equal")
    assert equal > 2
