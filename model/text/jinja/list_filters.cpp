#include "model/text/jinja/list_filters.h"

#include <algorithm>

#include "model/text/jinja/access.h"
#include "model/text/jinja/arguments.h"
#include "model/text/jinja/budget.h"
#include "model/text/jinja/characters.h"
#include "model/text/jinja/filters.h"
#include "model/text/jinja/functions.h"
#include "model/text/jinja/operations.h"
#include "model/text/jinja/strings.h"

namespace yoke::model::text::jinja {
namespace {

// What sorting and its kin compare: the element or its attribute, strings in lower case unless case counts.
Value sort_key(Context& context, const Value& item, const Value* attribute, bool case_counts) {
  const Value key = attribute && !attribute->is_none() ? attribute_path(context, item, *attribute) : item;
  if (case_counts || !key.text()) return key;
  context.budget.spend_bytes(key.text()->size());
  return derived(*key.text(), to_lower(key.text()->bytes()));
}

struct Keyed {
  Value key, item;
};

std::vector<Keyed> with_keys(Context& context, const Value& value, const Value* attribute, bool case_counts) {
  std::vector<Keyed> keyed;
  const ListPtr elements = elements_of(context, value);
  for (const Value& item : elements->items) keyed.push_back({sort_key(context, item, attribute, case_counts), item});
  return keyed;
}

ListPtr sorted(Context& context, std::vector<Keyed> keyed, bool reversed) {
  std::stable_sort(keyed.begin(), keyed.end(), [&](const Keyed& a, const Keyed& b) {
    return reversed ? less(context, b.key, a.key) : less(context, a.key, b.key);
  });
  std::vector<Value> items;
  for (Keyed& one : keyed) items.push_back(std::move(one.item));
  return make_list(std::move(items));
}

// The arguments behind the first `skipped`: those of the test or filter that is named there.
Arguments behind(const Arguments& arguments, size_t skipped) {
  Arguments rest;
  if (arguments.positional.size() > skipped) {
    rest.positional.assign(arguments.positional.begin() + static_cast<std::ptrdiff_t>(skipped), arguments.positional.end());
  }
  return rest;
}

const Test& named_test(const Arguments& arguments, size_t place) {
  const std::string_view name = Reader("select", arguments).text(place, "test").bytes();
  const Test* test = find_test(name);
  if (!test) fail("there is no test '{}'", name);
  if (arguments.positional.size() - place - 1 != test->arguments) fail("the test '{}' takes {} arguments", name, test->arguments);
  return *test;
}

// select and reject look at the elements, selectattr and rejectattr at an attribute of each.
Value chosen(Context& context, const Value& value, const Arguments& arguments, bool by_attribute, bool wanted) {
  const size_t place = by_attribute ? 1 : 0;
  const Value* attribute = by_attribute ? &Reader("selectattr", arguments).value(0, "attribute") : nullptr;
  const Test* test = arguments.positional.size() > place ? &named_test(arguments, place) : nullptr;
  const Arguments rest = behind(arguments, place + 1);
  std::vector<Value> items;
  // Jinja looks into nothing that is false, so that none is allowed.
  const ListPtr elements = truthy(value) ? elements_of(context, value) : make_list({});
  for (const Value& item : elements->items) {
    context.budget.spend(1);
    const Value looked_at = attribute ? attribute_path(context, item, *attribute) : item;
    const bool holds = test ? test->holds(context, looked_at, rest) : truthy(looked_at);
    if (holds == wanted) items.push_back(item);
  }
  return make_list(std::move(items), List::Form::generator);
}

Value extreme(Context& context, const Value& value, const Arguments& arguments, bool greatest) {
  const Reader reader(greatest ? "max" : "min", arguments);
  const std::vector<Keyed> keyed =
      with_keys(context, value, reader.find(1, "attribute"), reader.truth_or(0, "case_sensitive", false));
  if (keyed.empty()) return Value::undefined("no item: the sequence is empty");
  const Keyed* best = &keyed[0];
  for (const Keyed& one : keyed) {
    if (greatest ? less(context, best->key, one.key) : less(context, one.key, best->key)) best = &one;
  }
  return best->item;
}

}  // namespace

Value as_list(Context& context, const Value& value, const Arguments&) {
  const ListPtr elements = elements_of(context, value);
  context.budget.spend(elements->items.size());
  return make_list(elements->items);
}

Value map(Context& context, const Value& value, const Arguments& arguments) {
  const ListPtr elements = truthy(value) ? elements_of(context, value) : make_list({});
  const Value *attribute = nullptr, *otherwise = nullptr;
  for (const auto& [name, given] : arguments.named) (name == "attribute" ? attribute : otherwise) = &given;
  const Filter* filter = nullptr;
  if (!attribute) {
    const std::string_view name = Reader("map", arguments).text(0, "filter").bytes();
    filter = find_filter(name);
    if (!filter) fail("there is no filter '{}'", name);
  }
  const Arguments rest = behind(arguments, 1);
  std::vector<Value> items;
  for (const Value& item : elements->items) {
    context.budget.spend(1);
    Value mapped = filter ? filter->apply(context, item, rest) : attribute_path(context, item, *attribute);
    items.push_back(mapped.is_undefined() && otherwise ? *otherwise : std::move(mapped));
  }
  return make_list(std::move(items), List::Form::generator);
}

Value select(Context& context, const Value& value, const Arguments& arguments) {
  return chosen(context, value, arguments, false, true);
}
Value reject(Context& context, const Value& value, const Arguments& arguments) {
  return chosen(context, value, arguments, false, false);
}
Value selectattr(Context& context, const Value& value, const Arguments& arguments) {
  return chosen(context, value, arguments, true, true);
}
Value rejectattr(Context& context, const Value& value, const Arguments& arguments) {
  return chosen(context, value, arguments, true, false);
}

Value first(Context& context, const Value& value, const Arguments&) {
  const ListPtr elements = elements_of(context, value);
  return elements->items.empty() ? Value::undefined("no first item: the sequence is empty") : elements->items.front();
}

Value last(Context& context, const Value& value, const Arguments&) {
  const ListPtr elements = elements_of(context, value);
  return elements->items.empty() ? Value::undefined("no last item: the sequence is empty") : elements->items.back();
}

Value reverse(Context& context, const Value& value, const Arguments&) {
  SliceBounds backwards;
  backwards.step = -1;
  if (value.text()) return slice_of(context, value, backwards);
  const ListPtr elements = elements_of(context, value);
  context.budget.spend(elements->items.size());
  return make_list({elements->items.rbegin(), elements->items.rend()}, List::Form::generator);
}

Value sort(Context& context, const Value& value, const Arguments& arguments) {
  const Reader reader("sort", arguments);
  return sorted(context, with_keys(context, value, reader.find(2, "attribute"), reader.truth_or(1, "case_sensitive", false)),
                reader.truth_or(0, "reverse", false));
}

Value dictsort(Context& context, const Value& value, const Arguments& arguments) {
  const Reader reader("dictsort", arguments);
  if (!value.dict()) fail("dictsort needs a dict, not {}", value.type_name());
  const Text* by = reader.text_or_null(1, "by");
  if (by && by->bytes() != "key" && by->bytes() != "value") fail("dictsort() sorts by 'key' or 'value'");
  const Value place(static_cast<int64_t>(by && by->bytes() == "value" ? 1 : 0));
  const Value pairs = items_of(context, *value.dict(), List::Form::list);
  return sorted(context, with_keys(context, pairs, &place, reader.truth_or(0, "case_sensitive", false)),
                reader.truth_or(2, "reverse", false));
}

Value unique(Context& context, const Value& value, const Arguments& arguments) {
  const Reader reader("unique", arguments);
  std::vector<Value> seen, items;
  for (Keyed& one : with_keys(context, value, reader.find(1, "attribute"), reader.truth_or(0, "case_sensitive", false))) {
    const bool known = std::any_of(seen.begin(), seen.end(), [&](const Value& key) { return equal(context, key, one.key); });
    if (known) continue;
    seen.push_back(std::move(one.key));
    items.push_back(std::move(one.item));
  }
  return make_list(std::move(items), List::Form::generator);
}

Value least(Context& context, const Value& value, const Arguments& arguments) {
  return extreme(context, value, arguments, false);
}
Value greatest(Context& context, const Value& value, const Arguments& arguments) {
  return extreme(context, value, arguments, true);
}

Value sum(Context& context, const Value& value, const Arguments& arguments) {
  const Reader reader("sum", arguments);
  const Value *attribute = reader.find(0, "attribute"), *start = reader.find(1, "start");
  Value total = start ? *start : Value(int64_t{0});
  const ListPtr elements = elements_of(context, value);
  for (const Value& item : elements->items) {
    context.budget.spend(1);
    const bool has_attribute = attribute && !attribute->is_none();
    total = apply(context, BinaryOp::add, total, has_attribute ? attribute_path(context, item, *attribute) : item);
  }
  return total;
}

// Pairs (key, elements) in the order of the keys; Jinja's pairs also have the names grouper and list, these are tuples.
Value groupby(Context& context, const Value& value, const Arguments& arguments) {
  const Reader reader("groupby", arguments);
  const bool case_counts = reader.truth_or(2, "case_sensitive", false);
  const Value &attribute = reader.value(0, "attribute"), *otherwise = reader.find(1, "default");
  std::vector<Keyed> keyed;
  const ListPtr elements = elements_of(context, value);
  for (const Value& item : elements->items) {
    Value key = attribute_path(context, item, attribute);
    if (key.is_undefined() && otherwise) key = *otherwise;
    keyed.push_back({sort_key(context, key, nullptr, case_counts), make_list({key, item}, List::Form::tuple)});
  }
  std::stable_sort(keyed.begin(), keyed.end(), [&](const Keyed& a, const Keyed& b) { return less(context, a.key, b.key); });
  std::vector<Value> groups;
  for (size_t i = 0; i < keyed.size();) {
    const Value first = keyed[i].item.list()->items[0], key = keyed[i].key;
    std::vector<Value> members;
    for (; i < keyed.size() && equal(context, keyed[i].key, key); ++i) members.push_back(keyed[i].item.list()->items[1]);
    groups.push_back(make_list({first, make_list(std::move(members))}, List::Form::tuple));
  }
  return make_list(std::move(groups));
}

Value batch(Context& context, const Value& value, const Arguments& arguments) {
  const Reader reader("batch", arguments);
  const int64_t size = reader.integer(0, "linecount");
  const Value* fill = reader.find(1, "fill_with");
  if (size < 1) fail("batch() needs a size of at least 1");
  const ListPtr elements = elements_of(context, value);
  context.budget.spend(elements->items.size());
  std::vector<Value> batches, current;
  for (const Value& item : elements->items) {
    if (static_cast<int64_t>(current.size()) == size) batches.push_back(make_list(std::exchange(current, {})));
    current.push_back(item);
  }
  if (!current.empty()) {
    if (fill && !fill->is_none()) {
      context.budget.spend(static_cast<size_t>(size));
      current.resize(static_cast<size_t>(size), *fill);
    }
    batches.push_back(make_list(std::move(current)));
  }
  return make_list(std::move(batches), List::Form::generator);
}

// So many lists, the first ones longer where it does not come out even.
Value slices(Context& context, const Value& value, const Arguments& arguments) {
  const Reader reader("slice", arguments);
  const int64_t count = reader.integer(0, "slices");
  const Value* fill = reader.find(1, "fill_with");
  if (count < 1) fail("slice() needs a count of at least 1");
  const ListPtr elements = elements_of(context, value);
  context.budget.spend(elements->items.size());
  context.budget.spend(static_cast<size_t>(count));
  const int64_t size = static_cast<int64_t>(elements->items.size()), each = size / count, longer = size % count;
  std::vector<Value> parts;
  auto at = elements->items.begin();
  for (int64_t i = 0; i < count; ++i) {
    const auto end = at + each + (i < longer ? 1 : 0);
    std::vector<Value> part(at, end);
    if (fill && !fill->is_none() && longer > 0 && i >= longer) part.push_back(*fill);
    parts.push_back(make_list(std::move(part)));
    at = end;
  }
  return make_list(std::move(parts), List::Form::generator);
}

}  // namespace yoke::model::text::jinja
