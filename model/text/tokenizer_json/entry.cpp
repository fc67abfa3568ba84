#include "model/text/tokenizer_json/entry.h"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>

#include "core/error.h"
#include "model/bad_file.h"
#include "model/json_fields.h"
#include "model/text/utf8.h"

namespace yoke::model::text {
namespace {

// Large values are not printed whole.
std::string shown(const boost::json::value& value) {
  if (value.is_object()) return fmt::format("an object of {} entries", value.get_object().size());
  if (value.is_array()) return fmt::format("an array of {} values", value.get_array().size());
  if (value.is_string()) return printable(std::string_view(value.get_string()));
  return boost::json::serialize(value);
}

}  // namespace

std::string Entry::place_of(std::string_view key) const {
  return fmt::format("{}{}{}", place_, place_.ends_with(':') ? " " : ".", key);
}

Entry Entry::at(std::string_view key) const {
  const boost::json::value* value = object().if_contains(key);
  if (value == nullptr) throw Error{Code::bad_file, place_of(key) + " is missing"};
  return {*value, place_of(key)};
}

std::optional<Entry> Entry::find(std::string_view key) const {
  const boost::json::value* value = object().if_contains(key);
  if (value == nullptr || value->is_null()) return std::nullopt;
  return Entry(*value, place_of(key));
}

size_t Entry::size() const { return array().size(); }

Entry Entry::item(size_t index) const { return {array()[index], fmt::format("{}[{}]", place_, index)}; }

std::string_view Entry::string() const {
  if (!value_->is_string()) refuse("a string");
  return value_->get_string();
}

bool Entry::boolean() const {
  if (!value_->is_bool()) refuse("true or false");
  return value_->get_bool();
}

int64_t Entry::integer(int64_t least, int64_t most) const {
  const std::optional<int64_t> number = json_integer(*value_);
  if (!number || *number < least || *number > most) refuse(fmt::format("an integer from {} to {}", least, most));
  return *number;
}

char32_t Entry::character() const {
  const std::string_view text = string();
  if (text.empty() || read_char(text, 0).bytes != text.size()) refuse("one character");
  return read_char(text, 0).code;
}

const boost::json::object& Entry::object() const {
  if (!value_->is_object()) refuse("an object");
  return value_->get_object();
}

const boost::json::array& Entry::array() const {
  if (!value_->is_array()) refuse("an array");
  return value_->get_array();
}

bool Entry::boolean_or(std::string_view key, bool absent) const {
  const auto entry = find(key);
  return entry ? entry->boolean() : absent;
}

std::string Entry::string_or(std::string_view key, std::string_view absent) const {
  const auto entry = find(key);
  return std::string(entry ? entry->string() : absent);
}

void Entry::refuse(std::string_view expected) const {
  throw Error{Code::bad_file, fmt::format("{} is {}, expected {}", place_, shown(*value_), expected)};
}

void Entry::inconsistent(std::string_view what) const { throw Error{Code::bad_file, fmt::format("{}: {}", place_, what)}; }

void Entry::unsupported(std::string_view what) const {
  throw Error{Code::unsupported, fmt::format("{} is {}: {}", place_, shown(*value_), what)};
}

}  // namespace yoke::model::text
