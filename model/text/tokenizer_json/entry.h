// An entry of a tokenizer.json, with its place for messages: each getter knows what it expects and refuses anything else by
// "FILE: PLACE is FOUND, expected EXPECTED" (Error{bad_file}). A view: the parsed file must outlive it. Any thread.
#pragma once

#include <boost/json/value.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace yoke::model::text {

class Entry {
 public:
  // The place of a whole file is its name and a colon; entries follow: "/models/m/tokenizer.json: model.vocab".
  Entry(const boost::json::value& value, std::string place) : value_(&value), place_(std::move(place)) {}

  Entry at(std::string_view key) const;                   // refused where absent
  std::optional<Entry> find(std::string_view key) const;  // nothing where absent or null
  size_t size() const;                                    // of an array
  Entry item(size_t index) const;                         // of an array, in its range

  std::string_view string() const;
  bool boolean() const;
  int64_t integer(int64_t least, int64_t most) const;
  char32_t character() const;  // a string of one character
  const boost::json::object& object() const;
  const boost::json::array& array() const;

  bool boolean_or(std::string_view key, bool absent) const;
  std::string string_or(std::string_view key, std::string_view absent) const;

  const boost::json::value& raw() const { return *value_; }
  const std::string& place() const { return place_; }

  [[noreturn]] void refuse(std::string_view expected) const;
  [[noreturn]] void inconsistent(std::string_view what) const;  // Error{bad_file}: "PLACE: WHAT"
  [[noreturn]] void unsupported(std::string_view what) const;   // Error{unsupported}

 private:
  std::string place_of(std::string_view key) const;

  const boost::json::value* value_;
  std::string place_;
};

// A kind of component, by the name in its "type".
template <typename Made, typename... With>
struct Kind {
  std::string_view type;
  Made (*make)(const Entry& entry, With... with);
};

// The row that an entry's "type" names. Error{unsupported} with the names there are for an unknown one.
template <typename Made, typename... With>
Made make_by_type(const Entry& entry, std::type_identity_t<std::span<const Kind<Made, With...>>> kinds, With... with) {
  const std::string_view type = entry.at("type").string();
  std::string known;
  for (const auto& kind : kinds) {
    if (kind.type == type) return kind.make(entry, with...);
    known.append(known.empty() ? "" : ", ").append(kind.type);
  }
  entry.at("type").unsupported("not known to this build; it knows " + known);
}

}  // namespace yoke::model::text
