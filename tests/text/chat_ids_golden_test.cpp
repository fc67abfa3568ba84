// What a rendered chat is fed as: the ids of its joined text where it is harmless, and those of the reference's
// sanitize_control_tokens where the caller's strings hold control tokens (golden/text, chat.json).
#include <fmt/format.h>

#include "core/error.h"
#include "fixtures.h"
#include "model/text/chat_template.h"
#include "model/text/model_text.h"

namespace yoke::model::text {
namespace {

using boost::json::object;
using boost::json::value;

std::vector<Piece> render(const object& file, const object& example) {
  TemplateInputs inputs;
  inputs.own = file.at("special_tokens").as_object();
  inputs.callers["messages"] = example.at("messages");
  inputs.callers["add_generation_prompt"] = example.at("add_generation_prompt");
  for (const char* name : {"tools", "documents"}) inputs.callers[name] = example.contains(name) ? example.at(name) : value(nullptr);
  if (example.contains("kwargs")) {
    for (const auto& [name, given] : example.at("kwargs").as_object()) inputs.callers[name] = given;
  }
  RenderLimits limits;
  limits.now = read_moment(text_of(file.at("date")));
  return ChatTemplate(text_of(file.at("templates").at(example.at("template").as_string()))).render(inputs, limits);
}

// The reference marks control tokens by private characters before it renders. Here the template cuts the content at one of them,
// and the mark that is left keeps it from stripping newlines: the reference's text is another.
bool marks_change_the_text(const object& example) {
  return example.at("name") == "reasoning_inline" && example.contains("ids_sanitized");
}

class ChatIds : public testing::TestWithParam<const char*> {};

TEST_P(ChatIds, AreTheReferences) {
  if (shared_golden().empty()) GTEST_SKIP() << "the references are not here: YOKE_SHARED says where";
  const ModelText text = open_text(shared_golden().parent_path().parent_path() / "tokenizers" / GetParam());
  ASSERT_NE(text.tokenizer, nullptr) << text.why_no_tokenizer;
  const value file = read_json(shared_golden() / GetParam() / "chat.json");
  int joined_equal = 0, harmless_equal = 0, sanitized_equal = 0, harmless = 0, sanitized = 0;
  for (const auto& entry : file.at("cases").as_array()) {
    const object& example = entry.as_object();
    if (!example.contains("ids")) continue;
    const std::vector<Piece> pieces = render(file.as_object(), example);
    const std::vector<TokenId> fed = text.tokenizer->encode_pieces(pieces);
    const bool differs = example.contains("ids_sanitized");
    const std::vector<TokenId> wanted = ids_of(example.at(differs ? "ids_sanitized" : "ids"));
    if (!marks_change_the_text(example)) EXPECT_EQ(fed, wanted) << example.at("name") << (differs ? ", sanitized" : "");
    const bool equal = fed == wanted;
    ++(differs ? sanitized : harmless);
    (differs ? sanitized_equal : harmless_equal) += equal;
    joined_equal += text.tokenizer->encode(joined(pieces), AddedTokens::all) == ids_of(example.at("ids"));
  }
  fmt::print("{}/chat.json ids: {} of {} equal; fed piece by piece: {} of {}; ids_sanitized: {} of {}\n", GetParam(), joined_equal,
             harmless + sanitized, harmless_equal, harmless, sanitized_equal, sanitized);
  EXPECT_EQ(joined_equal, harmless + sanitized);
}

INSTANTIATE_TEST_SUITE_P(ChatGolden, ChatIds, testing::Values("llama3", "qwen3", "gptoss", "mistral_nemo"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace yoke::model::text
