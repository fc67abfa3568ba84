// Tokens of PTX: words (opcodes with their suffixes, names, numbers), punctuation of one character, strings.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace yoke::emulator {

struct Token {
  enum class Kind : uint8_t { word, number, punctuation, string, end };
  Kind kind = Kind::end;
  std::string_view text;
  uint32_t line = 0;
};

// Throws std::runtime_error("line N: ...").
std::vector<Token> tokenize(std::string_view text);

}  // namespace yoke::emulator
