// The regular expressions of tokenizers in the syntax of Oniguruma, which the reference uses (regex/parser.h says what differs),
// with the Unicode of model/text/unicode whatever the machine's PCRE2 knows: a text becomes one byte a character, its class among
// those that the expression tells apart, and PCRE2 matches bytes. Immutable; any thread.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

namespace yoke::model::text {

class Pattern {
 public:
  // Error{unsupported} with the place and the construct for what is not known (back references, recursion, ...) and for more
  // than 256 classes of characters, Error{bad_file} for a syntax error. Bounded in size and nesting.
  explicit Pattern(std::string_view source);
  ~Pattern();
  Pattern(Pattern&&) noexcept;
  Pattern& operator=(Pattern&&) noexcept;

  struct Match {
    size_t begin, end;  // bytes
  };
  // All matches, leftmost first, none overlapping, in the order of the text, as a scan gives them; of empty ones too, but for one
  // that touches the match before it. `text` is well-formed UTF-8.
  //
  // Ordinary expressions take time linear in the text. One that backtracks without end is stopped: by its steps, some 20 million
  // and 50 a character, or by its time, 2 seconds and 2 microseconds a byte. The scan ends there, without further matches.
  std::vector<Match> find_all(std::string_view text) const;
  void find_all(std::string_view text, std::vector<Match>& matches) const;  // appends; for many short texts

 private:
  struct Compiled;
  class Scan;
  std::unique_ptr<const Compiled> compiled_;
};

}  // namespace yoke::model::text
