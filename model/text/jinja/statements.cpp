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

// A recursive loop called within itself: loop(item.children).
struct Evaluator::LoopFunction : Callable {
  LoopFunction(Evaluator& evaluator, const For& statement, size_t scope, int64_t nesting)
      : evaluator(evaluator), statement(statement), scope(scope), nesting(nesting) {}
  Value call(Context& context, const Arguments& arguments) const override {
    if (arguments.positional.size() != 1) fail("loop() takes what it goes through, and nothing else");
    const Recursion guard(evaluator.recursion_);
    const Within turn(evaluator, evaluator.kept_[scope]);
    Text text;
    Text* const before = std::exchange(evaluator.out_, &text);
    try {
      evaluator.run_loop(statement, evaluator.loop_items(statement, arguments.positional[0]), nesting);
    } catch (...) {
      evaluator.out_ = before;
      throw;
    }
    evaluator.out_ = before;
    context.budget.spend(1);
    return text;
  }

  Evaluator& evaluator;
  const For& statement;
  size_t scope;  // in kept_
  int64_t nesting;
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

ListPtr Evaluator::loop_items(const For& statement, const Value& iterable) {
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

void Evaluator::run_loop(const For& statement, ListPtr items, int64_t nesting) {
  const auto loop = std::make_shared<Loop>();
  loop->items = std::move(items);
  loop->nesting = nesting;
  if (statement.recursive) loop->again = std::make_shared<const LoopFunction>(*this, statement, keep_scope(), nesting + 1);
  for (; loop->at < loop->items->items.size(); ++loop->at) {
    context_.budget.spend(1);
    const Within turn(*this, scope_);
    scope_->names.emplace("loop", loop);
    bind(statement.target, loop->items->items[loop->at]);
    if (execute(statement.body) == Flow::break_loop) break;
  }
  if (loop->items->items.empty()) execute(statement.otherwise);
}

Evaluator::Flow Evaluator::execute(const For& statement) {
  run_loop(statement, loop_items(statement, evaluate(*statement.iterable)), 0);
  return Flow::onward;
}

void Evaluator::bind(const Target& target, const Value& value) {
  if (!target.parts.empty()) {
    const ListPtr parts = elements_of(context_, value);
    if (parts->items.size() != target.parts.size()) {
      fail("{} values cannot be unpacked into {} names", parts->items.size(), target.parts.size());
    }
    for (size_t i = 0; i < target.parts.size(); ++i) bind(target.parts[i], parts->items[i]);
  } else if (!target.field.empty()) {
    const Value owner = evaluate(Name{target.name});
    if (!owner.space()) fail("'{}' is no namespace: only a namespace's fields can be set", target.name);
    if (target.field.starts_with('_')) fail("a namespace has no field '{}': names begin with a letter", target.field);
    owner.space()->fields.insert_or_assign(target.field, value);
  } else {
    scope_->names.insert_or_assign(target.name, value);
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

size_t Evaluator::keep_scope() {
  constexpr size_t kStepsPerScope = 50;  // what is kept until the end costs more than what goes
  if (kept_.empty() || kept_.back() != scope_) {
    context_.budget.spend(kStepsPerScope);
    kept_.push_back(scope_);
  }
  return kept_.size() - 1;
}

CallablePtr Evaluator::make_function(const Macro& macro) {
  return std::make_shared<const MacroFunction>(*this, macro, keep_scope());
}

Evaluator::Flow Evaluator::execute(const Macro& macro) {
  scope_->names.insert_or_assign(macro.name, Value(make_function(macro)));
  return Flow::onward;
}

Evaluator::Flow Evaluator::execute(const CallBlock& block) {
  const Call& node = std::get<Call>(block.call->node);
  const Value function = evaluate(*node.function);
  Arguments arguments = evaluate_arguments(node.arguments);
  arguments.named.emplace_back("caller", Value(make_function(block.inside)));
  write(*to_text(context_, call(function, arguments)));
  return Flow::onward;
}

Evaluator::Flow Evaluator::execute(const With& block) {
  const Within inside(*this, scope_);
  for (const auto& [target, value] : block.bindings) bind(target, evaluate(*value));
  return execute(block.body);
}

// What was given beyond the parameters, for the names that a macro's body speaks of.
void Evaluator::bind_rest(const Macro& macro, const Arguments& arguments) {
  const size_t known = macro.parameters.size();
  std::vector<Value> more;
  for (size_t i = known; i < arguments.positional.size(); ++i) more.push_back(arguments.positional[i]);
  if (!more.empty() && !macro.takes_more) {
    fail("macro '{}' takes {} arguments, {} were given", macro.name, known, arguments.positional.size());
  }
  std::vector<std::pair<Value, Value>> named;
  Value caller = Value::undefined("no caller was given");
  for (const auto& [name, value] : arguments.named) {
    const bool is_parameter = std::any_of(macro.parameters.begin(), macro.parameters.end(),
                                          [&, given = name](const auto& parameter) { return parameter.first == given; });
    if (is_parameter) continue;
    if (name == "caller" && macro.takes_caller) caller = value;
    else if (macro.takes_more_named) named.emplace_back(Text(name, false), value);
    else fail("macro '{}' has no argument '{}'", macro.name, name);
  }
  if (macro.takes_more) scope_->names.insert_or_assign("varargs", make_list(std::move(more), List::Form::tuple));
  if (macro.takes_more_named) scope_->names.insert_or_assign("kwargs", make_dict(std::move(named)));
  if (macro.takes_caller) scope_->names.insert_or_assign("caller", std::move(caller));
}

Value Evaluator::call_macro(const Macro& macro, std::shared_ptr<Scope> scope, const Arguments& arguments) {
  const Within call(*this, std::move(scope));
  bind_rest(macro, arguments);
  for (size_t i = 0; i < macro.parameters.size(); ++i) {
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
