// The parser's place in the tokens, and the depth it has gone to. One thread.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "model/text/jinja/lexer.h"

namespace yoke::model::text::jinja {

// Nested brackets, blocks and operators, also the length of a chain like a + b + c; bounds the stack of parser and evaluator.
inline constexpr int kMaxNesting = 200;

class TokenStream {
 public:
  explicit TokenStream(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  const Token& peek(size_t ahead = 0) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }
  const Token& take() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }
  int line() const { return peek().line; }

  bool is_symbol(std::string_view text, size_t ahead = 0) const { return is(Token::Kind::symbol, text, ahead); }
  bool is_name(std::string_view text, size_t ahead = 0) const { return is(Token::Kind::name, text, ahead); }
  bool is(Token::Kind kind) const { return peek().kind == kind; }

  bool take_symbol(std::string_view text) { return is_symbol(text) && (take(), true); }
  bool take_name(std::string_view text) { return is_name(text) && (take(), true); }

  // Syntax errors where something else stands there.
  void expect_symbol(std::string_view text);
  void expect_name(std::string_view text);
  std::string expect_any_name();
  void expect(Token::Kind kind);
  [[noreturn]] void unexpected(std::string_view wanted) const;

  // Guards one level of recursion.
  class Level {
   public:
    explicit Level(TokenStream& stream) : stream_(stream) {
      if (++stream_.depth_ > kMaxNesting) unsupported(stream_.line(), "nesting this deep");
    }
    ~Level() { --stream_.depth_; }
    Level(const Level&) = delete;

   private:
    TokenStream& stream_;
  };

 private:
  bool is(Token::Kind kind, std::string_view text, size_t ahead) const {
    return peek(ahead).kind == kind && peek(ahead).text == text;
  }

  std::vector<Token> tokens_;
  size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace yoke::model::text::jinja
