#include "model/text/jinja/token_stream.h"

#include <fmt/format.h>

namespace yoke::model::text::jinja {
namespace {

std::string describe(const Token& token) {
  switch (token.kind) {
    case Token::Kind::data: return "text";
    case Token::Kind::variable_begin: return "'{{'";
    case Token::Kind::variable_end: return "'}}'";
    case Token::Kind::block_begin: return "'{%'";
    case Token::Kind::block_end: return "'%}'";
    case Token::Kind::string: return "a string";
    case Token::Kind::name:
    case Token::Kind::integer:
    case Token::Kind::real:
    case Token::Kind::symbol: return fmt::format("'{}'", token.text);
    case Token::Kind::end: return "the end";
  }
  return "";
}

}  // namespace

void TokenStream::unexpected(std::string_view wanted) const {
  syntax_error(line(), fmt::format("found {}, expected {}", describe(peek()), wanted));
}

void TokenStream::expect_symbol(std::string_view text) {
  if (!take_symbol(text)) unexpected(fmt::format("'{}'", text));
}

void TokenStream::expect_name(std::string_view text) {
  if (!take_name(text)) unexpected(fmt::format("'{}'", text));
}

std::string TokenStream::expect_any_name() {
  if (peek().kind != Token::Kind::name) unexpected("a name");
  return take().text;
}

void TokenStream::expect(Token::Kind kind) {
  if (peek().kind != kind) unexpected(describe({kind, "", 0}));
  take();
}

}  // namespace yoke::model::text::jinja
