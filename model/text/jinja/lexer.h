// A template's source cut into tokens, with white space already trimmed as trim_blocks, lstrip_blocks and the signs in
// {%- -%} {%+ say. Offsets, not copies, where the text is the source's own. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace yoke::model::text::jinja {

struct Token {
  enum class Kind {
    data,            // text outside of any braces
    variable_begin,  // {{
    variable_end,
    block_begin,  // {%
    block_end,
    name,
    string,   // `text` is its meaning, escapes resolved
    integer,  // `text` as written, without underscores
    real,
    symbol,  // operators and punctuation
    end,
  };
  Kind kind = Kind::end;
  std::string text;
  int line = 1;
};

// Error{bad_file} with the line for what is no token, and for braces and strings that do not end.
std::vector<Token> tokenize(std::string_view source);

// Error{bad_file}: "chat template, line 3: ..."; Error{unsupported} likewise.
[[noreturn]] void syntax_error(int line, const std::string& what);
[[noreturn]] void unsupported(int line, const std::string& what);

}  // namespace yoke::model::text::jinja
