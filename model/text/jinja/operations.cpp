#include "model/text/jinja/operations.h"

#include <algorithm>
#include <optional>

#include "model/text/jinja/arithmetic.h"
#include "model/text/jinja/budget.h"
#include "model/text/jinja/characters.h"
#include "model/text/jinja/formatting.h"
#include "model/text/jinja/printing.h"

namespace yoke::model::text::jinja {
namespace {

// A bool is an integer, as in Python.
std::optional<int64_t> as_integer(const Value& value) {
  if (const int64_t* integer = value.integer()) return *integer;
  if (const bool* boolean = value.boolean()) return *boolean ? 1 : 0;
  return std::nullopt;
}

std::optional<double> as_real(const Value& value) {
  if (const double* real = value.real()) return *real;
  if (const auto integer = as_integer(value)) return static_cast<double>(*integer);
  return std::nullopt;
}

[[noreturn]] void mismatch(std::string_view op, const Value& a, const Value& b) {
  if (a.is_undefined()) fail("{}", a.why_undefined());
  if (b.is_undefined()) fail("{}", b.why_undefined());
  fail("'{}' does not take {} and {}", op, a.type_name(), b.type_name());
}

Value add_lists(Context& context, const List& a, const List& b) {
  context.budget.spend(a.items.size() + b.items.size());
  std::vector<Value> items = a.items;
  items.insert(items.end(), b.items.begin(), b.items.end());
  return make_list(std::move(items), a.form);
}

Value repeat(Context& context, const Value& value, int64_t times) {
  const auto count = static_cast<size_t>(std::max<int64_t>(times, 0));
  const size_t size = value.text() ? value.text()->size() : value.list()->items.size();
  size_t total = 0;
  if (__builtin_mul_overflow(size, count, &total)) fail("the repeated value would be too long");
  if (const List* list = value.list()) {
    context.budget.spend(total);
    std::vector<Value> items;
    for (size_t i = 0; size > 0 && i < count; ++i) items.insert(items.end(), list->items.begin(), list->items.end());
    return make_list(std::move(items), list->form);
  }
  context.budget.check_length(total);
  context.budget.spend_bytes(total);
  Text text;
  for (size_t i = 0; size > 0 && i < count; ++i) {
    context.budget.spend(1);
    text.append(*value.text());
  }
  return text;
}

bool repeats(const Value& value) { return value.text() || (value.list() && value.list()->form != List::Form::generator); }

bool equal_dicts(Context& context, const Dict& a, const Dict& b) {
  if (a.entries.size() != b.entries.size()) return false;
  for (const auto& [key, value] : a.entries) {
    const Value* other = b.find(key);
    if (!other || !equal(context, value, *other)) return false;
  }
  return true;
}

bool equal_lists(Context& context, const List& a, const List& b) {
  if (a.form != b.form || a.items.size() != b.items.size()) return false;
  for (size_t i = 0; i < a.items.size(); ++i) {
    if (!equal(context, a.items[i], b.items[i])) return false;
  }
  return true;
}

}  // namespace

bool truthy(const Value& value) {
  if (value.is_undefined() || value.is_none()) return false;
  if (const bool* boolean = value.boolean()) return *boolean;
  if (const auto real = as_real(value)) return *real != 0;
  if (const Text* text = value.text()) return !text->empty();
  if (const List* list = value.list()) return list->form == List::Form::generator || !list->items.empty();
  if (const Dict* dict = value.dict()) return !dict->entries.empty();
  return true;
}

bool equal(Context& context, const Value& a, const Value& b) {
  context.budget.spend(1);
  if (a.is_undefined() || b.is_undefined()) return a.is_undefined() && b.is_undefined();
  if (a.is_none() || b.is_none()) return a.is_none() && b.is_none();
  if (const auto x = as_integer(a), y = as_integer(b); x && y) return *x == *y;
  if (const auto x = as_real(a), y = as_real(b); x && y) return *x == *y;
  if (a.text() && b.text()) {
    if (a.text() == b.text()) return true;
    context.budget.spend_bytes(std::min(a.text()->size(), b.text()->size()));
    return a.text()->bytes() == b.text()->bytes();
  }
  if (a.list() && b.list()) return a.list() == b.list() || equal_lists(context, *a.list(), *b.list());
  if (a.dict() && b.dict()) return a.dict() == b.dict() || equal_dicts(context, *a.dict(), *b.dict());
  if (a.space() && b.space()) return a.space() == b.space();
  if (a.callable() && b.callable()) return a.callable() == b.callable();
  return false;
}

bool less(Context& context, const Value& a, const Value& b) {
  context.budget.spend(1);
  if (const auto x = as_integer(a), y = as_integer(b); x && y) return *x < *y;
  if (const auto x = as_real(a), y = as_real(b); x && y) return *x < *y;
  if (a.text() && b.text()) {
    context.budget.spend_bytes(std::min(a.text()->size(), b.text()->size()));
    return a.text()->bytes() < b.text()->bytes();  // UTF-8 sorts as its code points do
  }
  if (a.list() && b.list() && a.list()->form == b.list()->form) {
    const auto &x = a.list()->items, &y = b.list()->items;
    for (size_t i = 0; i < std::min(x.size(), y.size()); ++i) {
      if (!equal(context, x[i], y[i])) return less(context, x[i], y[i]);
    }
    return x.size() < y.size();
  }
  mismatch("<", a, b);
}

bool contains(Context& context, const Value& container, const Value& item) {
  if (const Text* text = container.text()) {
    if (!item.text()) mismatch("in", item, container);
    context.budget.spend_bytes(text->size());
    return find_part(text->bytes(), item.text()->bytes()) != std::string_view::npos;
  }
  if (const List* list = container.list()) {
    for (const Value& value : list->items) {
      if (equal(context, value, item)) return true;
    }
    return false;
  }
  if (const Dict* dict = container.dict()) {
    context.budget.spend(1 + (dict->index.empty() ? dict->entries.size() : 0));
    if (item.list() || item.dict()) fail("a {} is no key of a dict", item.type_name());
    return dict->find(item) != nullptr;
  }
  if (container.is_undefined()) return false;
  fail("a value of type {} contains nothing: 'in' needs a string, a list or a dict", container.type_name());
}

TextPtr concatenate(Context& context, std::span<const TextPtr> parts) {
  size_t size = 0;
  for (const TextPtr& part : parts) size += part->size();
  context.budget.check_length(size);
  context.budget.spend_bytes(size);
  auto text = std::make_shared<Text>();
  for (const TextPtr& part : parts) {
    context.budget.spend(1 + part->runs().size());
    text->append(*part);
  }
  return text;
}

Value apply(Context& context, BinaryOp op, const Value& a, const Value& b) {
  if (op == BinaryOp::concatenate) {
    const TextPtr parts[] = {to_text(context, a), to_text(context, b)};
    return concatenate(context, parts);
  }
  if (op == BinaryOp::modulo && a.text()) return format_percent(context, *a.text(), b);
  if (const auto x = as_integer(a), y = as_integer(b); x && y) return calculate(op, *x, *y);
  if (const auto x = as_real(a), y = as_real(b); x && y) return calculate(op, *x, *y);
  if (op == BinaryOp::add && a.text() && b.text()) {
    const TextPtr parts[] = {a.share_text(), b.share_text()};
    return concatenate(context, parts);
  }
  if (op == BinaryOp::add && repeats(a) && repeats(b) && a.list() && b.list() && a.list()->form == b.list()->form) {
    return add_lists(context, *a.list(), *b.list());
  }
  if (op == BinaryOp::multiply && repeats(a) && as_integer(b)) return repeat(context, a, *as_integer(b));
  if (op == BinaryOp::multiply && repeats(b) && as_integer(a)) return repeat(context, b, *as_integer(a));
  mismatch(symbol(op), a, b);
}

bool apply(Context& context, CompareOp op, const Value& a, const Value& b) {
  switch (op) {
    case CompareOp::equal: return equal(context, a, b);
    case CompareOp::not_equal: return !equal(context, a, b);
    case CompareOp::less: return less(context, a, b);
    case CompareOp::less_equal: return less(context, a, b) || equal(context, a, b);
    case CompareOp::greater: return less(context, b, a);
    case CompareOp::greater_equal: return less(context, b, a) || equal(context, a, b);
    case CompareOp::in: return contains(context, b, a);
    case CompareOp::not_in: return !contains(context, b, a);
  }
  return false;
}

Value negate(const Value& value) {
  if (const auto integer = as_integer(value)) return calculate(BinaryOp::subtract, int64_t{0}, *integer);
  if (const double* real = value.real()) return -*real;
  if (value.is_undefined()) fail("{}", value.why_undefined());
  fail("'-' does not take {}", value.type_name());
}

}  // namespace yoke::model::text::jinja
