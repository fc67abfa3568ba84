// The regular expressions of tokenizers, in Oniguruma's syntax (tokenizer.json) or PCRE's (GGUF rows): what pre-tokenizers use
// of it, with the Unicode of model/text/unicode whatever the machine's PCRE2 knows. Immutable; any thread.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

namespace yoke::model::text {

class Pattern {
 public:
  // Error{unsupported} with the place and the construct for what is not known (back references, recursion, ...),
  // Error{bad_file} for a syntax error. Bounded in size and nesting.
  explicit Pattern(std::string_view source);
  ~Pattern();
  Pattern(Pattern&&) noexcept;

  struct Match {
    size_t begin, end;  // bytes
  };
  // All matches, leftmost first, none overlapping, in the order of the text, as a scan gives them; of empty ones too.
  // `text` is well-formed UTF-8. Where a limit on backtracking is passed, the scan ends early: bounded time is promised.
  std::vector<Match> find_all(std::string_view text) const;

 private:
  struct Program;
  std::unique_ptr<const Program> program_;
};

}  // namespace yoke::model::text
