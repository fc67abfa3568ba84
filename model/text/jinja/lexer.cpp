#include "model/text/jinja/lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/error.h"
#include "model/text/jinja/characters.h"
#include "model/text/jinja/string_literal.h"
#include "model/text/utf8.h"

namespace yoke::model::text::jinja {
namespace {

// Longest first, so that "**" is not two of "*".
constexpr std::array<std::string_view, 26> kSymbols = {"==", "!=", "<=", ">=", "**", "//", "+", "-", "*", "/", "%", "~", "<",
                                                       ">",  "=",  "(",  ")",  "[",  "]",  "{", "}", ",", ":", ".", "|", ";"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool begins_name(char c) { return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || static_cast<uint8_t>(c) >= 0x80; }
bool continues_name(char c) { return begins_name(c) || is_digit(c); }

class Lexer {
 public:
  explicit Lexer(std::string source) : source_(std::move(source)) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) lex_outside();
    add(Token::Kind::end, "");
    return std::move(tokens_);
  }

 private:
  std::string_view rest() const { return std::string_view(source_).substr(at_); }

  void add(Token::Kind kind, std::string_view text) { tokens_.push_back({kind, std::string(text), line_}); }

  void advance(size_t bytes) {
    line_ += static_cast<int>(std::count(source_.begin() + static_cast<std::ptrdiff_t>(at_),
                                         source_.begin() + static_cast<std::ptrdiff_t>(at_ + bytes), '\n'));
    at_ += bytes;
  }

  size_t find_open() const {
    static constexpr std::string_view kSecond = "{%#";
    for (size_t open = source_.find('{', at_); open != std::string::npos; open = source_.find('{', open + 1)) {
      if (open + 1 < source_.size() && kSecond.find(source_[open + 1]) != kSecond.npos) return open;
    }
    return std::string::npos;
  }

  // Text up to the next opening brace, then what that opens.
  void lex_outside() {
    const size_t open = find_open();
    const size_t end = std::min(open, source_.size());
    const char kind = open == std::string::npos ? '\0' : source_[open + 1];
    const char sign = end + 2 < source_.size() ? source_[end + 2] : '\0';
    add_data(end, kind, sign);
    if (kind == '\0') return;
    advance(sign == '-' || sign == '+' ? 3 : 2);
    if (kind == '#') return skip_comment();
    if (kind == '%' && try_raw()) return;
    add(kind == '{' ? Token::Kind::variable_begin : Token::Kind::block_begin, "");
    lex_inside(kind == '{' ? '}' : '%');
  }

  void add_data(size_t end, char kind, char sign) {
    std::string_view data = std::string_view(source_).substr(at_, end - at_);
    if (kind != '\0' && sign == '-') {
      data.remove_suffix(trailing_stripped(data, nullptr));
    } else if (kind == '%' || kind == '#') {
      if (sign != '+') data.remove_suffix(indentation_before_block(data));
    }
    if (!data.empty()) add(Token::Kind::data, data);
    advance(end - at_);
  }

  // lstrip_blocks: white space between the line's beginning and a block.
  size_t indentation_before_block(std::string_view data) const {
    const size_t line_end = data.rfind('\n');
    const bool from_line_start = line_end != data.npos || at_line_start_;
    const std::string_view tail = data.substr(line_end == data.npos ? 0 : line_end + 1);
    return from_line_start && leading_stripped(tail, nullptr) == tail.size() ? tail.size() : 0;
  }

  // What follows a closing brace: "-" drops all white space, trim_blocks drops one line end behind a block or a comment.
  void close(char sign, bool trims_line) {
    const size_t begin = at_;
    if (sign == '-') advance(leading_stripped(rest(), nullptr));
    else if (sign != '+' && trims_line && rest().starts_with('\n')) advance(1);
    at_line_start_ = at_ > begin && source_[at_ - 1] == '\n';
  }

  void skip_comment() {
    const size_t end = source_.find("#}", at_);
    if (end == std::string::npos) syntax_error(line_, "a comment does not end");
    const char sign = end > at_ ? source_[end - 1] : '\0';
    advance(end + 2 - at_);
    close(sign, true);
  }

  // {% raw %} ... {% endraw %}; false where the block is another one.
  bool try_raw() {
    size_t at = at_ + leading_stripped(rest(), nullptr);
    if (source_.compare(at, 3, "raw") != 0) return false;
    at += 3;
    at += leading_stripped(std::string_view(source_).substr(at), nullptr);
    const bool minus = source_.compare(at, 1, "-") == 0;
    if (source_.compare(at + minus, 2, "%}") != 0) return false;
    advance(at + minus + 2 - at_);
    close(minus ? '-' : '\0', false);  // trim_blocks does not reach into a raw block
    lex_raw();
    return true;
  }

  void lex_raw() {
    for (size_t open = source_.find("{%", at_); open != std::string::npos; open = source_.find("{%", open + 2)) {
      const std::string_view behind = std::string_view(source_).substr(open + 2);
      const bool minus = behind.starts_with('-');
      std::string_view word = behind.substr(minus || behind.starts_with('+') ? 1 : 0);
      word.remove_prefix(leading_stripped(word, nullptr));
      if (!word.starts_with("endraw")) continue;
      word.remove_prefix(6);
      word.remove_prefix(leading_stripped(word, nullptr));
      const char sign = word.starts_with('-') || word.starts_with('+') ? word[0] : '\0';
      if (word.substr(sign ? 1 : 0, 2) != "%}") continue;
      add_data(open, '%', behind.empty() ? '\0' : behind[0]);
      advance(static_cast<size_t>(word.data() - source_.data()) + (sign ? 3 : 2) - at_);
      return close(sign, true);
    }
    syntax_error(line_, "a raw block does not end");
  }

  void lex_inside(char closing) {
    size_t open_brackets = 0;
    while (true) {
      advance(leading_stripped(rest(), nullptr));
      if (at_ == source_.size()) syntax_error(line_, "braces do not end");
      if (open_brackets == 0 && try_close(closing)) return;
      const char c = source_[at_];
      if (begins_name(c)) lex_name();
      else if (is_digit(c)) lex_number();
      else if (c == '"' || c == '\'') lex_string();
      else lex_symbol(open_brackets);
    }
  }

  bool try_close(char closing) {
    const bool has_sign = source_[at_] == '-' || (source_[at_] == '+' && closing == '%');
    const std::string_view mark = rest().substr(has_sign ? 1 : 0, 2);
    if (mark.size() < 2 || mark[0] != closing || mark[1] != '}') return false;
    const char sign = has_sign ? source_[at_] : '\0';
    add(closing == '}' ? Token::Kind::variable_end : Token::Kind::block_end, "");
    advance(has_sign ? 3 : 2);
    close(sign, closing == '%');
    return true;
  }

  void lex_name() {
    size_t end = at_;
    while (end < source_.size() && continues_name(source_[end])) ++end;
    add(Token::Kind::name, rest().substr(0, end - at_));
    advance(end - at_);
  }

  char char_at(size_t at) const { return at < source_.size() ? source_[at] : '\0'; }

  size_t skip_digits(size_t at) const {
    while (is_digit(char_at(at)) || (char_at(at) == '_' && is_digit(char_at(at + 1)))) ++at;
    return at;
  }

  void lex_number() {
    size_t end = skip_digits(at_);
    bool real = false;
    if (char_at(end) == '.' && is_digit(char_at(end + 1))) {
      real = true;
      end = skip_digits(end + 1);
    }
    if (char_at(end) == 'e' || char_at(end) == 'E') {
      const size_t exponent = end + (char_at(end + 1) == '-' || char_at(end + 1) == '+' ? 2 : 1);
      if (is_digit(char_at(exponent))) {
        real = true;
        end = skip_digits(exponent);
      }
    }
    std::string text(rest().substr(0, end - at_));
    text.erase(std::remove(text.begin(), text.end(), '_'), text.end());
    add(real ? Token::Kind::real : Token::Kind::integer, text);
    advance(end - at_);
  }

  void lex_string() {
    const char quote = source_[at_];
    size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) syntax_error(line_, "a string does not end");
    add(Token::Kind::string, resolve_escapes(rest().substr(1, end - at_ - 1), line_));
    advance(end + 1 - at_);
  }

  void lex_symbol(size_t& open_brackets) {
    const auto symbol = std::find_if(kSymbols.begin(), kSymbols.end(), [&](std::string_view one) { return rest().starts_with(one); });
    if (symbol == kSymbols.end()) syntax_error(line_, fmt::format("unexpected character '{}'", rest().substr(0, 1)));
    if (*symbol == "(" || *symbol == "[" || *symbol == "{") ++open_brackets;
    if (*symbol == ")" || *symbol == "]" || *symbol == "}") {
      if (open_brackets == 0) syntax_error(line_, fmt::format("unexpected '{}'", *symbol));
      --open_brackets;
    }
    add(Token::Kind::symbol, *symbol);
    advance(symbol->size());
  }

  std::string source_;
  size_t at_ = 0;
  int line_ = 1;
  bool at_line_start_ = true;
  std::vector<Token> tokens_;
};

// Jinja reads every line end as \n, and drops one at the end of a template.
std::string with_unix_line_ends(std::string_view source) {
  std::string out;
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      out += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    } else {
      out += source[i];
    }
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

}  // namespace

std::vector<Token> tokenize(std::string_view source) { return Lexer(with_unix_line_ends(source)).run(); }

void syntax_error(int line, const std::string& what) {
  throw Error{Code::bad_file, fmt::format("chat template, line {}: {}", line, what)};
}

void unsupported(int line, const std::string& what) {
  throw Error{Code::unsupported, fmt::format("chat template, line {}: {} is not supported by this build", line, what)};
}

}  // namespace yoke::model::text::jinja
