#include "model/text/jinja/expression_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "model/text/jinja/access.h"
#include "model/text/jinja/functions.h"
#include "model/text/jinja/methods.h"

namespace yoke::model::text::jinja {
namespace {

struct BinaryRow {
  std::string_view symbol;
  BinaryOp op;
};
constexpr BinaryRow kSums[] = {{"+", BinaryOp::add}, {"-", BinaryOp::subtract}};
constexpr BinaryRow kProducts[] = {
    {"*", BinaryOp::multiply}, {"/", BinaryOp::divide}, {"//", BinaryOp::floor_divide}, {"%", BinaryOp::modulo}};

struct CompareRow {
  std::string_view symbol;
  CompareOp op;
};
constexpr CompareRow kComparisons[] = {{"==", CompareOp::equal},   {"!=", CompareOp::not_equal},
                                       {"<", CompareOp::less},     {"<=", CompareOp::less_equal},
                                       {">", CompareOp::greater},  {">=", CompareOp::greater_equal}};

template <typename Rows>
auto find_row(const Rows& rows, const TokenStream& tokens) -> decltype(&rows[0]) {
  for (const auto& row : rows) {
    if (tokens.is_symbol(row.symbol)) return &row;
  }
  return nullptr;
}

// Depth of a node's tree, by its children.
struct Deepest {
  int depth = 0;
  void see(const ExprPtr& child) { depth = child ? std::max(depth, child->depth) : depth; }
  void see(const CallArguments& arguments) {
    for (const ExprPtr& child : arguments.positional) see(child);
    for (const auto& [name, child] : arguments.named) see(child);
    see(arguments.all_positional), see(arguments.all_named);
  }

  void operator()(const Literal&) {}
  void operator()(const Name&) {}
  void operator()(const Captured&) {}
  void operator()(const ListDisplay& node) {
    for (const ExprPtr& child : node.items) see(child);
  }
  void operator()(const DictDisplay& node) {
    for (const auto& [key, value] : node.entries) see(key), see(value);
  }
  void operator()(const Negation& node) { see(node.operand); }
  void operator()(const Not& node) { see(node.operand); }
  void operator()(const Logical& node) { see(node.left), see(node.right); }
  void operator()(const Binary& node) { see(node.left), see(node.right); }
  void operator()(const Comparison& node) {
    see(node.first);
    for (const auto& [op, child] : node.rest) see(child);
  }
  void operator()(const Conditional& node) { see(node.condition), see(node.then), see(node.otherwise); }
  void operator()(const Attribute& node) { see(node.object); }
  void operator()(const Subscript& node) { see(node.object), see(node.key); }
  void operator()(const Slice& node) { see(node.object), see(node.begin), see(node.end), see(node.step); }
  void operator()(const Call& node) { see(node.function), see(node.arguments); }
  void operator()(const FilterCall& node) { see(node.value), see(node.arguments); }
  void operator()(const TestCall& node) { see(node.value), see(node.arguments); }
};

}  // namespace

ExprPtr ExpressionParser::make(int line, decltype(Expr::node) node) {
  Deepest deepest;
  std::visit(deepest, node);
  if (deepest.depth >= kMaxNesting) unsupported(line, fmt::format("an expression nested more than {} deep", kMaxNesting));
  return std::make_unique<const Expr>(Expr{line, std::move(node), deepest.depth + 1});
}

void ExpressionParser::define_assigned(const std::string& name) {
  define(name);
  assigned_.insert(name);
}

size_t ExpressionParser::mentions(std::string_view name) const {
  const auto found = mentions_.find(name);
  return found == mentions_.end() ? 0 : found->second;
}

void ExpressionParser::check_called_names() const {
  for (const CalledOf& call : called_of_) {
    if (!assigned_.contains(call.owner)) unsupported(call.line, fmt::format("method '{}'", call.method));
  }
  for (const auto& [line, name] : called_) {
    if (name != "loop" && !is_function(name) && !defined_.contains(name)) unsupported(line, fmt::format("function '{}'", name));
  }
}

ExprPtr ExpressionParser::parse_expression() {
  const TokenStream::Level level(tokens_);
  const int line = tokens_.line();
  ExprPtr value = parse_or();
  while (tokens_.take_name("if")) {
    ExprPtr condition = parse_or();
    ExprPtr otherwise = tokens_.take_name("else") ? parse_expression() : nullptr;
    value = make(line, Conditional{std::move(condition), std::move(value), std::move(otherwise)});
  }
  return value;
}

ExprPtr ExpressionParser::parse_without_if() {
  const int line = tokens_.line();
  ExprPtr first = parse_or();
  if (!tokens_.is_symbol(",")) return first;
  ListDisplay tuple{{}, List::Form::tuple};
  tuple.items.push_back(std::move(first));
  while (tokens_.take_symbol(",") && !tokens_.is(Token::Kind::block_end)) tuple.items.push_back(parse_or());
  return make(line, std::move(tuple));
}

ExprPtr ExpressionParser::parse_value() {
  const int line = tokens_.line();
  ExprPtr first = parse_expression();
  if (!tokens_.is_symbol(",")) return first;
  ListDisplay tuple{{}, List::Form::tuple};
  tuple.items.push_back(std::move(first));
  while (tokens_.take_symbol(",")) {
    if (tokens_.is(Token::Kind::block_end) || tokens_.is(Token::Kind::variable_end) || tokens_.is_symbol(")")) break;
    tuple.items.push_back(parse_expression());
  }
  return make(line, std::move(tuple));
}

ExprPtr ExpressionParser::parse_or() {
  const int line = tokens_.line();
  ExprPtr left = parse_and();
  while (tokens_.take_name("or")) left = make(line, Logical{false, std::move(left), parse_and()});
  return left;
}

ExprPtr ExpressionParser::parse_and() {
  const int line = tokens_.line();
  ExprPtr left = parse_not();
  while (tokens_.take_name("and")) left = make(line, Logical{true, std::move(left), parse_not()});
  return left;
}

ExprPtr ExpressionParser::parse_not() {
  const TokenStream::Level level(tokens_);
  const int line = tokens_.line();
  if (tokens_.take_name("not")) return make(line, Not{parse_not()});
  return parse_comparison();
}

ExprPtr ExpressionParser::parse_comparison() {
  const int line = tokens_.line();
  ExprPtr first = parse_sum();
  std::vector<std::pair<CompareOp, ExprPtr>> rest;
  while (true) {
    if (const CompareRow* row = find_row(kComparisons, tokens_)) {
      tokens_.take();
      rest.emplace_back(row->op, parse_sum());
    } else if (tokens_.take_name("in")) {
      rest.emplace_back(CompareOp::in, parse_sum());
    } else if (tokens_.is_name("not") && tokens_.is_name("in", 1)) {
      tokens_.take();
      tokens_.take();
      rest.emplace_back(CompareOp::not_in, parse_sum());
    } else {
      break;
    }
  }
  return rest.empty() ? std::move(first) : make(line, Comparison{std::move(first), std::move(rest)});
}

ExprPtr ExpressionParser::parse_sum() {
  const int line = tokens_.line();
  ExprPtr left = parse_concatenation();
  while (const BinaryRow* row = find_row(kSums, tokens_)) {
    tokens_.take();
    left = make(line, Binary{row->op, std::move(left), parse_concatenation()});
  }
  return left;
}

ExprPtr ExpressionParser::parse_concatenation() {
  const int line = tokens_.line();
  ExprPtr left = parse_product();
  while (tokens_.take_symbol("~")) left = make(line, Binary{BinaryOp::concatenate, std::move(left), parse_product()});
  return left;
}

ExprPtr ExpressionParser::parse_product() {
  const int line = tokens_.line();
  ExprPtr left = parse_power();
  while (const BinaryRow* row = find_row(kProducts, tokens_)) {
    tokens_.take();
    left = make(line, Binary{row->op, std::move(left), parse_power()});
  }
  return left;
}

ExprPtr ExpressionParser::parse_power() {
  const int line = tokens_.line();
  ExprPtr left = parse_unary(true);
  while (tokens_.take_symbol("**")) left = make(line, Binary{BinaryOp::power, std::move(left), parse_unary(true)});
  return left;
}

ExprPtr ExpressionParser::parse_unary(bool with_filters) {
  const TokenStream::Level level(tokens_);
  const int line = tokens_.line();
  ExprPtr value;
  if (tokens_.take_symbol("-")) {
    value = make(line, Negation{parse_unary(false)});
  } else if (tokens_.take_symbol("+")) {
    value = parse_unary(false);
  } else {
    value = parse_primary();
  }
  value = parse_postfix(std::move(value));
  return with_filters ? parse_filters(std::move(value)) : std::move(value);
}

}  // namespace yoke::model::text::jinja
