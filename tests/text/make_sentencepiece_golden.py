#!/usr/bin/env python3
"""Writes tests/golden/text/sentencepiece: tiny SentencePiece models, trained here on words of our own, and what the library makes of
texts with them; and tests/golden/text/steps.json: what the steps of BERT's and XLM-R's line make of texts, by tokenizers.

Needs sentencepiece 0.2.1 (0.2.3 decides between equal scores in another way), protobuf and tokenizers 0.23.3. Run without arguments;
sentencepiece_test.cpp and steps_test.cpp compare.
"""
import base64
import io
import json
import pathlib
import random

import sentencepiece
import tokenizers
from sentencepiece import sentencepiece_model_pb2 as proto
from tokenizers.models import Unigram, WordPiece
from tokenizers.normalizers import BertNormalizer, Precompiled
from tokenizers.pre_tokenizers import BertPreTokenizer

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden/text"
NOUNS = """river lamp stone garden window letter engine harbour winter thread naïve café über Straße огонь вода 水 火 木
    ありがとう""".split()
VERBS = "opens closes carries forgets repairs follows paints counts 12 345 x=1 (y) [z] {w} don't".split()
TEXTS = [
    "", " ", "   ", "a", " a", "a ", "  a  b  ", "The river opens the window.", "river", " river", "riverriver",
    "harbour  lamp\tstone\nletter", "naïve café", "cafe\u0301 über", "ＦＵＬＬ ｗｉｄｔｈ ﬁ ①", "水火木", "ありがとう 水", "огонь и вода",
    "👍🏽 emoji 👨‍👩‍👧", "<s>", "</s> x <unk>", "<0x41><c>a", "[S]a[S]", "a[S] [SS]b", "ab[S", "\u2581\u2581a\u2581", "x\u0000y\u007f",
    "\u00a0\u3000\u200b\ufeff", "aaaaaaaaaaaaaaaaaaaa", "((((([[[[[", "𝔘𝔫𝔦", "\ue000\U0010fffd", "don't 12345 x=1;y=2",
    "e\u0301\u0301\u0301 o\u0308\u0304", "\u1100\u1161\u11a8 가각", "क्षि नि", "line\r\nline", "Ünïcödé İSTANBUL ẞ ſ",
]


def sentences():
    pick = random.Random(6)
    noun, verb = lambda: pick.choice(NOUNS), lambda: pick.choice(VERBS)
    return [f"The {noun()} {verb()} a {noun()}, and {noun()} {verb()}." for _ in range(400)]


def train(**options):
    model = io.BytesIO()
    settings = dict(sentence_iterator=iter(sentences()), model_writer=model, hard_vocab_limit=False, minloglevel=3,
                    character_coverage=0.98, num_threads=1)
    sentencepiece.SentencePieceTrainer.train(**(settings | options))
    return model.getvalue()


def changed(model, change):
    message = proto.ModelProto.FromString(model)
    for piece in message.pieces:
        if piece.type == piece.NORMAL:
            change(piece)
    return message.SerializeToString()


def set_score(piece, score):
    piece.score = score


def make_models():
    symbols = ["[S]", "[SS]", "\u2581\u2581", "\u2581\u2581\u2581"]
    plain = dict(normalization_rule_name="identity", remove_extra_whitespaces=False)
    models = {
        "bpe": train(model_type="bpe", vocab_size=460, byte_fallback=True, control_symbols=["<c>"], **plain),
        "bpe_symbols": train(model_type="bpe", vocab_size=460, byte_fallback=True, user_defined_symbols=symbols, add_dummy_prefix=False,
                             **plain),
        "bpe_unknown": train(model_type="bpe", vocab_size=200, user_defined_symbols=symbols, **plain),
        "unigram": train(model_type="unigram", vocab_size=300, normalization_rule_name="identity"),
        "unigram_bytes": train(model_type="unigram", vocab_size=500, byte_fallback=True, user_defined_symbols=symbols, **plain),
        "unigram_suffix": train(model_type="unigram", vocab_size=300, treat_whitespace_as_suffix=True,
                                normalization_rule_name="identity"),
        "characters": train(model_type="char", vocab_size=150, user_defined_symbols=symbols, **plain),
        "words": train(model_type="word", vocab_size=120, normalization_rule_name="identity"),
    }
    pick = random.Random(7)
    models["bpe_ties"] = changed(models["bpe"], lambda piece: set_score(piece, -float(pick.randint(0, 5))))
    models["bpe_lone"] = without_characters(models["bpe"], pick)
    return models


def without_characters(model, pick):
    """Some characters stand in longer pieces only."""
    message = proto.ModelProto.FromString(model)
    stays = lambda piece: piece.type != piece.NORMAL or len(piece.piece) > 1 or pick.random() < 0.6
    kept = [piece for piece in message.pieces if stays(piece)]
    kept = [proto.ModelProto.SentencePiece.FromString(piece.SerializeToString()) for piece in kept]
    del message.pieces[:]
    message.pieces.extend(kept)
    return message.SerializeToString()


def rows_of(model):
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    pick = random.Random(8)
    ordinary = [i for i in range(processor.vocab_size()) if not processor.is_unknown(i)]
    encoded = [{"text": text, "ids": processor.encode(text)} for text in TEXTS]
    lists = [row["ids"] for row in encoded if processor.unk_id() not in row["ids"]]
    lists += [[pick.choice(ordinary) for _ in range(pick.randint(1, 8))] for _ in range(20)]
    return {"encoded": encoded, "decoded": [{"ids": ids, "text": processor.decode(ids)} for ids in lists]}


def compile_map(rules):
    """The compiled map of some rules, as the trainer puts it into a model."""
    path = pathlib.Path("/tmp/yoke_rules.tsv")
    codes = lambda text: " ".join(f"{ord(c):X}" for c in text)
    path.write_text("".join(f"{codes(old)}\t{codes(new)}\n" for old, new in rules.items()))
    model = train(model_type="char", vocab_size=150, normalization_rule_tsv=str(path))
    path.unlink()
    return model, proto.ModelProto.FromString(model).normalizer_spec.precompiled_charsmap


RULES = {"e\u0301": "é", "\ufb01": "fi", "\u2460": "1", "\u200b": "", "\u3000": " ", "\t": " ", "\uff26": "F", "\u1100": "G", "a": "b",
         "\u0301\u0301": "!", "\u0915": "K", "lamp": "LAMP", "\u007f": ""}


def bert_rows():
    rows = []
    for clean, chinese, strip, lower in ((True, True, None, True), (True, True, None, False), (False, True, True, False), (True, False, False, True)):
        normalizer = BertNormalizer(clean, chinese, strip, lower)
        out = [normalizer.normalize_str(text) for text in TEXTS]
        rows.append({"clean": clean, "chinese": chinese, "strip": strip, "lower": lower, "out": out})
    return rows


def word_piece():
    vocabulary = "[UNK] river ##river lamp ##s the un ##a ##aa a na ##ï ##ve 水 ##水 .".split()
    model = WordPiece({text: i for i, text in enumerate(vocabulary)}, unk_token="[UNK]", max_input_chars_per_word=12)
    words = "river riverriver rivers lamps una unaaa unaaaaaaaaaa unaaaaaaaaaaa naïve 水水 x ax .".split()
    rows = [{"word": word, "ids": [token.id for token in model.tokenize(word)]} for word in words]
    return {"vocabulary": vocabulary, "rows": rows}


def unigram():
    vocabulary = [["<unk>", 0.0], ["a", -2.0], ["b", -3.0], ["ab", -4.0], ["abc", -4.5], ["c", -2.5], ["水", -5.25], ["aa", -4.0],
                  ["b", -1.5]]
    bytes_of = vocabulary + [[f"<0x{byte:02X}>", -9.0] for byte in range(256)]
    words = ["abc", "aabbcc", "xyz", "axxb", "水水a", "aaaa", "a<unk>b", "é水é", "abcabc"]
    rows = []
    for name, list_, fallback in (("plain", vocabulary, False), ("bytes", bytes_of, True)):
        model = Unigram([tuple(entry) for entry in list_], 0, fallback)
        rows.append({"bytes": fallback, "rows": [{"word": word, "ids": [token.id for token in model.tokenize(word)]} for word in words]})
    return {"vocabulary": vocabulary, "models": rows}


def dump(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=None, separators=(",", ":")).replace("},{", "},\n{") + "\n")


def main():
    assert sentencepiece.__version__ == "0.2.1" and tokenizers.__version__ == "0.23.3"
    models = make_models()
    models["mapped"], charsmap = compile_map(RULES)
    rows = {}
    for name, model in models.items():
        path = GOLDEN / "sentencepiece" / f"{name}.model"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(model)
        rows[name] = rows_of(model)
    dump(GOLDEN / "sentencepiece" / "rows.json", rows)
    mapped = Precompiled(charsmap)
    words = BertPreTokenizer()
    dump(GOLDEN / "steps.json", {
        "about": "tokenizers 0.23.3", "texts": TEXTS, "bert": bert_rows(),
        "bert_words": [[word for word, _ in words.pre_tokenize_str(text)] for text in TEXTS],
        "word_piece": word_piece(), "unigram": unigram(), "charsmap": base64.b64encode(charsmap).decode(),
        "mapped": [mapped.normalize_str(text) for text in TEXTS]})


if __name__ == "__main__":
    main()
