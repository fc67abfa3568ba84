#include "model/text/jinja/json_values.h"

#include <boost/json.hpp>
#include <algorithm>
#include <limits>

#include "model/text/jinja/budget.h"

namespace yoke::model::text::jinja {
namespace {

Value from_number(uint64_t number) {
  if (number <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return static_cast<int64_t>(number);
  return static_cast<double>(number);
}

Value from_array(const boost::json::array& array, bool from_caller, int depth) {
  std::vector<Value> items;
  items.reserve(array.size());
  for (const auto& item : array) items.push_back(from_json(item, from_caller, depth + 1));
  return make_list(std::move(items));
}

Value from_object(const boost::json::object& object, bool from_caller, int depth) {
  std::vector<std::pair<Value, Value>> entries;
  entries.reserve(object.size());
  for (const auto& [key, value] : object) {
    entries.emplace_back(Text(key, from_caller), from_json(value, from_caller, depth + 1));
  }
  return make_dict(std::move(entries));
}

bool is_known_role(const boost::json::value& role) {
  static constexpr std::string_view kRoles[] = {"system", "developer", "user", "assistant", "tool", "function"};
  return role.is_string() && std::find(std::begin(kRoles), std::end(kRoles), role.get_string()) != std::end(kRoles);
}

Value from_message(const boost::json::object& message) {
  std::vector<std::pair<Value, Value>> entries;
  entries.reserve(message.size());
  for (const auto& [key, value] : message) {
    const bool from_caller = key != "role" || !is_known_role(value);
    entries.emplace_back(Text(key, true), from_json(value, from_caller, 2));
  }
  return make_dict(std::move(entries));
}

}  // namespace

Value from_messages(const boost::json::value& json) {
  const boost::json::array* messages = json.if_array();
  if (!messages) return from_json(json, true);
  std::vector<Value> items;
  items.reserve(messages->size());
  for (const auto& message : *messages) {
    const boost::json::object* fields = message.if_object();
    items.push_back(fields ? from_message(*fields) : from_json(message, true, 1));
  }
  return make_list(std::move(items));
}

Value from_json(const boost::json::value& json, bool from_caller, int depth) {
  if (depth >= kMaxValueDepth) fail("values are nested more than {} deep", kMaxValueDepth);
  switch (json.kind()) {
    case boost::json::kind::null: return None{};
    case boost::json::kind::bool_: return json.get_bool();
    case boost::json::kind::int64: return json.get_int64();
    case boost::json::kind::uint64: return from_number(json.get_uint64());
    case boost::json::kind::double_: return json.get_double();
    case boost::json::kind::string: return Text(json.get_string(), from_caller);
    case boost::json::kind::array: return from_array(json.get_array(), from_caller, depth);
    case boost::json::kind::object: return from_object(json.get_object(), from_caller, depth);
  }
  return None{};
}

}  // namespace yoke::model::text::jinja
