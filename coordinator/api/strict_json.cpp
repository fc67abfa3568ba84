#include "coordinator/api/strict_json.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <boost/json/basic_parser_impl.hpp>

#include <set>
#include <string>
#include <vector>

#include "core/error.h"

namespace yoke::coordinator::api {
namespace {

namespace json = boost::json;
using boost::system::error_code;

// Chat messages need 5 levels; the rest is room for schemas. Bounds the recursion of everything that walks the value.
constexpr size_t kMaxDepth = 32;

// Walks the text once, before it becomes a value: Boost.JSON keeps the last of two equal keys silently, and does not say
// which field a syntax error belongs to.
struct Walker {
  static constexpr size_t max_object_size = static_cast<size_t>(-1);
  static constexpr size_t max_array_size = static_cast<size_t>(-1);
  static constexpr size_t max_key_size = static_cast<size_t>(-1);
  static constexpr size_t max_string_size = static_cast<size_t>(-1);

  struct Level {
    bool is_array = false;
    size_t index = 0;  // of the element being read
    std::string key;   // of the member being read
    std::set<std::string> keys;
  };
  std::vector<Level> levels;
  std::string partial_key;
  bool duplicate = false;

  std::string path() const {
    std::string out;
    for (const Level& level : levels) {
      if (level.is_array) {
        out += fmt::format("[{}]", level.index);
      } else if (!level.key.empty()) {
        out += (out.empty() ? "" : ".") + level.key;
      }
    }
    return out.empty() ? "body" : out;
  }

  bool value_done() {
    if (!levels.empty() && levels.back().is_array) ++levels.back().index;
    return true;
  }
  bool open(bool is_array) {
    levels.push_back({.is_array = is_array});
    return true;
  }
  bool close() {
    levels.pop_back();
    return value_done();
  }

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_array_begin(error_code&) { return open(true); }
  bool on_array_end(size_t, error_code&) { return close(); }
  bool on_object_begin(error_code&) { return open(false); }
  bool on_object_end(size_t, error_code&) { return close(); }
  bool on_string_part(json::string_view, size_t, error_code&) { return true; }
  bool on_string(json::string_view, size_t, error_code&) { return value_done(); }
  bool on_key_part(json::string_view part, size_t, error_code&) {
    partial_key += std::string_view(part);
    return true;
  }
  bool on_key(json::string_view part, size_t, error_code& ec) {
    Level& level = levels.back();
    level.key = partial_key + std::string(part);
    partial_key.clear();
    duplicate = !level.keys.insert(level.key).second;
    if (duplicate) ec = json::error::syntax;
    return !duplicate;
  }
  bool on_number_part(json::string_view, error_code&) { return true; }
  bool on_int64(int64_t, json::string_view, error_code&) { return value_done(); }
  bool on_uint64(uint64_t, json::string_view, error_code&) { return value_done(); }
  bool on_double(double, json::string_view, error_code&) { return value_done(); }
  bool on_bool(bool, error_code&) { return value_done(); }
  bool on_null(error_code&) { return value_done(); }
  bool on_comment_part(json::string_view, error_code&) { return true; }
  bool on_comment(json::string_view, error_code&) { return true; }
};

// A path holds the client's own keys; a message and a param should not grow with them.
std::string shortened(std::string path) {
  constexpr size_t kLongest = 200;
  if (path.size() <= kLongest) return path;
  size_t cut = kLongest;
  while (cut > 0 && (static_cast<unsigned char>(path[cut]) & 0xc0) == 0x80) --cut;  // not inside a character
  return path.substr(0, cut) + "...";
}

void check(std::string_view text) {
  json::parse_options options;
  options.max_depth = kMaxDepth;
  json::basic_parser<Walker> parser(options);
  error_code ec;
  const size_t used = parser.write_some(false, text.data(), text.size(), ec);
  if (!ec) return;
  const std::string path = shortened(parser.handler().path());
  if (parser.handler().duplicate) {
    throw Error(Code::invalid_argument, fmt::format("the body names {} twice", path), path);
  }
  if (ec == json::error::too_deep) {
    throw Error(Code::invalid_argument, fmt::format("the body is nested deeper than {} levels", kMaxDepth), path);
  }
  throw Error(Code::invalid_argument, fmt::format("the body is not JSON: {} at byte {}", ec.message(), used), path);
}

}  // namespace

json::object parse_body(std::string_view text) {
  if (text.empty()) throw Error(Code::invalid_argument, "the body is empty; a JSON object is expected", "body");
  check(text);
  json::parse_options options;
  options.max_depth = kMaxDepth;
  error_code ec;
  json::value value = json::parse(text, ec, {}, options);
  if (ec) throw Error(Code::invalid_argument, "the body is not JSON: " + ec.message(), "body");
  if (!value.is_object()) {
    throw Error(Code::invalid_argument, fmt::format("the body must be a JSON object, not {}", kind_name(value)), "body");
  }
  return std::move(value.get_object());
}

std::string_view kind_name(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null: return "null";
    case json::kind::bool_: return "a boolean";
    case json::kind::int64:
    case json::kind::uint64:
    case json::kind::double_: return "a number";
    case json::kind::string: return "a string";
    case json::kind::array: return "an array";
    case json::kind::object: return "an object";
  }
  return "something else";
}

}  // namespace yoke::coordinator::api
