// Expressions; statements are in statements.cpp.
#include "model/text/jinja/evaluator.h"

#include "model/text/jinja/access.h"
#include "model/text/jinja/functions.h"
#include "model/text/jinja/operations.h"
#include "model/text/jinja/recursion.h"

namespace yoke::model::text::jinja {

Value Evaluator::evaluate(const Expr& expr) {
  const Recursion guard(recursion_);
  context_.budget.spend(1);
  line_ = expr.line;
  return std::visit([this](const auto& node) { return evaluate(node); }, expr.node);
}

Value Evaluator::evaluate(const Name& node) {
  for (const Scope* scope = scope_.get(); scope; scope = scope->around.get()) {
    const auto found = scope->names.find(node.name);
    if (found != scope->names.end()) return found->second;
  }
  if (is_function(node.name)) return find_function(node.name);
  return Value::undefined(fmt::format("'{}' is undefined", node.name));
}

Value Evaluator::evaluate(const ListDisplay& node) {
  std::vector<Value> items;
  for (const ExprPtr& item : node.items) items.push_back(evaluate(*item));
  return make_list(std::move(items), node.form);
}

Value Evaluator::evaluate(const DictDisplay& node) {
  std::vector<std::pair<Value, Value>> entries;
  for (const auto& [key, value] : node.entries) {
    Value name = evaluate(*key);
    entries.emplace_back(std::move(name), evaluate(*value));
  }
  return make_dict(std::move(entries));
}

Value Evaluator::evaluate(const Logical& node) {
  Value left = evaluate(*node.left);
  return truthy(left) == node.is_and ? evaluate(*node.right) : left;
}

Value Evaluator::evaluate(const Binary& node) {
  const Value left = evaluate(*node.left), right = evaluate(*node.right);
  return apply(context_, node.op, left, right);
}

Value Evaluator::evaluate(const Comparison& node) {
  Value left = evaluate(*node.first);
  for (const auto& [op, next] : node.rest) {
    Value right = evaluate(*next);
    if (!apply(context_, op, left, right)) return false;
    left = std::move(right);
  }
  return true;
}

Value Evaluator::evaluate(const Conditional& node) {
  if (truthy(evaluate(*node.condition))) return evaluate(*node.then);
  if (node.otherwise) return evaluate(*node.otherwise);
  return Value::undefined("the inline if had no else, and its condition was false");
}

Value Evaluator::evaluate(const Attribute& node) { return attribute_of(context_, evaluate(*node.object), node.name); }

Value Evaluator::evaluate(const Subscript& node) {
  const Value object = evaluate(*node.object), key = evaluate(*node.key);
  return item_of(context_, object, key);
}

std::optional<int64_t> Evaluator::evaluate_bound(const ExprPtr& bound) {
  if (!bound) return std::nullopt;
  const Value value = evaluate(*bound);
  if (value.is_none()) return std::nullopt;
  if (!value.integer()) fail("a slice needs integers, not {}", value.type_name());
  return *value.integer();
}

Value Evaluator::evaluate(const Slice& node) {
  const Value object = evaluate(*node.object);
  const SliceBounds bounds{evaluate_bound(node.begin), evaluate_bound(node.end), evaluate_bound(node.step)};
  return slice_of(context_, object, bounds);
}

Arguments Evaluator::evaluate_arguments(const CallArguments& arguments) {
  Arguments values;
  for (const ExprPtr& argument : arguments.positional) values.positional.push_back(evaluate(*argument));
  for (const auto& [name, argument] : arguments.named) values.named.emplace_back(name, evaluate(*argument));
  if (arguments.all_positional) {
    const ListPtr more = elements_of(context_, evaluate(*arguments.all_positional));
    context_.budget.spend(more->items.size());
    values.positional.insert(values.positional.end(), more->items.begin(), more->items.end());
  }
  if (arguments.all_named) {
    values.unpacked = evaluate(*arguments.all_named);
    if (!values.unpacked.dict()) fail("only a dict can be unpacked with **, not {}", values.unpacked.type_name());
    context_.budget.spend(values.unpacked.dict()->entries.size());
    for (const auto& [key, value] : values.unpacked.dict()->entries) {
      if (!key.text()) fail("the names of a dict that is unpacked must be strings");
      values.named.emplace_back(key.text()->bytes(), value);
    }
  }
  return values;
}

Value Evaluator::call(const Value& function, const Arguments& arguments) {
  if (function.is_undefined()) fail("{}", function.why_undefined());
  if (const Loop* loop = function.loop()) {
    if (!loop->again) fail("this loop is not recursive: write {{% for ... recursive %}}");
    return loop->again->call(context_, arguments);
  }
  if (!function.callable()) fail("a value of type {} cannot be called", function.type_name());
  return function.callable()->call(context_, arguments);
}

Value Evaluator::evaluate(const Call& node) {
  const Value function = evaluate(*node.function);
  return call(function, evaluate_arguments(node.arguments));
}

Value Evaluator::evaluate(const FilterCall& node) {
  const Value value = evaluate(*node.value);
  return node.filter->apply(context_, value, evaluate_arguments(node.arguments));
}

Value Evaluator::evaluate(const TestCall& node) {
  const Value value = evaluate(*node.value);
  return node.test->holds(context_, value, evaluate_arguments(node.arguments)) != node.negated;
}

}  // namespace yoke::model::text::jinja
