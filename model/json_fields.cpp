#include "model/json_fields.h"

#include <fmt/format.h>

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <cmath>
#include <set>
#include <vector>

#include "model/bad_file.h"

namespace yoke::model {
namespace {

namespace json = boost::json;

// config.json of transformers nests four deep.
constexpr size_t kMostDepth = 16;

// A value takes some 40 bytes while it is parsed and may stand in two of the text. A safetensors header of 16 MiB that
// describes tensors has a million.
constexpr size_t kMostValues = 1 << 20;

// Before anything is built from the text. Boost.JSON keeps the last of two equal keys; a reader of hostile files must
// not guess which was meant.
struct TextChecker {
  constexpr static std::size_t max_object_size = std::size_t(-1);
  constexpr static std::size_t max_array_size = std::size_t(-1);
  constexpr static std::size_t max_key_size = 64 << 10;
  constexpr static std::size_t max_string_size = std::size_t(-1);

  std::vector<std::set<std::string, std::less<>>> open_objects;
  std::string key;
  size_t values = 0;

  bool count(boost::system::error_code& error) {
    if (++values <= kMostValues) return true;
    error = make_error_code(boost::system::errc::value_too_large);
    return false;
  }

  bool on_key_part(std::string_view part, std::size_t, boost::system::error_code&) {
    key += part;
    return true;
  }
  bool on_key(std::string_view part, std::size_t, boost::system::error_code& error) {
    key += part;
    const bool added = open_objects.back().insert(key).second;
    if (!added)
      error = make_error_code(boost::system::errc::file_exists);
    else
      key.clear();
    return added;
  }
  bool on_object_begin(boost::system::error_code& error) { return open_objects.emplace_back(), count(error); }
  bool on_object_end(std::size_t, boost::system::error_code&) { return open_objects.pop_back(), true; }

  bool on_document_begin(boost::system::error_code&) { return true; }
  bool on_document_end(boost::system::error_code&) { return true; }
  bool on_array_begin(boost::system::error_code& error) { return count(error); }
  bool on_array_end(std::size_t, boost::system::error_code&) { return true; }
  bool on_string_part(std::string_view, std::size_t, boost::system::error_code&) { return true; }
  bool on_string(std::string_view, std::size_t, boost::system::error_code& error) { return count(error); }
  bool on_number_part(std::string_view, boost::system::error_code&) { return true; }
  bool on_int64(std::int64_t, std::string_view, boost::system::error_code& error) { return count(error); }
  bool on_uint64(std::uint64_t, std::string_view, boost::system::error_code& error) { return count(error); }
  bool on_double(double, std::string_view, boost::system::error_code& error) { return count(error); }
  bool on_bool(bool, boost::system::error_code& error) { return count(error); }
  bool on_null(boost::system::error_code& error) { return count(error); }
  bool on_comment_part(std::string_view, boost::system::error_code&) { return true; }
  bool on_comment(std::string_view, boost::system::error_code&) { return true; }
};

void check_syntax(std::string_view text, const json::parse_options& options, const std::filesystem::path& file,
                  uint64_t offset) {
  json::basic_parser<TextChecker> parser(options);
  boost::system::error_code error;
  const size_t parsed = parser.write_some(false, text.data(), text.size(), error);
  if (!error && parsed == text.size()) return;
  const std::string& repeated = parser.handler().key;
  const bool twice = error == boost::system::errc::file_exists;
  const bool many = error == boost::system::errc::value_too_large;
  refuse({.file = file,
          .offset = offset + parsed,
          .found = twice    ? fmt::format("the key {} for the second time", printable(repeated))
                   : many   ? fmt::format("more than {} values", kMostValues)
                   : !error ? "more text behind the object"
                            : fmt::format("no JSON ({})", error.message()),
          .expected = twice  ? "each key once"
                      : many ? fmt::format("at most {}", kMostValues)
                             : "one object in JSON"});
}

}  // namespace

json::object parse_json_object(std::string_view text, const std::filesystem::path& file, uint64_t offset) {
  json::parse_options options;
  options.max_depth = kMostDepth;
  check_syntax(text, options, file, offset);
  boost::system::error_code error;
  json::value value = json::parse(text, error, {}, options);
  if (error || !value.is_object()) {
    refuse({.file = file,
            .offset = offset,
            .found = error ? fmt::format("no JSON ({})", error.message()) : printable(json::serialize(value)),
            .expected = "one object in JSON"});
  }
  return std::move(value.get_object());
}

std::optional<int64_t> json_integer(const json::value& value) {
  if (const int64_t* number = value.if_int64()) return *number;
  return std::nullopt;  // Boost.JSON holds as uint64 only what int64 cannot
}

const json::value* JsonFields::find(std::string_view key) const {
  const json::value* value = object_->if_contains(key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

bool JsonFields::is_null(std::string_view key) const {
  const json::value* value = object_->if_contains(key);
  return value != nullptr && value->is_null();
}

std::optional<int64_t> JsonFields::integer(std::string_view key, IntegerLimits limits) const {
  const json::value* value = find(key);
  if (value == nullptr) return std::nullopt;
  const std::optional<int64_t> number = json_integer(*value);
  if (!number || *number < limits.least || *number > limits.most) {
    refuse_field(key, fmt::format("an integer from {} to {}", limits.least, limits.most));
  }
  return number;
}

std::optional<double> JsonFields::positive(std::string_view key) const {
  const json::value* value = find(key);
  if (value == nullptr) return std::nullopt;
  boost::system::error_code error;
  const double number = value->is_number() ? value->to_number<double>(error) : 0.0;
  if (error || !(number > 0) || !std::isfinite(number)) refuse_field(key, "a number above 0");
  return number;
}

std::optional<bool> JsonFields::boolean(std::string_view key) const {
  const json::value* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_bool()) refuse_field(key, "true or false");
  return value->get_bool();
}

std::optional<std::string> JsonFields::string(std::string_view key) const {
  const json::value* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) refuse_field(key, "a string");
  return std::string(value->get_string());
}

const json::array* JsonFields::array(std::string_view key) const {
  const json::value* value = find(key);
  if (value != nullptr && !value->is_array()) refuse_field(key, "an array");
  return value == nullptr ? nullptr : &value->get_array();
}

std::vector<int64_t> JsonFields::integers(std::string_view key, IntegerLimits limits) const {
  std::vector<int64_t> numbers;
  const json::array* values = array(key);
  for (size_t i = 0; values != nullptr && i < values->size(); ++i) {
    const std::optional<int64_t> number = json_integer((*values)[i]);
    if (!number || *number < limits.least || *number > limits.most)
      refuse_field(key, fmt::format("an array of integers from {} to {}", limits.least, limits.most));
    numbers.push_back(*number);
  }
  return numbers;
}

std::vector<std::string> JsonFields::strings(std::string_view key) const {
  std::vector<std::string> texts;
  const json::array* values = array(key);
  for (size_t i = 0; values != nullptr && i < values->size(); ++i) {
    if (!(*values)[i].is_string()) refuse_field(key, "an array of strings");
    texts.emplace_back((*values)[i].get_string());
  }
  return texts;
}

std::optional<JsonFields> JsonFields::object(std::string_view key) const {
  const json::value* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_object()) refuse_field(key, "an object");
  return JsonFields(value->get_object(), file_, offset_, fmt::format("{}{}.", where_, key));
}

int64_t JsonFields::required_integer(std::string_view key, IntegerLimits limits) const {
  return demanded(integer(key, limits), key, fmt::format("an integer from {} to {}", limits.least, limits.most));
}
double JsonFields::required_positive(std::string_view key) const {
  return demanded(positive(key), key, "a number above 0");
}
std::string JsonFields::required_string(std::string_view key) const {
  return demanded(string(key), key, "a string");
}
const json::array& JsonFields::required_array(std::string_view key) const {
  const json::array* value = array(key);
  if (value == nullptr) refuse_field(key, "an array");
  return *value;
}

void JsonFields::refuse_field(std::string_view key, std::string_view expected) const {
  const json::value* value = object_->if_contains(key);
  // A large value is not printed whole: only so much is rendered as a message can show.
  std::string found = "nothing";
  if (value != nullptr) {
    if (value->is_structured())
      found = value->is_object() ? "an object" : fmt::format("an array of {}", value->get_array().size());
    else if (value->is_string())
      found = printable(std::string_view(value->get_string()));
    else
      found = json::serialize(*value);
  }
  refuse({.file = file_,
          .offset = offset_,
          .found = fmt::format("{}{} = {}", where_, key, found),
          .expected = std::string(expected)});
}

}  // namespace yoke::model
