// Every component of tokenizer.json on tiny tokenizers of our own, against what Hugging Face's library gives: pipelines.json, made by
// make_pipeline_golden.py.
#include "core/error.h"
#include "fixtures.h"
#include "model/text/detokenizer.h"
#include "model/text/tokenizer_json/tokenizer_json.h"

namespace yoke::model::text {
namespace {

using boost::json::object;
using boost::json::value;

std::unique_ptr<Tokenizer> read(const value& file, const ModelNames& names = {}) {
  return read_tokenizer_json(boost::json::serialize(file), "tokenizer.json", names);
}

const value& golden_file() {
  static const value file = read_json(golden("pipelines.json"));
  return file;
}

// With its model, which several share.
value tokenizer_file(const object& pipeline) {
  value file = pipeline.at("tokenizer");
  file.as_object()["model"] = golden_file().at("models").at(file.at("model").to_number<size_t>());
  return file;
}

value tokenizer_file(std::string_view name) {
  for (const auto& pipeline : golden_file().at("pipelines").as_array()) {
    if (pipeline.at("name").as_string() == name) return tokenizer_file(pipeline.as_object());
  }
  ADD_FAILURE() << name;
  return {};
}

TEST(Pipelines, EveryComponentDoesAsTheReference) {
  size_t rows = 0;
  for (const auto& entry : golden_file().at("pipelines").as_array()) {
    const object& pipeline = entry.as_object();
    const auto tokenizer = read(tokenizer_file(pipeline));
    for (const auto& row : pipeline.at("rows").as_array()) {
      SCOPED_TRACE(text_of(pipeline.at("name")) + ": " + boost::json::serialize(row.at("text")));
      const std::string text = text_of(row.at("text"));
      const std::vector<TokenId> ids = ids_of(row.at("ids")), both = ids_of(row.at("pair"));
      EXPECT_EQ(tokenizer->encode(text, AddedTokens::all), ids);
      EXPECT_EQ(tokenizer->encode(text, AddedTokens::all_but_special), ids_of(row.at("plain")));
      EXPECT_EQ(tokenizer->frame(ids).ids, ids_of(row.at("frame")));
      EXPECT_EQ(tokenizer->frame_pair(ids, ids).ids, both);
      EXPECT_EQ(tokenizer->frame_pair(ids, ids).types, ids_of(row.at("types")));
      EXPECT_EQ(tokenizer->decode(ids, false), text_of(row.at("dec")));
      EXPECT_EQ(tokenizer->decode(both, true), text_of(row.at("skip")));
      ++rows;
    }
  }
  std::printf("%zu pipelines, %zu rows\n", golden_file().at("pipelines").as_array().size(), rows);
  EXPECT_GT(rows, 400u);
}

// The error of reading a file that `change` made inconsistent.
template <typename Change>
void expect_refused(std::string_view name, Code code, const std::string& word, Change change) {
  value file = tokenizer_file(name);
  change(file.as_object());
  try {
    read(file);
    ADD_FAILURE() << "accepted: " << word;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_NE(std::string(error.what()).find(word), std::string::npos) << error.what();
  }
}

object& model_of(object& file) { return file["model"].as_object(); }

TEST(TokenizerJson, InconsistentFilesAreRefusedWithTheEntry) {
  expect_refused("bytes_split", Code::bad_file, "model.merges[40]", [](object& f) {
    model_of(f)["merges"].as_array().push_back({"a", "zz"});
  });
  expect_refused("bytes_split", Code::bad_file, "model.merges[3] is 'a b c'", [](object& f) {
    model_of(f)["merges"].as_array()[3] = "a b c";
  });
  expect_refused("bytes_split", Code::bad_file, "both have id 5", [](object& f) { model_of(f)["vocab"].as_object()["new"] = 5; });
  expect_refused("bytes_split", Code::bad_file, "an id from 0", [](object& f) { model_of(f)["vocab"].as_object()["new"] = -1; });
  expect_refused("bytes_split", Code::bad_file, "expected an id below", [](object& f) {
    model_of(f)["vocab"].as_object()["new"] = 1'000'000'000;
  });
  expect_refused("bytes_split", Code::bad_file, "added_tokens[0]", [](object& f) {
    f["added_tokens"].as_array()[0].as_object()["id"] = 3;
  });
  expect_refused("bytes_split", Code::bad_file, "in the model's vocabulary", [](object& f) {
    f["added_tokens"].as_array()[0].as_object()["content"] = "a";
  });
  expect_refused("bytes_split", Code::bad_file, "there is no token", [](object& f) {
    f["post_processor"].at("special_tokens").at("<s>").at("ids").as_array()[0] = 99'999;
  });
  expect_refused("bytes_split", Code::bad_file, "pattern.Regex", [](object& f) {
    f["pre_tokenizer"].at("pretokenizers").as_array()[0].at("pattern").as_object()["Regex"] = "(a";
  });
  expect_refused("bytes_split", Code::bad_file, "model is missing", [](object& f) { f.erase("model"); });
  expect_refused("llama_True", Code::bad_file, "not in the vocabulary", [](object& f) {
    model_of(f)["byte_fallback"] = false;
    model_of(f)["unk_token"] = "<nothing>";
  });
}

TEST(TokenizerJson, UnknownComponentsAreRefusedByName) {
  const auto of_type = [](const char* key) {
    return [key](object& f) { f[key] = {{"type", "Klingon"}}; };
  };
  for (const char* key : {"normalizer", "pre_tokenizer", "post_processor", "decoder"}) {
    expect_refused("bytes_split", Code::unsupported, std::string(key) + ".type is 'Klingon'", of_type(key));
  }
  expect_refused("bytes_split", Code::unsupported, "Klingon", [](object& f) { model_of(f)["type"] = "Klingon"; });
}

TEST(TokenizerJson, DeepNestingAndNonsenseAreRefused) {
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "[";
  for (const std::string& text : std::vector<std::string>{"", "null", "[]", "{}", deep, "{\"model\": 3}"}) {
    EXPECT_THROW(read_tokenizer_json(text, "tokenizer.json", {}), Error);
  }
}

TEST(TokenizerJson, NamesOfOtherFilesCount) {
  const auto tokenizer = read(tokenizer_file("bytes_split"), {.special_texts = {{"bos_token", "<s>"}, {"eos_token", "</s>"}},
                                                              .ends = {7, -1, 5'000'000},
                                                              .added = {{.content = "<|im_end|>", .id = 400, .special = true}}});
  const TokenId bos = *tokenizer->bos();
  EXPECT_TRUE(tokenizer->adds_bos());
  EXPECT_EQ(tokenizer->special_text("eos_token"), "</s>");
  EXPECT_EQ(tokenizer->end_of_generation(), (std::vector<TokenId>{7, bos + 1, 400}));
  EXPECT_EQ(tokenizer->encode("<|im_end|>", AddedTokens::all), std::vector<TokenId>{400});
}

TEST(Pipelines, WhatACallerWroteIsNoTokenAlsoWhereTheNormalizerMovesIt) {
  const auto tokenizer = read(tokenizer_file("normal_prepend_True"));
  const TokenId token = tokenizer->encode("<e>", AddedTokens::all).front();
  const auto holds = [&](const std::vector<Piece>& pieces) {
    const auto ids = tokenizer->encode_pieces(pieces);
    return std::ranges::find(ids, token) != ids.end();
  };
  EXPECT_TRUE(holds({{"<e>", false}, {"the", true}}));
  EXPECT_FALSE(holds({{"<e>", true}, {"the", false}}));
  EXPECT_FALSE(holds({{"<", false}, {"e>", true}}));
  EXPECT_FALSE(holds({{"", false}, {"<e>", true}}));
}

TEST(Pipelines, AStreamGivesWhatDecodingTheWholeDoes) {
  for (const char* name : {"llama_True", "bytes_split", "cut_metaspace_always_True"}) {
    const auto tokenizer = read(tokenizer_file(name));
    for (const std::string text : {"the cat sat", " lowest  newest", "ran to the hat"}) {
      const auto ids = tokenizer->encode(text, AddedTokens::none);
      Detokenizer detokenizer(*tokenizer, false);
      std::string streamed;
      for (const TokenId id : ids) streamed += detokenizer.push(id);
      EXPECT_EQ(streamed + detokenizer.finish(), tokenizer->decode(ids, false)) << name;
    }
  }
}

TEST(Pipelines, LongRunsTakeLittleMoreThanLinearTime) {
  for (const char* name : {"llama_True", "bytes_split", "unigram", "word_piece"}) {
    const auto tokenizer = read(tokenizer_file(name));
    for (const char* part : {"a", " ", "\n", "\U0001F600", "<e", "th"}) {
      std::string text;
      while (text.size() < 1'000'000) text += part;
      EXPECT_FALSE(tokenizer->encode(text, AddedTokens::all).size() > text.size() * 2) << name;
    }
  }
}

}  // namespace
}  // namespace yoke::model::text
