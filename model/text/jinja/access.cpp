#include "model/text/jinja/access.h"

#include <algorithm>
#include <charconv>

#include "model/text/jinja/budget.h"
#include "model/text/jinja/characters.h"
#include "model/text/jinja/methods.h"

namespace yoke::model::text::jinja {
namespace {

Value missing_attribute(const Value& value, std::string_view name) {
  return Value::undefined(fmt::format("'{}' has no attribute '{}'", value.type_name(), name));
}

struct LoopAttribute {
  std::string_view name;
  Value (*read)(const Loop& loop);
};

Value neighbour(const Loop& loop, bool exists, size_t at) {
  if (!exists) return Value::undefined("there is no such item beside this one in the loop");
  return loop.items->items[at];
}

constexpr LoopAttribute kLoopAttributes[] = {
    {"index", [](const Loop& loop) { return Value(static_cast<int64_t>(loop.at) + 1); }},
    {"index0", [](const Loop& loop) { return Value(static_cast<int64_t>(loop.at)); }},
    {"revindex", [](const Loop& loop) { return Value(static_cast<int64_t>(loop.items->items.size() - loop.at)); }},
    {"revindex0", [](const Loop& loop) { return Value(static_cast<int64_t>(loop.items->items.size() - loop.at) - 1); }},
    {"first", [](const Loop& loop) { return Value(loop.at == 0); }},
    {"last", [](const Loop& loop) { return Value(loop.at + 1 == loop.items->items.size()); }},
    {"length", [](const Loop& loop) { return Value(static_cast<int64_t>(loop.items->items.size())); }},
    {"depth", [](const Loop& loop) { return Value(loop.nesting + 1); }},
    {"depth0", [](const Loop& loop) { return Value(loop.nesting); }},
    {"previtem", [](const Loop& loop) { return neighbour(loop, loop.at > 0, loop.at - 1); }},
    {"nextitem", [](const Loop& loop) { return neighbour(loop, loop.at + 1 < loop.items->items.size(), loop.at + 1); }},
};

Value element(const List& list, const Value& value, int64_t index) {
  const auto count = static_cast<int64_t>(list.items.size());
  const int64_t at = index < 0 ? index + count : index;
  if (list.form != List::Form::generator && at >= 0 && at < count) return list.items[static_cast<size_t>(at)];
  return Value::undefined(fmt::format("{} object has no element {}", value.type_name(), index));
}

Value character(Context& context, const Text& text, int64_t index) {
  context.budget.spend_bytes(text.size());
  const std::vector<size_t> bounds = character_bounds(text.bytes());
  const auto count = static_cast<int64_t>(bounds.size()) - 1;
  const int64_t at = index < 0 ? index + count : index;
  if (at < 0 || at >= count) return Value::undefined(fmt::format("str object has no element {}", index));
  return text.slice(bounds[static_cast<size_t>(at)], bounds[static_cast<size_t>(at) + 1]);
}

// The places that a slice of `count` elements visits, as Python resolves it.
std::vector<size_t> slice_places(const SliceBounds& bounds, int64_t count) {
  const int64_t step = bounds.step.value_or(1);
  if (step == 0) fail("a slice's step cannot be zero");
  const int64_t low = step > 0 ? 0 : -1, high = step > 0 ? count : count - 1;
  const auto resolve = [&](std::optional<int64_t> bound, int64_t otherwise) {
    if (!bound) return otherwise;
    return std::clamp(*bound < 0 ? *bound + count : *bound, low, high);
  };
  const int64_t begin = resolve(bounds.begin, step > 0 ? low : high), end = resolve(bounds.end, step > 0 ? high : low);
  std::vector<size_t> places;
  for (int64_t at = begin; step > 0 ? at < end : at > end;) {
    places.push_back(static_cast<size_t>(at));
    if (__builtin_add_overflow(at, step, &at)) break;
  }
  return places;
}

Value slice_text(Context& context, const Text& text, const SliceBounds& bounds) {
  context.budget.spend_bytes(text.size() * 2);
  const std::vector<size_t> at = character_bounds(text.bytes());
  const std::vector<size_t> places = slice_places(bounds, static_cast<int64_t>(at.size()) - 1);
  if (places.empty()) return Text();
  if (bounds.step.value_or(1) == 1) return text.slice(at[places.front()], at[places.back() + 1]);
  context.budget.spend(places.size());
  Text out;
  for (const size_t place : places) out.append(text, at[place], at[place + 1]);
  return out;
}

}  // namespace

bool is_loop_attribute(std::string_view name) {
  return std::any_of(std::begin(kLoopAttributes), std::end(kLoopAttributes),
                     [&](const LoopAttribute& attribute) { return attribute.name == name; });
}

Value attribute_of(Context& context, const Value& value, std::string_view name) {
  if (value.is_undefined()) fail("{}", value.why_undefined());
  if (const Value method = bind_method(value, name); !method.is_undefined()) return method;
  if (const Loop* loop = value.loop()) {
    for (const LoopAttribute& attribute : kLoopAttributes) {
      if (attribute.name == name) return attribute.read(*loop);
    }
  }
  if (const Namespace* space = value.space()) {
    const auto field = space->fields.find(name);
    if (field != space->fields.end()) return field->second;
  }
  if (const Dict* dict = value.dict()) {
    context.budget.spend(dict->index.empty() ? dict->entries.size() / 4 : 1);
    if (const Value* entry = dict->find(name)) return *entry;
  }
  return missing_attribute(value, name);
}

Value item_of(Context& context, const Value& value, const Value& key) {
  if (value.is_undefined()) fail("{}", value.why_undefined());
  if (key.is_undefined()) fail("{}", key.why_undefined());
  if (const Dict* dict = value.dict()) {
    context.budget.spend(dict->index.empty() ? dict->entries.size() / 4 : 1);
    if (const Value* entry = dict->find(key)) return *entry;
  }
  if (key.boolean() && (value.list() || value.text())) return item_of(context, value, Value(int64_t{*key.boolean()}));
  if (key.integer()) {
    if (const List* list = value.list()) return element(*list, value, *key.integer());
    if (const Text* text = value.text()) return character(context, *text, *key.integer());
    return Value::undefined(fmt::format("{} object has no element {}", value.type_name(), *key.integer()));
  }
  if (!key.text()) return Value::undefined(fmt::format("{} object has no such element", value.type_name()));
  return attribute_of(context, value, key.text()->bytes());
}

Value attribute_path(Context& context, const Value& value, const Value& path) {
  if (!path.text()) return item_of(context, value, path);
  Value at = value;
  std::string_view rest = path.text()->bytes();
  while (true) {
    const std::string_view part = rest.substr(0, rest.find('.'));
    int64_t number = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), number);
    const bool is_number = error == std::errc{} && end == part.data() + part.size() && !part.empty();
    at = item_of(context, at, is_number ? Value(number) : Value(Text(part, false)));
    if (part.size() == rest.size()) return at;
    rest.remove_prefix(part.size() + 1);
  }
}

Value slice_of(Context& context, const Value& value, const SliceBounds& bounds) {
  if (value.is_undefined()) fail("{}", value.why_undefined());
  if (const Text* text = value.text()) return slice_text(context, *text, bounds);
  const List* list = value.list();
  if (!list || list->form == List::Form::generator) {
    return Value::undefined(fmt::format("a value of type {} cannot be sliced", value.type_name()));
  }
  std::vector<Value> items;
  for (const size_t place : slice_places(bounds, static_cast<int64_t>(list->items.size()))) {
    context.budget.spend(1);
    items.push_back(list->items[place]);
  }
  return make_list(std::move(items), list->form);
}

ListPtr elements_of(Context& context, const Value& value) {
  if (value.list()) return value.share_list();
  std::vector<Value> items;
  if (const Dict* dict = value.dict()) {
    context.budget.spend(dict->entries.size());
    for (const auto& [key, entry] : dict->entries) items.push_back(key);
  } else if (const Text* text = value.text()) {
    const std::vector<size_t> bounds = character_bounds(text->bytes());
    context.budget.spend(bounds.size());
    for (size_t i = 0; i + 1 < bounds.size(); ++i) items.push_back(text->slice(bounds[i], bounds[i + 1]));
  } else if (!value.is_undefined()) {
    fail("a value of type {} cannot be gone through", value.type_name());
  }
  return make_list(std::move(items));
}

}  // namespace yoke::model::text::jinja
