#include "coordinator/api/openai/encoder_readers.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include <algorithm>

#include "coordinator/api/error_reply.h"
#include "coordinator/api/openai/encoder_fields.h"
#include "coordinator/api/openai/field_readers.h"
#include "coordinator/api/strict_json.h"

namespace yoke::coordinator::api::openai {
namespace {

namespace json = boost::json;

struct CutName {
  std::string_view name;
  Cut cut;
};
constexpr CutName kCuts[] = {{"NONE", Cut::refused}, {"START", Cut::start}, {"END", Cut::end}};

Cut cut_of(const json::value& value) {
  if (value.is_bool()) return value.get_bool() ? Cut::end : Cut::refused;
  const std::string text = value.is_string() ? text_of(value, "truncate") : std::string(kind_name(value));
  for (const CutName& row : kCuts) {
    if (value.is_string() && row.name == text) return row.cut;
  }
  throw Error(Code::invalid_argument, fmt::format("truncate must be true, false, \"NONE\", \"START\" or \"END\", got {}", printable(text)),
              "truncate");
}

}  // namespace

const json::value* find(const json::object& body, std::string_view name) {
  const json::value* value = body.if_contains(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

const json::value& required(const json::object& body, std::string_view name) {
  if (const json::value* value = find(body, name)) return *value;
  throw Error(Code::invalid_argument, fmt::format("{} is missing", name), std::string(name));
}

void check_known(const json::object& body, std::initializer_list<std::string_view> known) {
  for (const auto& member : body) {
    const std::string_view name = member.key();
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    const std::string shown = printable(name);
    throw Error(Code::unsupported, fmt::format("the field {} is not known to this server; leave it out", shown), shown);
  }
}

const json::array& list_of(const json::value& value, const std::string& path, std::string_view of) {
  const json::array* items = value.if_array();
  if (items == nullptr || items->empty()) {
    const std::string got = items == nullptr ? std::string(kind_name(value)) : "an empty array";
    throw Error(Code::invalid_argument, fmt::format("{} must be {}, not {}", path, of, got), path);
  }
  if (items->size() <= kMaxInputs) return *items;
  throw Error(Code::invalid_argument, fmt::format("{} may hold {} inputs, got {}", path, kMaxInputs, items->size()), path);
}

std::vector<TokenId> ids_of(const json::value& value, const std::string& path, const ServedModel& model) {
  const json::array* ids = value.if_array();
  if (ids == nullptr || ids->empty()) {
    const std::string got = ids == nullptr ? std::string(kind_name(value)) : "an empty one";
    throw Error(Code::invalid_argument, fmt::format("{} must be a string or an array of token ids, not {}", path, got), path);
  }
  return tokens_of(*ids, path, model.config.vocab);
}

void check_length(size_t tokens, const std::string& path, const ServedModel& model) {
  const int64_t most = most_tokens(model);
  if (static_cast<int64_t>(tokens) <= most) return;
  throw Error(
      Code::context_exceeded,
      fmt::format("this model's maximum context length is {} tokens; {} needs {}; token ids are taken as they are, text can be truncated",
                  most, path, tokens),
      path);
}

Fit fit_of(const json::object& body, const ServedModel& model) {
  Fit fit{.most = most_tokens(model), .cut = Cut::refused};
  const json::value* cut = find(body, "truncate");
  if (cut != nullptr) fit.cut = cut_of(*cut);
  if (const json::value* most = find(body, "truncate_prompt_tokens")) {
    const int64_t tokens = integer_of(*most, "truncate_prompt_tokens", -1, fit.most);
    if (tokens == 0)
      throw Error(Code::invalid_argument, "truncate_prompt_tokens cannot be 0; -1 is the model's own length", "truncate_prompt_tokens");
    if (tokens > 0) fit.most = tokens;
    if (cut == nullptr) fit.cut = Cut::end;
  }
  return fit;
}

}  // namespace yoke::coordinator::api::openai
