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
    statement.target = parse_target();
    if (!statement.target.field.empty()) syntax_error(line, "a loop binds names, not a field");
    tokens_.expect_name("in");
    statement.iterable = expressions_.parse_without_if();
    if (tokens_.take_name("if")) statement.filter = expressions_.parse_expression();
    if (tokens_.is_name("recursive")) unsupported(line, "'recursive' loops");
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

  Target parse_target() {
    Target target;
    const bool bracketed = tokens_.take_symbol("(");
    do {
      if (tokens_.is_symbol("(")) unsupported(tokens_.line(), "unpacking into nested names");
      target.names.push_back(tokens_.expect_any_name());
      expressions_.define(target.names.back());
      if (!tokens_.take_symbol(",")) break;
      target.unpacks = true;
    } while (tokens_.is(Token::Kind::name) && !tokens_.is_name("in"));
    if (bracketed) tokens_.expect_symbol(")");
    if (!target.unpacks && tokens_.take_symbol(".")) target.field = tokens_.expect_any_name();
    return target;
  }

  void parse_set(int line, Body& body) {
    Target target = parse_target();
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

  void parse_macro(int line, Body& body) {
    Macro macro;
    macro.name = tokens_.expect_any_name();
    expressions_.define(macro.name);
    tokens_.expect_symbol("(");
    while (!tokens_.take_symbol(")")) {
      std::string name = tokens_.expect_any_name();
      expressions_.define(name);
      ExprPtr otherwise = tokens_.take_symbol("=") ? expressions_.parse_expression() : nullptr;
      macro.parameters.emplace_back(std::move(name), std::move(otherwise));
      if (!tokens_.is_symbol(")")) tokens_.expect_symbol(",");
    }
    end_block();
    const int loops = std::exchange(loops_, 0);
    macro.body = parse_body({"endmacro"});
    loops_ = loops;
    tokens_.expect_name("endmacro");
    if (tokens_.is(Token::Kind::name)) tokens_.take();  // Jinja allows the name again
    end_block();
    body.push_back({line, std::move(macro)});
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
