#include "model/text/jinja/parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <iterator>
#include <utility>

#include "model/text/jinja/expression_parser.h"

namespace yoke::model::text::jinja {
namespace {

using Words = std::initializer_list<std::string_view>;

class StatementParser {
 public:
  explicit StatementParser(std::vector<Token> tokens) : tokens_(std::move(tokens)), expressions_(tokens_) {}

  Body parse_all() {
    Body body = parse_body({});
    expressions_.check_called_names();
    return body;
  }

 private:
  // Statements up to a block that begins with one of `ends`, whose name is the next token then; or up to the end.
  Body parse_body(Words ends) {
    const TokenStream::Level level(tokens_);
    Body body;
    while (!tokens_.is(Token::Kind::end)) {
      const int line = tokens_.line();
      if (tokens_.is(Token::Kind::data)) {
        body.push_back({line, Data{tokens_.take().text}});
      } else if (tokens_.is(Token::Kind::variable_begin)) {
        tokens_.take();
        body.push_back({line, Output{expressions_.parse_value()}});
        tokens_.expect(Token::Kind::variable_end);
      } else {
        tokens_.expect(Token::Kind::block_begin);
        if (std::any_of(ends.begin(), ends.end(), [&](std::string_view word) { return tokens_.is_name(word); })) return body;
        parse_block(line, body);
      }
    }
    if (ends.size() > 0) tokens_.unexpected(fmt::format("'{{% {} %}}'", *(ends.end() - 1)));
    return body;
  }

  void end_block() { tokens_.expect(Token::Kind::block_end); }
  void end_block(std::string_view name) {
    tokens_.expect_name(name);
    end_block();
  }

  void parse_block(int line, Body& body) {
    using Parse = void (StatementParser::*)(int, Body&);
    static constexpr std::pair<std::string_view, Parse> kStatements[] = {
        {"if", &StatementParser::parse_if},         {"for", &StatementParser::parse_for},
        {"set", &StatementParser::parse_set},       {"macro", &StatementParser::parse_macro},
        {"filter", &StatementParser::parse_filter}, {"generation", &StatementParser::parse_generation},
        {"break", &StatementParser::parse_break},   {"continue", &StatementParser::parse_continue},
        {"call", &StatementParser::parse_call},     {"with", &StatementParser::parse_with},
    };
    const std::string name = tokens_.expect_any_name();
    for (const auto& [known, parse] : kStatements) {
      if (known == name) return (this->*parse)(line, body);
    }
    if (name.starts_with("end") || name == "else" || name == "elif") {
      syntax_error(line, fmt::format("'{{% {} %}}' without its beginning", name));
    }
    unsupported(line, fmt::format("statement '{}'", name));
  }

  void parse_if(int line, Body& body) {
    If statement;
    do {
      ExprPtr condition = expressions_.parse_value();
      end_block();
      statement.branches.emplace_back(std::move(condition), parse_body({"elif", "else", "endif"}));
    } while (tokens_.take_name("elif"));
    if (tokens_.take_name("else")) {
      end_block();
      statement.otherwise = parse_body({"endif"});
    }
    end_block("endif");
    body.push_back({line, std::move(statement)});
  }

  void parse_for(int line, Body& body) {
    For statement;
    statement.target = parse_targets(false);
    tokens_.expect_name("in");
    statement.iterable = expressions_.parse_without_if();
    if (tokens_.take_name("if")) statement.filter = expressions_.parse_expression();
    statement.recursive = tokens_.take_name("recursive");
    end_block();
    ++loops_;
    statement.body = parse_body({"else", "endfor"});
    --loops_;
    if (tokens_.take_name("else")) {
      end_block();
      statement.otherwise = parse_body({"endfor"});
    }
    end_block("endfor");
    body.push_back({line, std::move(statement)});
  }

  // One name, or one in brackets: (a, b).
  Target parse_target(bool assigned) {
    const TokenStream::Level level(tokens_);
    if (tokens_.take_symbol("(")) {
      Target target = parse_targets(assigned);
      tokens_.expect_symbol(")");
      return target;
    }
    Target target{tokens_.expect_any_name(), {}, {}};
    if (assigned && tokens_.take_symbol(".")) {
      target.field = tokens_.expect_any_name();
    } else if (assigned) {
      expressions_.define_assigned(target.name);
    } else {
      expressions_.define(target.name);
    }
    return target;
  }

  // One target, or several with commas, which a value is unpacked into.
  Target parse_targets(bool assigned) {
    Target first = parse_target(assigned);
    if (!tokens_.is_symbol(",")) return first;
    Target several;
    several.parts.push_back(std::move(first));
    while (tokens_.take_symbol(",")) {
      const bool another = (tokens_.is(Token::Kind::name) && !tokens_.is_name("in")) || tokens_.is_symbol("(");
      if (!another) break;
      several.parts.push_back(parse_target(assigned));
    }
    return several;
  }

  void parse_set(int line, Body& body) {
    Target target = parse_targets(true);
    if (tokens_.take_symbol("=")) {
      ExprPtr value = expressions_.parse_value();
      end_block();
      body.push_back({line, Set{std::move(target), std::move(value)}});
      return;
    }
    ExprPtr value = expressions_.parse_filters(expressions_.make(line, Captured{}));
    end_block();
    Body captured = parse_body({"endset"});
    end_block("endset");
    body.push_back({line, SetBlock{std::move(target), std::move(value), std::move(captured)}});
  }

  void parse_filter(int line, Body& body) {
    ExprPtr value = expressions_.parse_filter_chain(expressions_.make(line, Captured{}));
    end_block();
    Body captured = parse_body({"endfilter"});
    end_block("endfilter");
    body.push_back({line, FilterBlock{std::move(value), std::move(captured)}});
  }

  void parse_parameters(Macro& macro) {
    tokens_.expect_symbol("(");
    while (!tokens_.take_symbol(")")) {
      std::string name = tokens_.expect_any_name();
      expressions_.define_assigned(name);
      ExprPtr otherwise = tokens_.take_symbol("=") ? expressions_.parse_expression() : nullptr;
      macro.parameters.emplace_back(std::move(name), std::move(otherwise));
      if (!tokens_.is_symbol(")")) tokens_.expect_symbol(",");
    }
  }

  void parse_macro_body(Macro& macro, std::string_view end) {
    const int loops = std::exchange(loops_, 0);
    const size_t more = expressions_.mentions("varargs"), named = expressions_.mentions("kwargs");
    const size_t caller = expressions_.mentions("caller");
    macro.body = parse_body({end});
    macro.takes_more = expressions_.mentions("varargs") > more;
    macro.takes_more_named = expressions_.mentions("kwargs") > named;
    macro.takes_caller = expressions_.mentions("caller") > caller;
    loops_ = loops;
    tokens_.expect_name(end);
  }

  void parse_macro(int line, Body& body) {
    Macro macro{};
    macro.name = tokens_.expect_any_name();
    expressions_.define(macro.name);
    parse_parameters(macro);
    end_block();
    parse_macro_body(macro, "endmacro");
    if (tokens_.is(Token::Kind::name)) tokens_.take();  // Jinja allows the name again
    end_block();
    body.push_back({line, std::move(macro)});
  }

  void parse_call(int line, Body& body) {
    CallBlock block{};
    block.inside.name = "caller";
    if (tokens_.is_symbol("(")) parse_parameters(block.inside);
    block.call = expressions_.parse_expression();
    if (!std::holds_alternative<Call>(block.call->node)) syntax_error(line, "'call' needs a call: {% call f() %}");
    end_block();
    parse_macro_body(block.inside, "endcall");
    end_block();
    body.push_back({line, std::move(block)});
  }

  void parse_with(int line, Body& body) {
    With block;
    while (!tokens_.is(Token::Kind::block_end)) {
      Target target = parse_target(true);
      tokens_.expect_symbol("=");
      block.bindings.emplace_back(std::move(target), expressions_.parse_expression());
      if (!tokens_.take_symbol(",")) break;
    }
    end_block();
    block.body = parse_body({"endwith"});
    end_block("endwith");
    body.push_back({line, std::move(block)});
  }

  // transformers marks the assistant's part by it for training; what it holds is rendered as it stands.
  void parse_generation(int, Body& body) {
    end_block();
    Body inner = parse_body({"endgeneration"});
    end_block("endgeneration");
    std::move(inner.begin(), inner.end(), std::back_inserter(body));
  }

  void parse_break(int line, Body& body) {
    if (loops_ == 0) syntax_error(line, "'break' outside of a loop");
    end_block();
    body.push_back({line, Break{}});
  }

  void parse_continue(int line, Body& body) {
    if (loops_ == 0) syntax_error(line, "'continue' outside of a loop");
    end_block();
    body.push_back({line, Continue{}});
  }

  TokenStream tokens_;
  ExpressionParser expressions_;
  int loops_ = 0;
};

}  // namespace

Body parse(std::string_view source) { return StatementParser(tokenize(source)).parse_all(); }

}  // namespace yoke::model::text::jinja
