#include <algorithm>

#include "model/text/jinja/budget.h"
#include "model/text/jinja/character_tests.h"
#include "model/text/jinja/filters.h"
#include "model/text/jinja/operations.h"
#include "model/text/jinja/printing.h"

namespace yoke::model::text::jinja {
namespace {

bool is_number(const Value& value) { return value.integer() || value.real() || value.boolean(); }
bool is_generator(const Value& value) { return value.list() && value.list()->form == List::Form::generator; }

template <CompareOp op>
bool compares(Context& context, const Value& value, const Arguments& arguments) {
  return apply(context, op, value, arguments.positional[0]);
}

template <int64_t wanted>
bool has_rest(Context& context, const Value& value, const Arguments&) {
  return equal(context, apply(context, BinaryOp::modulo, value, Value(int64_t{2})), Value(wanted));
}

bool is_divisible(Context& context, const Value& value, const Arguments& arguments) {
  return equal(context, apply(context, BinaryOp::modulo, value, arguments.positional[0]), Value(int64_t{0}));
}

bool is_same(Context& context, const Value& value, const Arguments& arguments) {
  const Value& other = arguments.positional[0];
  return value.type_name() == other.type_name() && equal(context, value, other);
}

bool holds_bool(const Value& value, bool wanted) { return value.boolean() && *value.boolean() == wanted; }

const std::vector<Test>& tests() {
  static const std::vector<Test> rows = {
      {"defined", 0, [](Context&, const Value& value, const Arguments&) { return !value.is_undefined(); }},
      {"undefined", 0, [](Context&, const Value& value, const Arguments&) { return value.is_undefined(); }},
      {"none", 0, [](Context&, const Value& value, const Arguments&) { return value.is_none(); }},
      {"string", 0, [](Context&, const Value& value, const Arguments&) { return value.text() != nullptr; }},
      {"mapping", 0, [](Context&, const Value& value, const Arguments&) { return value.dict() != nullptr; }},
      {"iterable", 0,
       [](Context&, const Value& value, const Arguments&) {
         return value.text() || value.list() || value.dict() || value.is_undefined();
       }},
      {"sequence", 0,
       [](Context&, const Value& value, const Arguments&) {
         return value.text() || (value.list() && !is_generator(value)) || value.dict() || value.is_undefined();
       }},
      {"boolean", 0, [](Context&, const Value& value, const Arguments&) { return value.boolean() != nullptr; }},
      {"true", 0, [](Context&, const Value& value, const Arguments&) { return holds_bool(value, true); }},
      {"false", 0, [](Context&, const Value& value, const Arguments&) { return holds_bool(value, false); }},
      {"number", 0, [](Context&, const Value& value, const Arguments&) { return is_number(value); }},
      {"integer", 0, [](Context&, const Value& value, const Arguments&) { return value.integer() != nullptr; }},
      {"float", 0, [](Context&, const Value& value, const Arguments&) { return value.real() != nullptr; }},
      {"lower", 0, [](Context& context, const Value& value, const Arguments&) { return is_lower(to_text(context, value)->bytes()); }},
      {"upper", 0, [](Context& context, const Value& value, const Arguments&) { return is_upper(to_text(context, value)->bytes()); }},
      {"escaped", 0, [](Context&, const Value&, const Arguments&) { return false; }},
      {"callable", 0, [](Context&, const Value& value, const Arguments&) { return value.callable() != nullptr; }},
      {"odd", 0, has_rest<1>},
      {"even", 0, has_rest<0>},
      {"divisibleby", 1, is_divisible},
      {"sameas", 1, is_same},
      {"equalto", 1, compares<CompareOp::equal>},
      {"eq", 1, compares<CompareOp::equal>},
      {"==", 1, compares<CompareOp::equal>},
      {"ne", 1, compares<CompareOp::not_equal>},
      {"!=", 1, compares<CompareOp::not_equal>},
      {"lt", 1, compares<CompareOp::less>},
      {"<", 1, compares<CompareOp::less>},
      {"lessthan", 1, compares<CompareOp::less>},
      {"le", 1, compares<CompareOp::less_equal>},
      {"<=", 1, compares<CompareOp::less_equal>},
      {"gt", 1, compares<CompareOp::greater>},
      {">", 1, compares<CompareOp::greater>},
      {"greaterthan", 1, compares<CompareOp::greater>},
      {"ge", 1, compares<CompareOp::greater_equal>},
      {">=", 1, compares<CompareOp::greater_equal>},
      {"in", 1, compares<CompareOp::in>},
  };
  return rows;
}

}  // namespace

const Test* find_test(std::string_view name) {
  const auto row = std::find_if(tests().begin(), tests().end(), [&](const Test& test) { return test.name == name; });
  return row == tests().end() ? nullptr : &*row;
}

}  // namespace yoke::model::text::jinja
