#!/usr/bin/env python3
"""Makes tests/golden/text/pipelines.json: tiny tokenizers of our own, one or more for each component of tokenizer.json, with the
ids and texts that Hugging Face's `tokenizers` (0.23) gives for a few strings.

    python3 make_pipeline_golden.py            writes the golden
    python3 make_pipeline_golden.py DIR COUNT  writes DIR/NAME/{tokenizer.json,texts.json,wanted.json} with COUNT random strings
                                               each, to compare by hand
"""
import json
import os
import random
import sys

import tokenizers
from tokenizers import Tokenizer

WORDS = ("the cat sat on a mat and ran to the hat of the man with ten red hens in it , then they ate . don't it's we've "
         "über naïve café été ñandú 12 345 6 007 hello world low lower lowest new newer newest").split()
STRINGS = ["", " ", "the cat", " the  cat sat", "a\u2581b \u2581c", "hello<e>world", "<s>the</s> cat", "x <w> y<w>z <w>", "a <l>  b  <r>  c",
           "HELLO World", "cafe\u0301 caf\u00e9", "\u4e2d\u6587 \u65e5\u672c", "\U0001F600 smile", "1234 12", "don't it's, (ok)?!", "tab\tnl\n\n end ",
           "<0x41>", "lowestnewest", "<S>Mixed", "\u00a0nb\u3000sp", "\u0130stanbul \u03a3\u03a3", "- a--b -", "zzz", "the<e><e> <e>"]


def byte_alphabet():
    own = list(range(0x21, 0x7F)) + list(range(0xA1, 0xAD)) + list(range(0xAE, 0x100))
    stand_in, table = 0x100, {}
    for byte in range(256):
        if byte in own:
            table[byte] = chr(byte)
        else:
            table[byte], stand_in = chr(stand_in), stand_in + 1
    return table


BYTES = byte_alphabet()


def merged(symbols, words, count):
    """A vocabulary and merges by the usual training: the most frequent pair first."""
    vocab, merges = list(symbols), []
    words = [list(w) for w in words]
    for _ in range(count):
        pairs = {}
        for word in words:
            for pair in zip(word, word[1:]):
                pairs[pair] = pairs.get(pair, 0) + 1
        if not pairs:
            break
        best = max(sorted(pairs), key=pairs.get)
        merges.append(best)
        if best[0] + best[1] not in vocab:
            vocab.append(best[0] + best[1])
        for word in words:
            i = 0
            while i + 1 < len(word):
                if (word[i], word[i + 1]) == best:
                    word[i:i + 2] = [best[0] + best[1]]
                else:
                    i += 1
    return vocab, merges


def bpe(vocab, merges, **options):
    model = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
             "fuse_unk": False, "byte_fallback": False, "ignore_merges": False, "vocab": {t: i for i, t in enumerate(vocab)},
             "merges": [list(m) for m in merges]}
    model.update(options)
    return model


def byte_bpe(count=40, **options):
    words = ["".join(BYTES[b] for b in (" " + w).encode()) for w in WORDS]
    return bpe(*merged([BYTES[b] for b in range(256)], words, count), **options)


def char_bpe(count=40, extra=(), mark="\u2581", **options):
    words = [mark + w for w in WORDS]
    letters = sorted(set("".join(words)) | {mark})
    return bpe(*merged(["<unk>", *extra, *letters], words, count), **options)


def added(content, token_id, special=False, **options):
    token = {"id": token_id, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": special}
    token.update(options)
    return token


def some_added(model, normalized=False):
    first = len(model["vocab"])
    return [added("<s>", first, True), added("</s>", first + 1, True), added("<e>", first + 2, normalized=normalized),
            added("<w>", first + 3, single_word=True, normalized=normalized), added("<l>", first + 4, lstrip=True),
            added("<r>", first + 5, rstrip=True), added("<S>", first + 6, True, normalized=normalized)]


def whole(model, normalizer=None, pre=None, post=None, decoder=None, tokens=None):
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": some_added(model) if tokens is None else tokens,
            "normalizer": normalizer, "pre_tokenizer": pre, "post_processor": post, "decoder": decoder, "model": model}


def sequence(key, *steps):
    return {"type": "Sequence", key: list(steps)}


def regex(text):
    return {"Regex": text}


def split(pattern, behavior="Isolated", invert=False):
    return {"type": "Split", "pattern": pattern, "behavior": behavior, "invert": invert}


def byte_level(prefix=False, use_regex=True):
    return {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True, "use_regex": use_regex}


def metaspace(scheme="always", cut=True):
    return {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": scheme, "split": cut}


def template(model):
    first = len(model["vocab"])
    s, e = {"SpecialToken": {"id": "<s>", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 1}}
    a, b = {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}
    tokens = {n: {"id": n, "ids": [i], "tokens": [n]} for n, i in (("<s>", first), ("</s>", first + 1))}
    return {"type": "TemplateProcessing", "single": [s, a], "pair": [s, a, e, b, e], "special_tokens": tokens}


def words_pipelines():
    """One for each pre-tokenizer over characters, so that the words show."""
    model = char_bpe(unk_token="<unk>")
    cuts = {"whitespace": {"type": "Whitespace"}, "whitespace_split": {"type": "WhitespaceSplit"},
            "digits": {"type": "Digits", "individual_digits": False}, "each_digit": {"type": "Digits", "individual_digits": True},
            "char": {"type": "CharDelimiterSplit", "delimiter": "-"}, "fixed": {"type": "FixedLength", "length": 3},
            "bert": {"type": "BertPreTokenizer"}, "string_split": split({"String": "a"}, "Removed")}
    for behavior in ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"):
        cuts["punctuation_" + behavior] = {"type": "Punctuation", "behavior": behavior}
        cuts["split_" + behavior] = split(regex(r"\s"), behavior)
        cuts["inverted_" + behavior] = split(regex(r"\w+"), behavior, True)
    for scheme in ("always", "first", "never"):
        for cut in (True, False):
            cuts[f"metaspace_{scheme}_{cut}"] = metaspace(scheme, cut)
        cuts[f"after_split_{scheme}"] = sequence("pretokenizers", {"type": "WhitespaceSplit"}, metaspace(scheme))
    return {"cut_" + name: whole(model, pre=cut, decoder=metaspace()) for name, cut in cuts.items()}


def normalizer_pipelines():
    model = char_bpe(unk_token="<unk>", fuse_unk=True)
    steps = {"nfc": {"type": "NFC"}, "nfd": {"type": "NFD"}, "nfkc": {"type": "NFKC"}, "nfkd": {"type": "NFKD"},
             "lower": {"type": "Lowercase"}, "prepend": {"type": "Prepend", "prepend": "\u2581"},
             "replace": {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"},
             "replace_regex": {"type": "Replace", "pattern": regex(" {2,}"), "content": " "},
             "strip": {"type": "Strip", "strip_left": True, "strip_right": True}, "strip_left": {"type": "Strip", "strip_left": True, "strip_right": False},
             "nmt": {"type": "Nmt"}, "bert": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True},
             "accents": sequence("normalizers", {"type": "NFD"}, {"type": "StripAccents"})}
    out = {}
    for name, step in steps.items():
        for normalized in (False, True):
            out[f"normal_{name}_{normalized}"] = whole(model, normalizer=step, decoder={"type": "Fuse"}, tokens=some_added(model, normalized))
    return out


def model_pipelines():
    fallback = [f"<0x{b:02X}>" for b in range(256)]
    llama = sequence("normalizers", {"type": "Prepend", "prepend": "\u2581"}, {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"})
    llama_decoder = sequence("decoders", {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}, {"type": "ByteFallback"},
                             {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0})
    out = {}
    for fuse in (True, False):
        model = char_bpe(extra=fallback, unk_token="<unk>", fuse_unk=fuse, byte_fallback=True)
        out[f"llama_{fuse}"] = whole(model, llama, None, template(model), llama_decoder)
        model = char_bpe(extra=fallback[:200], unk_token="<unk>", fuse_unk=fuse, byte_fallback=True)
        out[f"part_fallback_{fuse}"] = whole(model, llama, None, None, llama_decoder)
        model = char_bpe(unk_token="<unk>", fuse_unk=fuse, ignore_merges=True)
        out[f"whole_words_{fuse}"] = whole(model, pre=metaspace(), decoder=metaspace())
    for prefix in (True, False):
        for use_regex in (True, False):
            model = byte_bpe(ignore_merges=prefix)
            out[f"bytes_{prefix}_{use_regex}"] = whole(model, pre=byte_level(prefix, use_regex), post=byte_level(), decoder=byte_level())
    model = byte_bpe()
    out["bytes_split"] = whole(model, {"type": "NFC"}, sequence("pretokenizers", split(regex(r"\p{N}{1,3}|\s+")), byte_level(False, False)), template(model), byte_level())
    out["bytes_normalizer"] = whole(model, {"type": "ByteLevel"}, None, None, byte_level())
    out["bytes_then_more"] = whole(model, None, sequence("pretokenizers", byte_level(), {"type": "Digits", "individual_digits": True}), None, byte_level())
    end = [w[:-1] + w[-1] + "</w>" for w in WORDS]
    words = [list(w[:-1]) + [w[-1] + "</w>"] for w in WORDS]
    letters = sorted({s for w in words for s in w})
    vocab, merges = merged(["<unk>", *letters], words, 40)
    out["clip"] = whole(bpe(vocab, merges, unk_token="<unk>", end_of_word_suffix="</w>"), {"type": "Lowercase"}, {"type": "Whitespace"}, None,
                        {"type": "BPEDecoder", "suffix": "</w>"})
    assert end
    prefixed = [[w[0]] + ["##" + c for c in w[1:]] for w in WORDS]
    letters = sorted({s for w in prefixed for s in w})
    pairs, vocab = [("t", "##h"), ("##e", "##r"), ("th", "##e"), ("##a", "##t"), ("c", "##at")], ["<unk>", *letters, "th", "##er", "the", "##at", "cat"]
    out["prefixed"] = whole(bpe(vocab, pairs, unk_token="<unk>", continuing_subword_prefix="##"), None, {"type": "Whitespace"}, None,
                            {"type": "WordPiece", "prefix": "##", "cleanup": True})
    pieces = {t: i for i, t in enumerate(["[UNK]", "[CLS]", "[SEP]", *letters, *sorted(set(WORDS)), "##er", "##est", ",", ".", "'"])
              }
    word_piece = {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 20,
                  "vocab": {t: i for i, t in enumerate(dict.fromkeys(pieces))}}
    bert = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True}
    out["word_piece"] = whole(word_piece, bert, {"type": "BertPreTokenizer"}, {"type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]},
                              {"type": "WordPiece", "prefix": "##", "cleanup": True})
    word_level = {"type": "WordLevel", "unk_token": "<unk>", "vocab": {t: i for i, t in enumerate(dict.fromkeys(["<unk>", "<p>", *WORDS]))}}
    out["word_level"] = whole(word_level, None, {"type": "Whitespace"}, {"type": "RobertaProcessing", "sep": ["<p>", 1], "cls": ["<unk>", 0], "trim_offsets": True,
                                                                         "add_prefix_space": True}, None)
    out["ctc"] = whole(word_level, None, {"type": "WhitespaceSplit"}, None, {"type": "CTC", "pad_token": "<p>", "word_delimiter_token": "|", "cleanup": True})
    unigram = {"type": "Unigram", "unk_id": 0, "byte_fallback": False,
               "vocab": [["<unk>", 0.0]] + [[t, -2.0 - i / 7] for i, t in enumerate(char_bpe()["vocab"]) if t != "<unk>"]}
    out["unigram"] = whole(unigram, {"type": "NFKC"}, metaspace(), None, metaspace())
    out["repeated_merge"] = whole(bpe(["a", "b", "c", "ab", "bc"], [("a", "b"), ("b", "c"), ("a", "b")]), tokens=[], decoder={"type": "Fuse"})
    return out


def row(tokenizer, text):
    def ids(special_as_text):
        tokenizer.encode_special_tokens = special_as_text
        return tokenizer.encode(text, add_special_tokens=False).ids
    found = {"text": text, "ids": ids(False), "plain": ids(True)}
    tokenizer.encode_special_tokens = False
    pair = tokenizer.encode(text, text)
    found.update(frame=tokenizer.encode(text).ids, pair=pair.ids, types=pair.type_ids,
                 dec=tokenizer.decode(found["ids"], skip_special_tokens=False), skip=tokenizer.decode(pair.ids, skip_special_tokens=True))
    return found


def random_text(rng):
    parts = STRINGS + WORDS + [" ", "  ", "<e>", "<w>", "<l>", "<r>", "<s>", "</s>", "<S>", "\n", "\u2581", "-", "1", "a", "\u0301", "\ud55c", "\u1112\u1161",
                               "\u0e01\u0e33", "\U0001F468\u200d\U0001F469", "\u00df", "\ufb01", "\x00", "\x7f", "\u200b", "\u2028", "\ufffd", "'s"]
    return "".join(rng.choice(parts) for _ in range(rng.randrange(1, 9)))


def main():
    pipelines = {**words_pipelines(), **normalizer_pipelines(), **model_pipelines()}
    if len(sys.argv) > 1:
        rng = random.Random(6)
        for name, spec in pipelines.items():
            folder = os.path.join(sys.argv[1], name)
            os.makedirs(folder, exist_ok=True)
            tokenizer = Tokenizer.from_str(json.dumps(spec))
            texts = STRINGS + [random_text(rng) for _ in range(int(sys.argv[2]))]
            for file, value in (("tokenizer", spec), ("texts", texts), ("wanted", [row(tokenizer, t) for t in texts])):
                with open(os.path.join(folder, file + ".json"), "w", encoding="utf-8") as out:
                    json.dump(value, out)
        return
    rng = random.Random(7)
    listed, models = [], []
    for name, spec in pipelines.items():
        tokenizer = Tokenizer.from_str(json.dumps(spec))
        if spec["model"] not in models:
            models.append(spec["model"])
        texts = rng.sample(STRINGS, 5) + [random_text(rng)]
        listed.append({"name": name, "tokenizer": {**spec, "model": models.index(spec["model"])}, "rows": [row(tokenizer, t) for t in texts]})
    golden = os.path.join(os.path.dirname(__file__), "../golden/text/pipelines.json")
    with open(golden, "w", encoding="ascii") as out:
        out.write(f'{{"made_by": "tokenizers {tokenizers.__version__}", "models": [\n')
        out.write(",\n".join(json.dumps(m, separators=(",", ":")) for m in models))
        out.write('\n], "pipelines": [\n')
        out.write(",\n".join(json.dumps(p, separators=(",", ":")) for p in listed))
        out.write("\n]}\n")


if __name__ == "__main__":
    main()
