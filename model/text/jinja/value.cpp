#include "model/text/jinja/value.h"

#include <algorithm>

#include "model/text/jinja/budget.h"

namespace yoke::model::text::jinja {
namespace {

constexpr size_t kIndexedFrom = 16;  // entries; fewer are looked through
constexpr size_t kMostOtherKeys = 256;  // they are looked through always

void check_depth(int depth) {
  if (depth > kMaxValueDepth) fail("values are nested more than {} deep", kMaxValueDepth);
}

bool same_scalar(const Value& a, const Value& b) {
  if (a.is_none() || b.is_none()) return a.is_none() && b.is_none();
  return a.number() && b.number() && *a.number() == *b.number();
}

struct TypeName {
  std::string_view operator()(const Undefined&) const { return "undefined"; }
  std::string_view operator()(None) const { return "NoneType"; }
  std::string_view operator()(bool) const { return "bool"; }
  std::string_view operator()(int64_t) const { return "int"; }
  std::string_view operator()(double) const { return "float"; }
  std::string_view operator()(const TextPtr&) const { return "str"; }
  std::string_view operator()(const ListPtr& list) const {
    switch (list->form) {
      case List::Form::list: return "list";
      case List::Form::tuple: return "tuple";
      case List::Form::generator: return "generator";
    }
    return "list";
  }
  std::string_view operator()(const DictPtr&) const { return "dict"; }
  std::string_view operator()(Namespace*) const { return "namespace"; }
  std::string_view operator()(const LoopPtr&) const { return "loop"; }
  std::string_view operator()(const CallablePtr&) const { return "function"; }
};

}  // namespace

Value Value::undefined(std::string why) {
  Value value;
  value.data_ = Undefined{std::make_shared<const std::string>(std::move(why))};
  return value;
}

std::string_view Value::why_undefined() const {
  const Undefined* undefined = std::get_if<Undefined>(&data_);
  return undefined && undefined->why ? std::string_view(*undefined->why) : "the value is undefined";
}

std::string_view Value::type_name() const { return std::visit(TypeName{}, data_); }

int Value::depth() const {
  if (const List* values = list()) return values->depth;
  if (const Dict* values = dict()) return values->depth;
  if (const Loop* values = loop()) return values->items->depth + 1;
  if (const Callable* function = callable()) return function->depth();
  return 0;  // a namespace too: its fields belong to the rendering
}

std::optional<double> Value::number() const {
  if (const double* value = real()) return *value;
  if (const int64_t* value = integer()) return static_cast<double>(*value);
  if (const bool* value = boolean()) return *value ? 1.0 : 0.0;
  return std::nullopt;
}

ListPtr make_list(std::vector<Value> items, List::Form form) {
  int depth = 0;
  for (const Value& item : items) depth = std::max(depth, item.depth());
  check_depth(depth + 1);
  return std::make_shared<const List>(List{form, std::move(items), depth + 1});
}

const Value* Dict::find(std::string_view key) const {
  if (!index.empty()) {
    const auto found = index.find(key);
    return found == index.end() ? nullptr : &entries[found->second].second;
  }
  for (const auto& [name, value] : entries) {
    if (name.text() && name.text()->bytes() == key) return &value;
  }
  return nullptr;
}

const Value* Dict::find(const Value& key) const {
  if (key.text()) return find(key.text()->bytes());
  for (const auto& [name, value] : entries) {
    if (same_scalar(name, key)) return &value;
  }
  return nullptr;
}

DictPtr make_dict(std::vector<std::pair<Value, Value>> entries) {
  Dict dict;
  int depth = 0;
  std::map<std::string_view, size_t> index;
  std::vector<size_t> others;  // places of keys that are no strings
  for (auto& [key, value] : entries) {
    depth = std::max(depth, value.depth());
    const size_t next = dict.entries.size();
    size_t at = next;
    if (const Text* text = key.text()) {
      at = index.emplace(text->bytes(), next).first->second;
    } else {
      if (!key.is_none() && !key.number()) fail("a dict's key cannot be a {} here", key.type_name());
      if (others.size() >= kMostOtherKeys) fail("a dict may have {} keys that are no strings", kMostOtherKeys);
      for (const size_t place : others) at = same_scalar(dict.entries[place].first, key) ? place : at;
      if (at == next) others.push_back(next);
    }
    if (at == next) dict.entries.emplace_back(std::move(key), std::move(value));
    else dict.entries[at].second = std::move(value);
  }
  check_depth(depth + 1);
  dict.depth = depth + 1;
  if (index.size() >= kIndexedFrom) dict.index = std::move(index);
  return std::make_shared<const Dict>(std::move(dict));
}

const Value* Arguments::find(size_t place, std::string_view name) const {
  if (place < positional.size()) return &positional[place];
  for (const auto& [given, value] : named) {
    if (given == name) return &value;
  }
  return nullptr;
}

}  // namespace yoke::model::text::jinja
