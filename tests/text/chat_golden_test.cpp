#include <fmt/format.h>

#include "core/clock.h"
#include "core/error.h"
#include "fixtures.h"
#include "model/text/chat_template.h"

namespace yoke::model::text {
namespace {

using boost::json::object;
using boost::json::value;

// What plain Jinja was given for the case.
object variables_of(const object& file, const object& example) {
  object variables = file.at("special_tokens").as_object();
  variables["messages"] = example.at("messages");
  variables["add_generation_prompt"] = example.at("add_generation_prompt");
  for (const char* name : {"tools", "documents"}) variables[name] = example.contains(name) ? example.at(name) : value(nullptr);
  if (example.contains("kwargs")) {
    for (const auto& [name, given] : example.at("kwargs").as_object()) variables[name] = given;
  }
  return variables;
}

// The goldens were made on a fixed day.
std::string with_today(std::string text, const object& file) {
  const std::string day = text_of(file.at("date")).substr(0, 10), today = local_time("%Y-%m-%d");
  for (size_t at = text.find(day); at != std::string::npos; at = text.find(day, at + 1)) text.replace(at, day.size(), today);
  return text;
}

struct Outcome {
  std::vector<Piece> pieces;
  std::string error;
};

Outcome render(const ChatTemplate& chat_template, const object& variables) {
  try {
    return {chat_template.render(variables), ""};
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::invalid_argument);
    return {{}, error.what()};
  }
}

// Compares one case's text or error; false where it differs.
bool check(const object& file, const object& example, const Outcome& outcome) {
  if (example.contains("error")) {
    EXPECT_NE(outcome.error, "") << example.at("name") << " should fail: " << example.at("message");
    if (example.at("error") == "TemplateError") {
      EXPECT_EQ(outcome.error, text_of(example.at("message"))) << example.at("name");
    }
    return !outcome.error.empty();
  }
  const std::string wanted = with_today(text_of(example.at("text")), file);
  EXPECT_EQ(outcome.error, "") << example.at("name");
  EXPECT_EQ(joined(outcome.pieces), wanted) << example.at("name");
  return outcome.error.empty() && joined(outcome.pieces) == wanted;
}

struct Count {
  int equal = 0, different = 0, python_prints = 0;
};

template <typename Look>
Count check_all(const object& file, Look look) {
  Count count;
  for (const auto& entry : file.at("cases").as_array()) {
    const object& example = entry.as_object();
    if (example.contains("python_repr")) {
      ++count.python_prints;
      continue;
    }
    const std::string source = text_of(file.at("templates").at(example.at("template").as_string()));
    const Outcome outcome = render(ChatTemplate(source), variables_of(file, example));
    ++(check(file, example, outcome) ? count.equal : count.different);
    look(example, outcome);
  }
  return count;
}

TEST(ChatGolden, SmolLM2RendersAsTheReferenceDoes) {
  const value file = read_json(golden("smollm2/chat.json"));
  const Count count = check_all(file.as_object(), [](const object&, const Outcome&) {});
  EXPECT_EQ(count.equal, 47);
}

std::vector<TokenId> one_by_one(const std::vector<Piece>& pieces) {
  std::vector<TokenId> ids;
  for (const Piece& piece : pieces) {
    const auto part = smollm2()->encode(piece.text, piece.from_caller ? AddedTokens::none : AddedTokens::all);
    ids.insert(ids.end(), part.begin(), part.end());
  }
  return ids;
}

TEST(ChatGolden, SmolLM2sIdsAgreeAndControlTokensOfTheCallerAreText) {
  if (!smollm2()) GTEST_SKIP() << kNoModel;
  const value file = read_json(golden("smollm2/chat.json"));
  int sanitized = 0;
  check_all(file.as_object(), [&](const object& example, const Outcome& outcome) {
    if (!example.contains("ids")) return;
    EXPECT_EQ(smollm2()->encode(joined(outcome.pieces), AddedTokens::all), ids_of(example.at("ids"))) << example.at("name");
    const bool differs = example.contains("ids_sanitized");
    EXPECT_EQ(smollm2()->encode_pieces(outcome.pieces), ids_of(example.at(differs ? "ids_sanitized" : "ids")))
        << example.at("name");
    // The reference encodes piece by piece where it sanitizes.
    if (differs) {
      EXPECT_EQ(one_by_one(outcome.pieces), ids_of(example.at("ids_sanitized"))) << example.at("name");
    }
    sanitized += differs;
  });
  EXPECT_EQ(sanitized, 1);
}

TEST(ChatGolden, TheModelsOwnTemplateIsTheGoldensOne) {
  if (!smollm2()) GTEST_SKIP() << kNoModel;
  const value file = read_json(golden("smollm2/chat.json"));
  EXPECT_EQ(open_checkpoint(smollm2_path()).tokenizer->chat_template, text_of(file.at("templates").at("default")));
}

class OtherFamilies : public testing::TestWithParam<const char*> {};

TEST_P(OtherFamilies, RenderAsTheReferenceDoes) {
  if (shared_golden().empty()) GTEST_SKIP() << "the references of other families are not here: YOKE_SHARED says where";
  const value file = read_json(shared_golden() / GetParam() / "chat.json");
  const Count count = check_all(file.as_object(), [](const object&, const Outcome&) {});
  fmt::print("{}: {} cases equal, {} different, {} not compared (they print Python's lists)\n", GetParam(), count.equal,
             count.different, count.python_prints);
  EXPECT_EQ(count.different, 0);
}

INSTANTIATE_TEST_SUITE_P(ChatGolden, OtherFamilies, testing::Values("llama3", "qwen3", "gptoss", "mistral_nemo"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace yoke::model::text
