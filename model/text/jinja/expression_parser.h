// Expressions, with Jinja's precedence: if-else, or, and, not, comparison, + -, ~, * / // %, **, unary, postfix, filters and
// tests. One thread.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "model/text/jinja/ast.h"
#include "model/text/jinja/token_stream.h"

namespace yoke::model::text::jinja {

class ExpressionParser {
 public:
  explicit ExpressionParser(TokenStream& tokens) : tokens_(tokens) {}

  ExprPtr parse_expression();        // with if-else
  ExprPtr parse_without_if();        // the iterable of a for statement, whose own `if` follows
  ExprPtr parse_value();             // an expression, or several with commas: a tuple
  ExprPtr parse_filters(ExprPtr on);  // the | chain behind `on`
  ExprPtr parse_filter_chain(ExprPtr on);  // the same, the first name without its |
  ExprPtr make(int line, decltype(Expr::node) node);

  void define(const std::string& name) { defined_.insert(name); }
  void define_assigned(const std::string& name);  // by {% set %} or as a macro's parameter: it may be a namespace
  void check_called_names() const;  // once all is parsed: functions and methods that neither the template nor this build has
  size_t mentions(std::string_view name) const;   // so far, of varargs, kwargs and caller

 private:
  ExprPtr parse_or();
  ExprPtr parse_and();
  ExprPtr parse_not();
  ExprPtr parse_comparison();
  ExprPtr parse_sum();
  ExprPtr parse_concatenation();
  ExprPtr parse_product();
  ExprPtr parse_power();
  ExprPtr parse_unary(bool with_filters);
  ExprPtr parse_primary();
  ExprPtr parse_name();
  ExprPtr parse_number();
  ExprPtr parse_strings();
  ExprPtr parse_parenthesis();
  ExprPtr parse_list();
  ExprPtr parse_dict();
  ExprPtr parse_postfix(ExprPtr on);
  ExprPtr parse_member(ExprPtr on);
  ExprPtr parse_subscript(ExprPtr on);
  ExprPtr parse_call(ExprPtr on);
  ExprPtr parse_filter(ExprPtr on);
  ExprPtr parse_test(ExprPtr on);
  CallArguments parse_arguments();
  bool begins_test_argument() const;

  TokenStream& tokens_;
  std::set<std::string> defined_;
  std::set<std::string> assigned_;
  std::vector<std::pair<int, std::string>> called_;
  struct CalledOf {
    int line;
    std::string owner, method;
  };
  std::vector<CalledOf> called_of_;
  std::map<std::string, size_t, std::less<>> mentions_;
};

}  // namespace yoke::model::text::jinja
