#include "tests/emulator/ptx/lexer.h"

#include <cctype>
#include <stdexcept>
#include <string>

namespace yoke::emulator {
namespace {

bool begins_word(char c) { return std::isalpha(static_cast<unsigned char>(c)) || c == '_' || c == '$' || c == '%' || c == '.'; }

bool continues_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$' || c == '.'; }

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  std::vector<Token> run() {
    while (skip_blank()) tokens_.push_back({kind(), take(), line_});
    tokens_.push_back({Token::Kind::end, {}, line_});
    return std::move(tokens_);
  }

 private:
  char at(size_t i) const { return i < text_.size() ? text_[i] : '\0'; }

  bool skip_blank() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '\n') {
        ++line_, ++at_;
      } else if (std::isspace(static_cast<unsigned char>(c)) || c == '\0') {
        ++at_;
      } else if (c == '/' && at(at_ + 1) == '/') {
        while (at_ < text_.size() && text_[at_] != '\n') ++at_;
      } else if (c == '/' && at(at_ + 1) == '*') {
        skip_comment();
      } else {
        return true;
      }
    }
    return false;
  }

  void skip_comment() {
    const size_t close = text_.find("*/", at_ + 2);
    if (close == std::string_view::npos) throw std::runtime_error("line " + std::to_string(line_) + ": comment without end");
    for (; at_ < close + 2; ++at_) line_ += text_[at_] == '\n';
  }

  Token::Kind kind() const {
    const char c = at(at_);
    if (std::isdigit(static_cast<unsigned char>(c))) return Token::Kind::number;
    if (c == '"') return Token::Kind::string;
    return begins_word(c) ? Token::Kind::word : Token::Kind::punctuation;
  }

  std::string_view take() {
    const size_t begin = at_;
    switch (kind()) {
      case Token::Kind::number:
        // The dot of "1.5" and the exponent's sign do not occur in what nvcc writes.
        while (continues_word(at(at_))) ++at_;
        break;
      case Token::Kind::word:
        // Directives may stand without a blank between: ".reg.b32".
        ++at_;
        while ((continues_word(at(at_)) && !(text_[begin] == '.' && at(at_) == '.')) || (at(at_) == ':' && at(at_ + 1) == ':' && continues_word(at(at_ + 2)))) {
          at_ += at(at_) == ':' ? 2 : 1;
        }
        break;
      case Token::Kind::string:
        for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) at_ += text_[at_] == '\\';
        ++at_;
        break;
      case Token::Kind::punctuation:
      case Token::Kind::end:
        ++at_;
        break;
    }
    return text_.substr(begin, at_ - begin);
  }

  std::string_view text_;
  size_t at_ = 0;
  uint32_t line_ = 1;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokenize(std::string_view text) { return Lexer(text).run(); }

}  // namespace yoke::emulator
