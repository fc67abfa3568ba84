#include "model/text/jinja/methods.h"

#include <algorithm>

#include "model/text/jinja/arguments.h"
#include "model/text/jinja/budget.h"
#include "model/text/jinja/functions.h"
#include "model/text/jinja/operations.h"

namespace yoke::model::text::jinja {
namespace {

using Type = Method::Type;

Value call_items(Context& context, const Value& self, const Arguments&) { return items_of(context, *self.dict(), List::Form::list); }

Value call_keys(Context& context, const Value& self, const Arguments&) {
  context.budget.spend(self.dict()->entries.size());
  std::vector<Value> keys;
  for (const auto& [key, value] : self.dict()->entries) keys.push_back(key);
  return make_list(std::move(keys));
}

Value call_values(Context& context, const Value& self, const Arguments&) {
  context.budget.spend(self.dict()->entries.size());
  std::vector<Value> values;
  for (const auto& [key, value] : self.dict()->entries) values.push_back(value);
  return make_list(std::move(values));
}

Value call_get(Context& context, const Value& self, const Arguments& arguments) {
  const Reader reader("get", arguments);
  context.budget.spend(self.dict()->index.empty() ? self.dict()->entries.size() / 4 : 1);
  const Value& key = reader.value(0, "key");
  if (key.is_undefined()) fail("{}", key.why_undefined());
  const Value* entry = self.dict()->find(key);
  if (entry) return *entry;
  const Value* otherwise = reader.find(1, "default");
  return otherwise ? *otherwise : Value(None{});
}

Value call_copy(Context&, const Value& self, const Arguments&) { return self; }

// Templates run on values that they must not change, as in transformers' sandbox.
Value call_forbidden(Context&, const Value& self, const Arguments&) {
  fail("a template may not change a {}: append, pop and their kin are refused", self.type_name());
}

Value call_index(Context& context, const Value& self, const Arguments& arguments) {
  const Value& wanted = Reader("index", arguments).value(0, "value");
  const std::vector<Value>& items = self.list()->items;
  for (size_t i = 0; i < items.size(); ++i) {
    if (equal(context, items[i], wanted)) return static_cast<int64_t>(i);
  }
  fail("index(): the value is not in the {}", self.type_name());
}

Value call_count(Context& context, const Value& self, const Arguments& arguments) {
  const Value& wanted = Reader("count", arguments).value(0, "value");
  int64_t count = 0;
  for (const Value& item : self.list()->items) count += equal(context, item, wanted);
  return count;
}

Value call_cycle(Context&, const Value& self, const Arguments& arguments) {
  if (arguments.positional.empty()) fail("loop.cycle() needs values");
  return arguments.positional[self.loop()->at % arguments.positional.size()];
}

Value call_changed(Context& context, const Value& self, const Arguments& arguments) {
  std::optional<std::vector<Value>>& seen = self.loop()->seen;
  for (const Value& value : arguments.positional) {
    // A loop that holds itself would never be freed.
    if (value.depth() > 0) fail("loop.changed() compares strings, numbers and none, not a {}", value.type_name());
  }
  bool same = seen && seen->size() == arguments.positional.size();
  for (size_t i = 0; same && i < seen->size(); ++i) same = equal(context, (*seen)[i], arguments.positional[i]);
  if (!same) seen = arguments.positional;
  return !same;
}

constexpr Method kMethods[] = {
    {Type::dict, "items", call_items},
    {Type::dict, "keys", call_keys},
    {Type::dict, "values", call_values},
    {Type::dict, "get", call_get},
    {Type::dict, "copy", call_copy},
    {Type::dict, "pop", call_forbidden},
    {Type::dict, "popitem", call_forbidden},
    {Type::dict, "update", call_forbidden},
    {Type::dict, "clear", call_forbidden},
    {Type::dict, "setdefault", call_forbidden},
    {Type::sequence, "index", call_index},
    {Type::sequence, "count", call_count},
    {Type::list, "copy", call_copy},
    {Type::list, "append", call_forbidden},
    {Type::list, "extend", call_forbidden},
    {Type::list, "insert", call_forbidden},
    {Type::list, "pop", call_forbidden},
    {Type::list, "remove", call_forbidden},
    {Type::list, "clear", call_forbidden},
    {Type::list, "reverse", call_forbidden},
    {Type::list, "sort", call_forbidden},
    {Type::loop, "cycle", call_cycle},
    {Type::loop, "changed", call_changed},
};

bool is_of(const Value& value, Type type) {
  switch (type) {
    case Type::string: return value.text();
    case Type::list: return value.list() && value.list()->form == List::Form::list;
    case Type::sequence: return value.list() && value.list()->form != List::Form::generator;
    case Type::dict: return value.dict();
    case Type::loop: return value.loop();
  }
  return false;
}

struct BoundMethod : Callable {
  BoundMethod(const Method& method, const Value& self) : method(method), self(self) {}
  Value call(Context& context, const Arguments& arguments) const override { return method.call(context, self, arguments); }
  int depth() const override { return self.depth() + 1; }

  const Method& method;
  const Value self;
};

}  // namespace

Value bind_method(const Value& value, std::string_view name) {
  const std::span<const Method> rows = value.text() ? string_methods() : std::span<const Method>(kMethods);
  for (const Method& method : rows) {
    if (method.name == name && is_of(value, method.type)) {
      return CallablePtr(std::make_shared<const BoundMethod>(method, value));
    }
  }
  return {};
}

bool is_method(std::string_view name) {
  const auto has_name = [&](const Method& method) { return method.name == name; };
  return std::any_of(std::begin(kMethods), std::end(kMethods), has_name) || std::ranges::any_of(string_methods(), has_name);
}

}  // namespace yoke::model::text::jinja
