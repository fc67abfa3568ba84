// Runs a parsed template: one Evaluator, one rendering, one thread. Everything it does is charged to the budget, and its
// recursion (macros that call themselves) has a limit of its own.
#pragma once

#include <map>
#include <memory>
#include <string_view>
#include <vector>

#include "model/text/jinja/ast.h"
#include "model/text/jinja/budget.h"

namespace yoke::model::text::jinja {

// Evaluations within evaluations. A macro that calls itself needs some ten for each call (statements and expressions count),
// and each takes a few hundred bytes of stack.
inline constexpr int kMaxRecursion = 1500;

// Names and what they are bound to; a loop's turn and a macro's call have one of their own within the one around it.
struct Scope {
  std::shared_ptr<Scope> around;
  std::map<std::string_view, Value> names;
};

class Evaluator {
 public:
  Evaluator(Context& context, std::map<std::string_view, Value> variables);

  Text run(const Body& body);
  int line() const { return line_; }  // of what is, or was last, evaluated

 private:
  enum class Flow { onward, break_loop, next_turn };
  class Recursion;
  class Within;
  struct MacroFunction;
  struct LoopFunction;

  Flow execute(const Body& body);
  Flow execute(const Data& data);
  Flow execute(const Output& output);
  Flow execute(const If& statement);
  Flow execute(const For& statement);
  Flow execute(const Set& statement);
  Flow execute(const SetBlock& statement);
  Flow execute(const FilterBlock& statement);
  Flow execute(const Macro& macro);
  Flow execute(const CallBlock& block);
  Flow execute(const With& block);
  Flow execute(const Break&) { return Flow::break_loop; }
  Flow execute(const Continue&) { return Flow::next_turn; }

  Value evaluate(const Expr& expr);
  Value evaluate(const Literal& node) { return node.value; }
  Value evaluate(const Name& node);
  Value evaluate(const Captured&) { return captured_; }
  Value evaluate(const ListDisplay& node);
  Value evaluate(const DictDisplay& node);
  Value evaluate(const Negation& node) { return negate(evaluate(*node.operand)); }
  Value evaluate(const Not& node) { return !truthy(evaluate(*node.operand)); }
  Value evaluate(const Logical& node);
  Value evaluate(const Binary& node);
  Value evaluate(const Comparison& node);
  Value evaluate(const Conditional& node);
  Value evaluate(const Attribute& node);
  Value evaluate(const Subscript& node);
  Value evaluate(const Slice& node);
  Value evaluate(const Call& node);
  Value evaluate(const FilterCall& node);
  Value evaluate(const TestCall& node);

  Arguments evaluate_arguments(const CallArguments& arguments);
  std::optional<int64_t> evaluate_bound(const ExprPtr& bound);
  ListPtr loop_items(const For& statement, const Value& iterable);
  Text capture(const Body& body);
  Value filtered(const Body& body, const Expr& value);
  CallablePtr make_function(const Macro& macro);
  size_t keep_scope();
  void run_loop(const For& statement, ListPtr items, int64_t nesting);
  void bind_rest(const Macro& macro, const Arguments& arguments);
  Value call_macro(const Macro& macro, std::shared_ptr<Scope> scope, const Arguments& arguments);
  void bind(const Target& target, const Value& value);
  Value call(const Value& function, const Arguments& arguments);
  void write(const Text& text);

  Context& context_;
  std::shared_ptr<Scope> scope_;
  std::vector<std::shared_ptr<Scope>> kept_;  // scopes that macros were defined in; a macro points to its own
  Text* out_ = nullptr;
  Value captured_;
  int line_ = 1;
  int recursion_ = 0;
};

}  // namespace yoke::model::text::jinja
