// A JSON object of a file that nobody vouches for, read field by field: each getter knows type and range, and says file
// and field when they are wrong. Keys given twice are refused when parsing. One thread.
#pragma once

#include <boost/json/value.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace yoke::model {

// Parses `text`, which lies at `offset` of `file`. Error{bad_file} with the byte where it stops being an object in
// JSON, for a key given twice in one object, for nesting deeper than 16 and for more than 2^20 values.
boost::json::object parse_json_object(std::string_view text, const std::filesystem::path& file, uint64_t offset);

struct IntegerLimits {
  int64_t least = 0;
  int64_t most = INT64_MAX;
};

class JsonFields {
 public:
  // `where` stands before the field's name in messages: "rope_scaling." or "tensor 'x': ". `object` must outlive this.
  JsonFields(const boost::json::object& object, std::filesystem::path file, uint64_t offset, std::string where = {})
      : object_(&object), file_(std::move(file)), offset_(offset), where_(std::move(where)) {}

  // Absent and null are the same: nothing.
  const boost::json::value* find(std::string_view key) const;
  bool is_null(std::string_view key) const;  // there, and null: where transformers' default for an absent key is another
  std::optional<int64_t> integer(std::string_view key, IntegerLimits limits) const;
  std::optional<double> positive(std::string_view key) const;  // a finite number above 0
  std::optional<bool> boolean(std::string_view key) const;
  std::optional<std::string> string(std::string_view key) const;
  const boost::json::array* array(std::string_view key) const;  // null where absent
  std::vector<int64_t> integers(std::string_view key, IntegerLimits limits) const;  // empty where absent
  std::vector<std::string> strings(std::string_view key) const;                     // empty where absent
  std::optional<JsonFields> object(std::string_view key) const;

  // The same, refused where absent.
  int64_t required_integer(std::string_view key, IntegerLimits limits) const;
  double required_positive(std::string_view key) const;
  std::string required_string(std::string_view key) const;
  const boost::json::array& required_array(std::string_view key) const;

  const boost::json::object& raw() const { return *object_; }
  const std::filesystem::path& file() const { return file_; }
  uint64_t offset() const { return offset_; }

  // Error{bad_file}: "... found FIELD = VALUE, expected EXPECTED".
  [[noreturn]] void refuse_field(std::string_view key, std::string_view expected) const;

 private:
  template <typename T>
  T demanded(std::optional<T> value, std::string_view key, std::string_view expected) const {
    if (!value) refuse_field(key, expected);
    return *std::move(value);
  }

  const boost::json::object* object_;
  std::filesystem::path file_;
  uint64_t offset_;
  std::string where_;
};

// A JSON integer within int64; nothing for another kind of value. 3.0 and 1e3 are not integers.
std::optional<int64_t> json_integer(const boost::json::value& value);

}  // namespace yoke::model
