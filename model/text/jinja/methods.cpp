#include "model/text/jinja/methods.h"

#include <algorithm>

#include "model/text/jinja/arguments.h"
#include "model/text/jinja/budget.h"
#include "model/text/jinja/characters.h"
#include "model/text/jinja/functions.h"
#include "model/text/jinja/printing.h"
#include "model/text/jinja/strings.h"

namespace yoke::model::text::jinja {
namespace {

enum class Type { string, list, dict, loop };

struct Method {
  Type type;
  std::string_view name;
  Value (*call)(Context& context, const Value& self, const Arguments& arguments);
};

template <Side side>
Value call_strip(Context& context, const Value& self, const Arguments& arguments) {
  return strip(context, *self.text(), side, Reader("strip", arguments).text_or_null(0, "chars"));
}

Value call_split(Context& context, const Value& self, const Arguments& arguments) {
  const Reader reader("split", arguments);
  return make_list(split(context, *self.text(), reader.text_or_null(0, "sep"), reader.integer_or(1, "maxsplit", -1)));
}

Value call_rsplit(Context& context, const Value& self, const Arguments& arguments) {
  const Reader reader("rsplit", arguments);
  return make_list(split_from_right(context, *self.text(), reader.text_or_null(0, "sep"), reader.integer_or(1, "maxsplit", -1)));
}

Value call_replace(Context& context, const Value& self, const Arguments& arguments) {
  const Reader reader("replace", arguments);
  return replace(context, *self.text(), reader.text(0, "old"), reader.text(1, "new"), reader.integer_or(2, "count", -1));
}

// startswith and endswith take a string or a tuple of strings.
template <typename Test>
Value test_affix(std::string_view method, const Value& self, const Arguments& arguments, Test test) {
  const Reader reader(method, arguments);
  const Value& affix = reader.value(0, "prefix");
  const List* many = affix.list();
  if (!many || many->form != List::Form::tuple) return test(self.text()->bytes(), reader.text(0, "prefix").bytes());
  for (const Value& one : many->items) {
    if (!one.text()) fail("{}() needs strings in its tuple, not {}", method, one.type_name());
    if (test(self.text()->bytes(), one.text()->bytes())) return true;
  }
  return false;
}

Value call_startswith(Context&, const Value& self, const Arguments& arguments) {
  return test_affix("startswith", self, arguments, [](auto text, auto affix) { return text.starts_with(affix); });
}

Value call_endswith(Context&, const Value& self, const Arguments& arguments) {
  return test_affix("endswith", self, arguments, [](auto text, auto affix) { return text.ends_with(affix); });
}

Value call_removeprefix(Context&, const Value& self, const Arguments& arguments) {
  const Text &text = *self.text(), &prefix = Reader("removeprefix", arguments).text(0, "prefix");
  return text.bytes().starts_with(prefix.bytes()) ? Value(text.slice(prefix.size(), text.size())) : self;
}

Value call_removesuffix(Context&, const Value& self, const Arguments& arguments) {
  const Text &text = *self.text(), &suffix = Reader("removesuffix", arguments).text(0, "suffix");
  return text.bytes().ends_with(suffix.bytes()) ? Value(text.slice(0, text.size() - suffix.size())) : self;
}

Value call_find(Context& context, const Value& self, const Arguments& arguments) {
  const std::string_view text = self.text()->bytes();
  context.budget.spend_bytes(text.size());
  const size_t at = find_part(text, Reader("find", arguments).text(0, "sub").bytes());
  return at == text.npos ? int64_t{-1} : static_cast<int64_t>(count_characters(text.substr(0, at)));
}

Value call_count(Context& context, const Value& self, const Arguments& arguments) {
  const Text& part = Reader("count", arguments).text(0, "sub");
  if (part.empty()) return static_cast<int64_t>(count_characters(self.text()->bytes())) + 1;
  return static_cast<int64_t>(split(context, *self.text(), &part, -1).size()) - 1;
}

template <std::string (*change)(std::string_view)>
Value call_change(Context& context, const Value& self, const Arguments&) {
  context.budget.spend_bytes(self.text()->size());
  return derived(*self.text(), change(self.text()->bytes()));
}

Value call_join(Context& context, const Value& self, const Arguments& arguments) {
  const Value& list = Reader("join", arguments).value(0, "iterable");
  std::vector<TextPtr> parts;
  if (!list.list()) fail("join() needs a list, not {}", list.type_name());
  for (const Value& item : list.list()->items) {
    if (!item.text()) fail("join() needs strings, not {}", item.type_name());
    parts.push_back(item.share_text());
  }
  return join(context, *self.text(), parts);
}

Value call_splitlines(Context& context, const Value& self, const Arguments&) {
  return make_list(split_lines(context, *self.text()));
}

// Only "{}" and "{{", "}}": no numbers, names or format specifications.
Value call_format(Context& context, const Value& self, const Arguments& arguments) {
  const Text& format = *self.text();
  const std::string_view bytes = format.bytes();
  context.budget.spend(bytes.size());
  Text out;
  size_t used = 0;
  for (size_t at = 0; at < bytes.size(); ++at) {
    const std::string_view two = bytes.substr(at, 2);
    if (two == "{}") {
      const TextPtr part = to_text(context, Reader("format", arguments).value(used++, ""));
      context.budget.spend(1);
      context.budget.spend_bytes(part->size());
      context.budget.check_length(out.size() + part->size());
      out.append(*part);
      ++at;
    } else if (two == "{{" || two == "}}") {
      out.append(format, at, at + 1);
      ++at;
    } else if (bytes[at] == '{' || bytes[at] == '}') {
      fail("format() knows only {{}} as a place, without a name or a specification");
    } else {
      out.append(format, at, at + 1);
    }
  }
  return out;
}

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

Value call_cycle(Context&, const Value& self, const Arguments& arguments) {
  if (arguments.positional.empty()) fail("loop.cycle() needs values");
  return arguments.positional[self.loop()->at % arguments.positional.size()];
}

constexpr Method kMethods[] = {
    {Type::string, "strip", call_strip<Side::both>},
    {Type::string, "lstrip", call_strip<Side::left>},
    {Type::string, "rstrip", call_strip<Side::right>},
    {Type::string, "split", call_split},
    {Type::string, "rsplit", call_rsplit},
    {Type::string, "splitlines", call_splitlines},
    {Type::string, "replace", call_replace},
    {Type::string, "startswith", call_startswith},
    {Type::string, "endswith", call_endswith},
    {Type::string, "removeprefix", call_removeprefix},
    {Type::string, "removesuffix", call_removesuffix},
    {Type::string, "find", call_find},
    {Type::string, "count", call_count},
    {Type::string, "upper", call_change<to_upper>},
    {Type::string, "lower", call_change<to_lower>},
    {Type::string, "capitalize", call_change<capitalized>},
    {Type::string, "title", call_change<titled>},
    {Type::string, "join", call_join},
    {Type::string, "format", call_format},
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
};

bool is_of(const Value& value, Type type) {
  switch (type) {
    case Type::string: return value.text();
    case Type::list: return value.list() && value.list()->form == List::Form::list;
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
  for (const Method& method : kMethods) {
    if (method.name == name && is_of(value, method.type)) {
      return CallablePtr(std::make_shared<const BoundMethod>(method, value));
    }
  }
  return {};
}

bool is_method(std::string_view name) {
  return std::any_of(std::begin(kMethods), std::end(kMethods), [&](const Method& method) { return method.name == name; });
}

}  // namespace yoke::model::text::jinja
