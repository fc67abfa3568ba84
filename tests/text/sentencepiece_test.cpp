// SentencePiece models against what the library makes of the same texts (make_sentencepiece_golden.py), and against the reference's
// Mistral 7B v0.1, whose tokenizer.json is rewritten as a model here.
#include "model/text/sentencepiece/sentencepiece_tokenizer.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "core/error.h"
#include "model/text/model_text.h"
#include "tests/text/fixtures.h"

namespace yoke::model::text {
namespace {

namespace json = boost::json;
using Model = SentencePieceModel;
using PieceType = Model::PieceType;

std::string read_model_file(const std::string& name) {
  std::ifstream file(golden("sentencepiece/" + name + ".model"), std::ios::binary);
  std::stringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

std::unique_ptr<Tokenizer> open_golden(const std::string& name) {
  return open_sentencepiece(read_model_file(name), name + ".model", {});
}

const json::object& golden_rows() {
  static const json::value value = read_json(golden("sentencepiece/rows.json"));
  return value.as_object();
}

TEST(SentencePiece, EveryKindOfModelEncodesAsTheLibraryDoes) {
  for (const auto& [name, rows] : golden_rows()) {
    const auto tokenizer = open_golden(name);
    for (const json::value& row : rows.at("encoded").as_array()) {
      const std::string text = text_of(row.at("text"));
      EXPECT_EQ(tokenizer->encode(text, AddedTokens::all_but_special), ids_of(row.at("ids"))) << name << ": " << text;
    }
  }
}

TEST(SentencePiece, EveryKindOfModelDecodesAsTheLibraryDoes) {
  for (const auto& [name, rows] : golden_rows()) {
    const auto tokenizer = open_golden(name);
    for (const json::value& row : rows.at("decoded").as_array()) {
      EXPECT_EQ(tokenizer->decode(ids_of(row.at("ids")), true), text_of(row.at("text"))) << name << ": " << row.at("ids");
    }
  }
}

TEST(SentencePiece, ControlPiecesAreFoundInATemplateOnly) {
  const auto tokenizer = open_golden("bpe");
  const auto found = tokenizer->encode("<s>a</s>", AddedTokens::all);
  EXPECT_EQ(found.front(), 1);
  EXPECT_EQ(found.back(), 2);
  for (const AddedTokens match : {AddedTokens::all_but_special, AddedTokens::none}) {
    for (const TokenId id : tokenizer->encode("<s>a</s>", match)) EXPECT_FALSE(tokenizer->is_special(id));
  }
  EXPECT_EQ(tokenizer->decode(found, false), "<s> a</s>");
  EXPECT_EQ(tokenizer->decode(found, true), "a");
}

TEST(SentencePiece, AModelsSymbolsInACallersTextStayText) {
  const auto tokenizer = open_golden("bpe_symbols");
  const TokenId symbol = tokenizer->encode("[S]", AddedTokens::all).front();
  EXPECT_EQ(tokenizer->token_bytes(symbol), "[S]");
  const auto count = [&](const std::vector<TokenId>& ids) { return std::count(ids.begin(), ids.end(), symbol); };
  EXPECT_EQ(count(tokenizer->encode("a[S]b", AddedTokens::none)), 0);
  EXPECT_EQ(count(tokenizer->encode_pieces({{"[S]", false}, {"a[S]b", true}, {"[S]", false}})), 2);
  EXPECT_EQ(tokenizer->encode_pieces({{"[S]", false}, {"lamp", true}, {"[S]", false}}), tokenizer->encode("[S]lamp[S]", AddedTokens::all));
}

TEST(SentencePiece, NamesAddTokensAndSayWhatSurroundsAText) {
  ModelNames names;
  names.added = {{.content = "<|turn|>", .id = 470}, {.content = "<|end|>", .id = 471, .special = true}};
  names.adds_eos = true;
  const auto tokenizer = open_sentencepiece(read_model_file("bpe"), "bpe.model", names);
  EXPECT_EQ(tokenizer->vocab_size(), 472);
  EXPECT_EQ(tokenizer->encode("<|turn|><|end|>", AddedTokens::all), (std::vector<TokenId>{470, 471}));
  EXPECT_EQ(tokenizer->encode("<|turn|>", AddedTokens::all_but_special), (std::vector<TokenId>{470}));
  EXPECT_EQ(tokenizer->frame({7}).ids, (std::vector<TokenId>{1, 7, 2}));
  EXPECT_EQ(tokenizer->end_of_generation(), (std::vector<TokenId>{2, 471}));
  EXPECT_EQ(tokenizer->special_text("bos_token"), "<s>");
  EXPECT_EQ(tokenizer->decode({470, 471}, true), "<|turn|>");
  names.added = {{.content = "far", .id = 1 << 29}};
  EXPECT_THROW(open_sentencepiece(read_model_file("bpe"), "bpe.model", names), Error);
}

// A message of Protocol Buffers, in parts.
std::string field(int number, std::string_view bytes) {
  return std::string(1, static_cast<char>(number << 3 | 2)) + static_cast<char>(bytes.size()) + std::string(bytes);
}
std::string piece(std::string_view text, const std::string& rest = "") { return field(1, field(1, text) + rest); }
const std::string kUnknownType = "\x18\x02", kByteType = "\x18\x06";

void expect_refused(const std::string& bytes, const std::string& word) {
  try {
    open_sentencepiece(bytes, "m.model", {});
    ADD_FAILURE() << "not refused: " << word;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::bad_file);
    EXPECT_NE(std::string(error.what()).find(word), std::string::npos) << error.what();
  }
}

TEST(SentencePiece, AnInconsistentModelIsRefusedWithThePiece) {
  const std::string unknown = piece("<unk>", kUnknownType);
  expect_refused(unknown + piece("a") + piece("a"), "piece 2 ('a') is there already");
  expect_refused(piece("a"), "no piece of the type unknown");
  expect_refused(unknown + piece("u", kUnknownType), "second unknown");
  expect_refused(unknown + piece(""), "piece 1 is empty");
  expect_refused(unknown + piece("\xFF"), "is no UTF-8");
  expect_refused(unknown + piece("a", std::string("\x15\x00\x00\xC0\x7F", 5)), "has the score nan");
  expect_refused(unknown + piece("a", "\x18\x09"), "has the type 9");
  expect_refused(unknown + piece("<0x41>", kByteType), "byte_fallback is off");
  expect_refused(unknown + piece("<0x41>", kByteType) + field(2, "\x98\x02\x01"), "1 byte pieces, expected 256");
  expect_refused(unknown + field(3, field(2, "abcdefg")), "character map");
  expect_refused(unknown + "\x0A\x7F", "127 bytes");
  expect_refused(unknown + "\x0B", "of the kind 3");
}

TEST(SentencePiece, AFileOfAnotherKindIsUnsupported) {
  try {
    open_sentencepiece("IQ== 0\nIg== 1\n", "tokenizer.model", {});
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::unsupported);
  }
}

TEST(SentencePiece, EveryCutOffModelIsRefused) {
  const std::string whole = read_model_file("bpe_unknown");
  for (size_t bytes = 1; bytes < whole.size(); bytes += 13) {
    try {
      open_sentencepiece(whole.substr(0, bytes), "m.model", {});
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::bad_file);
    }
  }
}

TEST(SentencePiece, AFolderWithOnlyTheModelIsOpened) {
  const auto folder = std::filesystem::temp_directory_path() / fmt::format("yoke_sentencepiece_{}", ::getpid());
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "tokenizer.model", std::ios::binary) << read_model_file("bpe");
  std::ofstream(folder / "tokenizer_config.json") << R"({"add_bos_token": false, "chat_template": "x"})";
  const ModelText text = open_text(folder);
  std::filesystem::remove_all(folder);
  ASSERT_NE(text.tokenizer, nullptr);
  EXPECT_FALSE(text.tokenizer->adds_bos());
  EXPECT_EQ(text.tokenizer->bos(), 1);
  EXPECT_EQ(text.templates.at("default"), "x");
}

TEST(SentencePiece, AHundredThousandEqualLettersAreNoTrouble) {
  const std::string letters(100000, 'a');
  for (const char* name : {"bpe", "unigram_bytes"}) EXPECT_FALSE(open_golden(name)->encode(letters, AddedTokens::none).empty());
}

// Mistral 7B v0.1 by GGUF's keys: scores are the ranks of the merges.
TokenizerAssets mistral_assets(const std::filesystem::path& file) {
  const json::value tokenizer = read_json(file);
  const json::value& model = tokenizer.at("model");
  TokenizerAssets assets;
  assets.model = "llama";
  assets.tokens.resize(model.at("vocab").as_object().size());
  for (const auto& [text, id] : model.at("vocab").as_object()) assets.tokens[static_cast<size_t>(id.as_int64())] = text;
  std::map<std::string, float> ranks;
  for (const json::value& merge : model.at("merges").as_array()) {
    std::string text;
    if (merge.is_array()) text = text_of(merge.as_array()[0]) + text_of(merge.as_array()[1]);
    if (merge.is_string()) text = text_of(merge), text.erase(text.find(' '), 1);
    ranks.emplace(text, -static_cast<float>(ranks.size()));
  }
  for (const std::string& token : assets.tokens) {
    const bool control = token == "<s>" || token == "</s>";
    assets.token_types.push_back(token == "<unk>" ? 2 : control ? 3 : byte_of_piece(token) >= 0 ? 6 : 1);
    const auto rank = ranks.find(token);
    assets.scores.push_back(rank == ranks.end() ? -1e6F : rank->second);
  }
  assets.bos = 1;
  assets.eos = 2;
  assets.unk = 0;
  assets.add_bos = assets.add_space_prefix = true;
  return assets;
}

TEST(SentencePiece, MistralByGgufsKeysEncodesEveryGoldenStringAsItsTokenizerJson) {
  const auto shared = shared_golden();
  if (shared.empty()) GTEST_SKIP() << "set YOKE_SHARED to the folder with reference/golden/text";
  const auto tokenizer = make_tokenizer(mistral_assets(shared.parent_path().parent_path() / "tokenizers/mistral_v1/tokenizer.json"));
  EXPECT_TRUE(tokenizer->adds_bos());
  const json::value corpus = read_json(shared / "corpus.json"), encodings = read_json(shared / "mistral_v1/encodings.json");
  for (const json::value& row : encodings.at("rows").as_array()) {
    const std::string text = text_of(corpus.at("strings").as_array()[static_cast<size_t>(row.at("i").as_int64())].at("text"));
    const json::object& keys = row.as_object();
    const json::value& ids = keys.at("ids");
    const json::value& plain = keys.contains("plain") ? keys.at("plain") : ids;
    const json::value& bare = keys.contains("bare") ? keys.at("bare") : plain;
    EXPECT_EQ(tokenizer->encode(text, AddedTokens::all), ids_of(ids)) << text;
    EXPECT_EQ(tokenizer->encode(text, AddedTokens::all_but_special), ids_of(plain)) << text;
    EXPECT_EQ(tokenizer->encode(text, AddedTokens::none), ids_of(bare)) << text;
    const std::string decoded = keys.contains("dec") ? text_of(keys.at("dec")) : text;
    EXPECT_EQ(tokenizer->decode(ids_of(ids), false), decoded);
    EXPECT_EQ(tokenizer->decode(ids_of(ids), true), keys.contains("dec_skip") ? text_of(keys.at("dec_skip")) : decoded);
  }
}

}  // namespace
}  // namespace yoke::model::text
