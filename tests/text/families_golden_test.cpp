// The tokenizers of the reference folders, against the ids and texts that Hugging Face's library gives (golden/text).
#include <fmt/format.h>

#include <map>

#include "fixtures.h"
#include "model/text/detokenizer.h"
#include "model/text/model_text.h"

namespace yoke::model::text {
namespace {

namespace fs = std::filesystem;
using boost::json::object;
using boost::json::value;

struct Family {
  std::string name;
  fs::path model() const {
    if (name == "smollm2") return smollm2_path();
    return shared_golden().parent_path().parent_path() / "tokenizers" / name;
  }
  value file(const std::string& which) const { return read_json(shared_golden() / name / which); }
};

// Why a family cannot be tested here; empty where it can.
std::string missing(const Family& family) {
  if (shared_golden().empty()) return "the references are not here: YOKE_SHARED says where";
  if (!fs::exists(family.model())) return family.name == "smollm2" ? kNoModel : family.model().string() + " is not here";
  return "";
}

const Tokenizer& tokenizer_of(const Family& family) {
  static std::map<std::string, ModelText> opened;
  auto& text = opened[family.name];
  if (!text.tokenizer) text = open_text(family.model());
  EXPECT_NE(text.tokenizer, nullptr) << text.why_no_tokenizer;
  return *text.tokenizer;
}

// Counts by mode.
class Counts {
 public:
  template <typename T>
  void compare(const std::string& mode, const T& found, const T& wanted, const value& where) {
    auto& [equal, all] = counts_[mode];
    ++all;
    if (found == wanted) {
      ++equal;
    } else if (++shown_ <= kMostShown) {
      EXPECT_EQ(found, wanted) << mode << " of " << where;
    }
  }

  void print(const std::string& file) const {
    for (const auto& [mode, count] : counts_) {
      fmt::print("{} {}: {} of {} equal\n", file, mode, count.first, count.second);
      EXPECT_EQ(count.first, count.second);
    }
  }

 private:
  static constexpr int kMostShown = 10;
  std::map<std::string, std::pair<int, int>> counts_;
  int shown_ = 0;
};

const value& either(const object& row, const char* first, const char* second) {
  return row.at(row.contains(first) ? first : second);
}

std::string text_or(const object& row, const char* key, const std::string& absent) {
  return row.contains(key) ? text_of(row.at(key)) : absent;
}

class Families : public testing::TestWithParam<const char*> {};

TEST_P(Families, EncodeAndDecodeEveryRow) {
  const Family family{GetParam()};
  if (const auto why = missing(family); !why.empty()) GTEST_SKIP() << why;
  const Tokenizer& tokenizer = tokenizer_of(family);
  const value corpus = read_json(shared_golden() / "corpus.json"), file = family.file("encodings.json");
  Counts counts;
  for (const auto& entry : file.at("rows").as_array()) {
    const object& row = entry.as_object();
    const value& string = corpus.at("strings").at(row.at("i").to_number<size_t>());
    const std::string text = text_of(string.at("text"));
    const std::vector<TokenId> ids = ids_of(row.at("ids")), plain = ids_of(either(row, "plain", "ids"));
    const std::vector<TokenId> bare = row.contains("bare") ? ids_of(row.at("bare")) : plain;
    counts.compare("ids", tokenizer.encode(text, AddedTokens::all), ids, string);
    counts.compare("plain", tokenizer.encode(text, AddedTokens::all_but_special), plain, string);
    counts.compare("bare", tokenizer.encode(text, AddedTokens::none), bare, string);
    if (row.contains("bos")) counts.compare("bos", tokenizer.frame(ids).ids, ids_of(row.at("bos")), string);
    const std::string decoded = text_or(row, "dec", text);
    counts.compare("dec", tokenizer.decode(ids, false), decoded, string);
    counts.compare("dec_skip", tokenizer.decode(ids, true), text_or(row, "dec_skip", decoded), string);
    counts.compare("dec_plain", tokenizer.decode(plain, false), text_or(row, "dec_plain", row.contains("plain") ? text : decoded), string);
  }
  counts.print(family.name + "/encodings.json");
}

std::string streamed(const Tokenizer& tokenizer, const std::vector<TokenId>& ids, bool skip_special) {
  Detokenizer detokenizer(tokenizer, skip_special);
  std::string text;
  for (const TokenId id : ids) text += detokenizer.push(id);
  return text + detokenizer.finish();
}

std::string hex_of(std::string_view bytes) {
  std::string hex;
  for (const char c : bytes) hex += fmt::format("{:02x}", static_cast<uint8_t>(c));
  return hex;
}

TEST_P(Families, StreamEveryCase) {
  const Family family{GetParam()};
  if (const auto why = missing(family); !why.empty()) GTEST_SKIP() << why;
  const Tokenizer& tokenizer = tokenizer_of(family);
  const value file = family.file("detokenize.json");
  Counts counts;
  for (const auto& entry : file.at("cases").as_array()) {
    const object& row = entry.as_object();
    const std::vector<TokenId> ids = ids_of(row.at("ids"));
    const std::string hold = text_of(row.at("hold")), text = text_of(row.at("text"));
    std::string bytes;
    std::vector<size_t> ends;
    std::string held;
    Detokenizer detokenizer(tokenizer, false);
    for (const TokenId id : ids) {
      bytes += tokenizer.token_bytes(id);
      ends.push_back(bytes.size());
      detokenizer.push(id);
      held += std::to_string(detokenizer.held());
    }
    counts.compare("bytes", hex_of(bytes), text_of(row.at("bytes")), row.at("ids"));
    counts.compare("ends", ends, boost::json::value_to<std::vector<size_t>>(row.at("ends")), row.at("ids"));
    counts.compare("hold", held, hold, row.at("ids"));
    counts.compare("stream", streamed(tokenizer, ids, false), text_or(row, "stream", text), row.at("ids"));
    counts.compare("text", tokenizer.decode(ids, false), text, row.at("ids"));
    counts.compare("text_skip", tokenizer.decode(ids, true), text_or(row, "text_skip", text), row.at("ids"));
  }
  counts.print(family.name + "/detokenize.json");
}

INSTANTIATE_TEST_SUITE_P(TokenizerGolden, Families,
                         testing::Values("llama3", "qwen3", "gptoss", "mistral_nemo", "mistral_v1", "smollm2"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace yoke::model::text
