// The tightly binding half of the expression parser: literals, names, and what follows a value.
#include <fmt/format.h>

#include <charconv>

#include <algorithm>
#include <charconv>

#include "model/text/jinja/access.h"
#include "model/text/jinja/expression_parser.h"
#include "model/text/jinja/methods.h"

namespace yoke::model::text::jinja {
ExprPtr ExpressionParser::parse_primary() {
  const Token& token = tokens_.peek();
  switch (token.kind) {
    case Token::Kind::name: return parse_name();
    case Token::Kind::string: return parse_strings();
    case Token::Kind::integer:
    case Token::Kind::real: return parse_number();
    case Token::Kind::symbol:
      if (token.text == "(") return parse_parenthesis();
      if (token.text == "[") return parse_list();
      if (token.text == "{") return parse_dict();
      break;
    case Token::Kind::data:
    case Token::Kind::variable_begin:
    case Token::Kind::variable_end:
    case Token::Kind::block_begin:
    case Token::Kind::block_end:
    case Token::Kind::end: break;
  }
  tokens_.unexpected("a value");
}

ExprPtr ExpressionParser::parse_name() {
  const int line = tokens_.line();
  std::string name = tokens_.take().text;
  if (name == "true" || name == "True") return make(line, Literal{true});
  if (name == "false" || name == "False") return make(line, Literal{false});
  if (name == "none" || name == "None") return make(line, Literal{None{}});
  if (name == "varargs" || name == "kwargs" || name == "caller") {
    ++mentions_[name];
    define(name);
  }
  return make(line, Name{std::move(name)});
}

ExprPtr ExpressionParser::parse_number() {
  const int line = tokens_.line();
  const Token token = tokens_.take();
  const char *begin = token.text.data(), *end = begin + token.text.size();
  if (token.kind == Token::Kind::real) {
    double real = 0;
    if (std::from_chars(begin, end, real).ec != std::errc{}) syntax_error(line, fmt::format("{} is out of range", token.text));
    return make(line, Literal{real});
  }
  int64_t integer = 0;
  if (std::from_chars(begin, end, integer).ec != std::errc{}) syntax_error(line, fmt::format("{} is out of range", token.text));
  return make(line, Literal{integer});
}

ExprPtr ExpressionParser::parse_strings() {
  const int line = tokens_.line();
  std::string text;
  while (tokens_.is(Token::Kind::string)) text += tokens_.take().text;
  return make(line, Literal{Text(text, false)});
}

ExprPtr ExpressionParser::parse_parenthesis() {
  const int line = tokens_.line();
  tokens_.expect_symbol("(");
  if (tokens_.take_symbol(")")) return make(line, ListDisplay{{}, List::Form::tuple});
  ExprPtr value = parse_value();
  tokens_.expect_symbol(")");
  return value;
}

ExprPtr ExpressionParser::parse_list() {
  const int line = tokens_.line();
  ListDisplay list{{}, List::Form::list};
  tokens_.expect_symbol("[");
  while (!tokens_.take_symbol("]")) {
    list.items.push_back(parse_expression());
    if (!tokens_.is_symbol("]")) tokens_.expect_symbol(",");
  }
  return make(line, std::move(list));
}

ExprPtr ExpressionParser::parse_dict() {
  const int line = tokens_.line();
  DictDisplay dict;
  tokens_.expect_symbol("{");
  while (!tokens_.take_symbol("}")) {
    ExprPtr key = parse_expression();
    tokens_.expect_symbol(":");
    dict.entries.emplace_back(std::move(key), parse_expression());
    if (!tokens_.is_symbol("}")) tokens_.expect_symbol(",");
  }
  return make(line, std::move(dict));
}

ExprPtr ExpressionParser::parse_postfix(ExprPtr on) {
  while (true) {
    if (tokens_.is_symbol(".")) on = parse_member(std::move(on));
    else if (tokens_.is_symbol("[")) on = parse_subscript(std::move(on));
    else if (tokens_.is_symbol("(")) on = parse_call(std::move(on));
    else return on;
  }
}

ExprPtr ExpressionParser::parse_member(ExprPtr on) {
  const int line = tokens_.line();
  tokens_.expect_symbol(".");
  if (tokens_.is(Token::Kind::integer)) return make(line, Subscript{std::move(on), parse_number()});
  std::string name = tokens_.expect_any_name();
  const Name* object = std::get_if<Name>(&on->node);
  if (object && object->name == "loop" && !defined_.contains("loop") && !is_loop_attribute(name) && !is_method(name)) {
    unsupported(line, fmt::format("'loop.{}'", name));
  }
  return make(line, Attribute{std::move(on), std::move(name)});
}

ExprPtr ExpressionParser::parse_subscript(ExprPtr on) {
  const int line = tokens_.line();
  tokens_.expect_symbol("[");
  const auto bound = [&]() -> ExprPtr {
    return tokens_.is_symbol(":") || tokens_.is_symbol("]") ? nullptr : parse_expression();
  };
  ExprPtr begin = bound();
  if (tokens_.take_symbol("]")) {
    if (!begin) syntax_error(line, "[] without a key");
    return make(line, Subscript{std::move(on), std::move(begin)});
  }
  tokens_.expect_symbol(":");
  ExprPtr end = bound();
  ExprPtr step = tokens_.take_symbol(":") ? bound() : nullptr;
  tokens_.expect_symbol("]");
  return make(line, Slice{std::move(on), std::move(begin), std::move(end), std::move(step)});
}

}  // namespace yoke::model::text::jinja
