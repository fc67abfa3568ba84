#include "coordinator/api/openai/continuation.h"

#include <boost/json.hpp>

#include <string_view>

#include "core/error.h"

namespace yoke::coordinator::api::openai {
namespace {

namespace json = boost::json;

// The space at its end tells whether the template trims.
constexpr std::string_view kMark = "YOKE_CONTINUES_HERE ";
constexpr std::string_view kTrimmedMark = kMark.substr(0, kMark.size() - 1);
constexpr std::string_view kWhiteSpace = " \t\n\r\f\v";
constexpr const char* kField = "continue_final_message";

// Null where the message has no text.
json::string* last_text_of(json::object& message) {
  json::value* content = message.if_contains("content");
  if (content == nullptr) return nullptr;
  if (content->is_string()) return &content->get_string();
  json::array* parts = content->if_array();
  if (parts == nullptr || parts->empty() || !parts->back().is_object()) return nullptr;
  json::value* text = parts->back().get_object().if_contains("text");
  return text == nullptr ? nullptr : text->if_string();
}

void trim_end(std::vector<model::text::Piece>& pieces) {
  while (!pieces.empty()) {
    std::string& text = pieces.back().text;
    text.resize(text.find_last_not_of(kWhiteSpace) + 1);  // npos + 1 is 0
    if (!text.empty()) return;
    pieces.pop_back();
  }
}

}  // namespace

void mark_final_message(json::array& messages) {
  json::object* last = messages.empty() ? nullptr : messages.back().if_object();
  json::string* text = last == nullptr ? nullptr : last_text_of(*last);
  if (text == nullptr) throw Error(Code::invalid_argument, "the last message has no text to continue", kField);
  text->append(kMark);
}

void cut_at_mark(std::vector<model::text::Piece>& pieces) {
  for (size_t i = pieces.size(); i > 0; --i) {
    std::string& text = pieces[i - 1].text;
    const size_t at = text.rfind(kTrimmedMark);
    if (at == std::string::npos) continue;
    const bool trimmed = text.compare(at, kMark.size(), kMark) != 0;
    text.resize(at);
    pieces.resize(i);
    if (trimmed) trim_end(pieces);
    return;
  }
  throw Error(Code::invalid_argument, "the chat template leaves the last message out, so there is nothing to continue", kField);
}

}  // namespace yoke::coordinator::api::openai
