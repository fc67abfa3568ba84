// The tightly binding half of the expression parser: literals, names, and what follows a value.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "model/text/jinja/access.h"
#include "model/text/jinja/expression_parser.h"
#include "model/text/jinja/functions.h"
#include "model/text/jinja/methods.h"

namespace yoke::model::text::jinja {
namespace {

// map('upper'), selectattr('role', 'equalto', ...): what they name is looked up here too, where it is written out.
void check_named(int line, const Filter& filter, const CallArguments& arguments) {
  const size_t place = filter.name.ends_with("attr") ? 1 : 0;
  if (arguments.positional.size() <= place) return;
  const Literal* literal = std::get_if<Literal>(&arguments.positional[place]->node);
  if (!literal || !literal->value.text()) return;
  const std::string_view name = literal->value.text()->bytes();
  const bool is_map = filter.name == "map";
  if (is_map ? find_filter(name) != nullptr : find_test(name) != nullptr) return;
  unsupported(line, fmt::format("{} '{}'", is_map ? "filter" : "test", name));
}

}  // namespace

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

ExprPtr ExpressionParser::parse_call(ExprPtr on) {
  const int line = tokens_.line();
  if (const Name* function = std::get_if<Name>(&on->node)) called_.emplace_back(line, function->name);
  const Attribute* method = std::get_if<Attribute>(&on->node);
  // What stands in a namespace may be a macro; anything else called by a point is a method, and those are known.
  const bool in_name = method && std::holds_alternative<Name>(method->object->node);
  if (method && !is_method(method->name) && !in_name) unsupported(line, fmt::format("method '{}'", method->name));
  return make(line, Call{std::move(on), parse_arguments()});
}

CallArguments ExpressionParser::parse_arguments() {
  CallArguments arguments;
  tokens_.expect_symbol("(");
  while (!tokens_.take_symbol(")")) {
    if (tokens_.is_symbol("*") || tokens_.is_symbol("**")) unsupported(tokens_.line(), "unpacking arguments with '*'");
    if (tokens_.is(Token::Kind::name) && tokens_.is_symbol("=", 1)) {
      std::string name = tokens_.take().text;
      tokens_.take();
      arguments.named.emplace_back(std::move(name), parse_expression());
    } else {
      if (!arguments.named.empty()) syntax_error(tokens_.line(), "an argument without a name follows one with a name");
      arguments.positional.push_back(parse_expression());
    }
    if (!tokens_.is_symbol(")")) tokens_.expect_symbol(",");
  }
  return arguments;
}

ExprPtr ExpressionParser::parse_filters(ExprPtr on) {
  while (true) {
    if (tokens_.take_symbol("|")) on = parse_filter(std::move(on));
    else if (tokens_.take_name("is")) on = parse_test(std::move(on));
    else if (tokens_.is_symbol("(")) on = parse_call(std::move(on));
    else return on;
  }
}

ExprPtr ExpressionParser::parse_filter_chain(ExprPtr on) { return parse_filters(parse_filter(std::move(on))); }

ExprPtr ExpressionParser::parse_filter(ExprPtr on) {
  const int line = tokens_.line();
  const std::string name = tokens_.expect_any_name();
  const Filter* filter = find_filter(name);
  if (!filter) unsupported(line, fmt::format("filter '{}'", name));
  CallArguments arguments;
  if (tokens_.is_symbol("(")) arguments = parse_arguments();
  if (!filter->names_another && arguments.positional.size() > filter->parameters.size()) {
    unsupported(line, fmt::format("filter '{}' with {} arguments", name, arguments.positional.size()));
  }
  for (const auto& [given, value] : arguments.named) {
    if (std::find(filter->parameters.begin(), filter->parameters.end(), given) == filter->parameters.end()) {
      unsupported(line, fmt::format("argument '{}' of filter '{}'", given, name));
    }
  }
  if (filter->names_another) check_named(line, *filter, arguments);
  return make(line, FilterCall{filter, std::move(on), std::move(arguments)});
}

bool ExpressionParser::begins_test_argument() const {
  static constexpr std::string_view kNotArguments[] = {"else", "or", "and", "if", "in", "not", "is"};
  switch (tokens_.peek().kind) {
    case Token::Kind::name:
      return std::find(std::begin(kNotArguments), std::end(kNotArguments), tokens_.peek().text) == std::end(kNotArguments);
    case Token::Kind::string:
    case Token::Kind::integer:
    case Token::Kind::real: return true;
    case Token::Kind::symbol: return tokens_.is_symbol("[") || tokens_.is_symbol("{");
    case Token::Kind::data:
    case Token::Kind::variable_begin:
    case Token::Kind::variable_end:
    case Token::Kind::block_begin:
    case Token::Kind::block_end:
    case Token::Kind::end: return false;
  }
  return false;
}

ExprPtr ExpressionParser::parse_test(ExprPtr on) {
  const int line = tokens_.line();
  const bool negated = tokens_.take_name("not");
  const std::string name = tokens_.expect_any_name();
  const Test* test = find_test(name);
  if (!test) unsupported(line, fmt::format("test '{}'", name));
  CallArguments arguments;
  if (tokens_.is_symbol("(")) {
    arguments = parse_arguments();
  } else if (begins_test_argument()) {
    arguments.positional.push_back(parse_postfix(parse_primary()));
  }
  if (!arguments.named.empty() || arguments.positional.size() != test->arguments) {
    unsupported(line, fmt::format("test '{}' with {} arguments", name, arguments.positional.size() + arguments.named.size()));
  }
  return make(line, TestCall{test, negated, std::move(on), std::move(arguments)});
}

}  // namespace yoke::model::text::jinja
