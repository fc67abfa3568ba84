// The expression parser's calls, filters and tests: what is named here must be there.
#include <fmt/format.h>

#include <algorithm>

#include "model/text/jinja/expression_parser.h"
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

ExprPtr ExpressionParser::parse_call(ExprPtr on) {
  const int line = tokens_.line();
  if (const Name* function = std::get_if<Name>(&on->node)) called_.emplace_back(line, function->name);
  if (const Attribute* method = std::get_if<Attribute>(&on->node); method && !is_method(method->name)) {
    // What stands in a namespace may be a macro; anything else called by a point is a method, and those are known.
    const Name* owner = std::get_if<Name>(&method->object->node);
    if (!owner) unsupported(line, fmt::format("method '{}'", method->name));
    called_of_.push_back({line, owner->name, method->name});
  }
  return make(line, Call{std::move(on), parse_arguments()});
}

CallArguments ExpressionParser::parse_arguments() {
  CallArguments arguments;
  tokens_.expect_symbol("(");
  while (!tokens_.take_symbol(")")) {
    if (tokens_.take_symbol("**")) {
      if (arguments.all_named) syntax_error(tokens_.line(), "two unpacked dicts in a call");
      arguments.all_named = parse_expression();
    } else if (tokens_.take_symbol("*")) {
      if (arguments.all_positional || arguments.all_named) syntax_error(tokens_.line(), "an unpacked list comes once, before the dict");
      arguments.all_positional = parse_expression();
    } else if (tokens_.is(Token::Kind::name) && tokens_.is_symbol("=", 1)) {
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
  if (!filter->names_another && !filter->any_names && arguments.positional.size() > filter->parameters.size()) {
    unsupported(line, fmt::format("filter '{}' with {} arguments", name, arguments.positional.size()));
  }
  if (arguments.all_positional || arguments.all_named) unsupported(line, "unpacking arguments of a filter");
  for (const auto& [given, value] : arguments.named) {
    if (filter->any_names) break;
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
  if (!arguments.named.empty() || arguments.all_positional || arguments.all_named || arguments.positional.size() != test->arguments) {
    unsupported(line, fmt::format("test '{}' with {} arguments", name, arguments.positional.size() + arguments.named.size()));
  }
  return make(line, TestCall{test, negated, std::move(on), std::move(arguments)});
}

}  // namespace yoke::model::text::jinja
