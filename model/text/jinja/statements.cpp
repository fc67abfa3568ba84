// The evaluator's statements.
#include <algorithm>

#include "model/text/jinja/access.h"
#include "model/text/jinja/evaluator.h"
#include "model/text/jinja/operations.h"
#include "model/text/jinja/printing.h"
#include "model/text/jinja/recursion.h"

namespace yoke::model::text::jinja {

// Points to its scope, which the evaluator keeps: a shared pointer would be a circle, as the scope holds the macro.
struct Evaluator::MacroFunction : Callable {
  MacroFunction(Evaluator& evaluator, const Macro& macro, size_t scope) : evaluator(evaluator), macro(macro), scope(scope) {}
  Value call(Context&, const Arguments& arguments) const override {
    return evaluator.call_macro(macro, evaluator.kept_[scope], arguments);
  }

  Evaluator& evaluator;
  const Macro& macro;
  size_t scope;  // in kept_
};

Evaluator::Evaluator(Context& context, std::map<std::string_view, Value> variables)
    : context_(context), scope_(std::make_shared<Scope>(Scope{nullptr, std::move(variables)})) {}

Text Evaluator::run(const Body& body) { return capture(body); }

Evaluator::Flow Evaluator::execute(const Body& body) {
  const Recursion guard(recursion_);
  for (const Stmt& statement : body) {
    context_.budget.spend(1);
    line_ = statement.line;
    const Flow flow = std::visit([this](const auto& node) { return execute(node); }, statement.node);
    if (flow != Flow::onward) return flow;
  }
  return Flow::onward;
}

void Evaluator::write(const Text& text) {
  context_.budget.check_length(out_->size() + text.size());
  context_.budget.spend_bytes(text.size());
  context_.budget.spend(text.runs().size());
  out_->append(text);
}

Text Evaluator::capture(const Body& body) {
  Text text;
  Text* const before = std::exchange(out_, &text);
  try {
    execute(body);
  } catch (...) {
    out_ = before;
    throw;
  }
  out_ = before;
  return text;
}

Evaluator::Flow Evaluator::execute(const Data& data) {
  write(Text(data.text, false));
  return Flow::onward;
}

Evaluator::Flow Evaluator::execute(const Output& output) {
  write(*to_text(context_, evaluate(*output.value)));
  return Flow::onward;
}

Evaluator::Flow Evaluator::execute(const If& statement) {
  for (const auto& [condition, body] : statement.branches) {
    if (truthy(evaluate(*condition))) return execute(body);
  }
  return execute(statement.otherwise);
}

ListPtr Evaluator::loop_items(const For& statement) {
  const Value iterable = evaluate(*statement.iterable);
  ListPtr items = elements_of(context_, iterable);
  if (!statement.filter) return items;
  std::vector<Value> kept;
  for (const Value& item : items->items) {
    const Within turn(*this, scope_);
    bind(statement.target, item);
    if (truthy(evaluate(*statement.filter))) kept.push_back(item);
  }
  return make_list(std::move(kept));
}

Evaluator::Flow Evaluator::execute(const For& statement) {
  const auto loop = std::make_shared<Loop>();
  loop->items = loop_items(statement);
  for (; loop->at < loop->items->items.size(); ++loop->at) {
    context_.budget.spend(1);
    const Within turn(*this, scope_);
    scope_->names.emplace("loop", loop);
    bind(statement.target, loop->items->items[loop->at]);
    if (execute(statement.body) == Flow::break_loop) break;
  }
  return loop->items->items.empty() ? execute(statement.otherwise) : Flow::onward;
}

void Evaluator::bind(const Target& target, Value value) {
  if (!target.field.empty()) {
    const Value owner = evaluate(Name{target.names[0]});
    if (!owner.space()) fail("'{}' is no namespace: only a namespace's fields can be set", target.names[0]);
    owner.space()->fields.insert_or_assign(target.field, std::move(value));
  } else if (!target.unpacks) {
    scope_->names.insert_or_assign(target.names[0], std::move(value));
  } else {
    const ListPtr parts = elements_of(context_, value);
    if (parts->items.size() != target.names.size()) {
      fail("{} values cannot be unpacked into {} names", parts->items.size(), target.names.size());
    }
    for (size_t i = 0; i < target.names.size(); ++i) scope_->names.insert_or_assign(target.names[i], parts->items[i]);
  }
}

Evaluator::Flow Evaluator::execute(const Set& statement) {
  bind(statement.target, evaluate(*statement.value));
  return Flow::onward;
}

// What a block wrote, through the filters that stand at its beginning. Its own assignments end with it.
Value Evaluator::filtered(const Body& body, const Expr& value) {
  Text text;
  {
    const Within block(*this, scope_);
    text = capture(body);
  }
  const Value before = std::exchange(captured_, Value(std::move(text)));
  Value result = evaluate(value);
  captured_ = before;
  return result;
}

Evaluator::Flow Evaluator::execute(const SetBlock& statement) {
  bind(statement.target, filtered(statement.body, *statement.value));
  return Flow::onward;
}

Evaluator::Flow Evaluator::execute(const FilterBlock& statement) {
  write(*to_text(context_, filtered(statement.body, *statement.value)));
  return Flow::onward;
}

Evaluator::Flow Evaluator::execute(const Macro& macro) {
  if (kept_.empty() || kept_.back() != scope_) kept_.push_back(scope_);
  const CallablePtr function = std::make_shared<const MacroFunction>(*this, macro, kept_.size() - 1);
  scope_->names.insert_or_assign(macro.name, Value(function));
  return Flow::onward;
}

Value Evaluator::call_macro(const Macro& macro, std::shared_ptr<Scope> scope, const Arguments& arguments) {
  const size_t known = macro.parameters.size();
  if (arguments.positional.size() > known) {
    fail("macro '{}' takes {} arguments, {} were given", macro.name, known, arguments.positional.size());
  }
  for (const auto& given : arguments.named) {
    const bool is_parameter = std::any_of(macro.parameters.begin(), macro.parameters.end(),
                                          [&](const auto& parameter) { return parameter.first == given.first; });
    if (!is_parameter) fail("macro '{}' has no argument '{}'", macro.name, given.first);
  }
  const Within call(*this, std::move(scope));
  for (size_t i = 0; i < known; ++i) {
    const auto& [name, otherwise] = macro.parameters[i];
    const Value* given = arguments.find(i, name);
    Value value = given       ? *given
                  : otherwise ? evaluate(*otherwise)
                              : Value::undefined(fmt::format("parameter '{}' was not provided", name));
    scope_->names.insert_or_assign(name, std::move(value));
  }
  return capture(macro.body);
}

}  // namespace yoke::model::text::jinja
