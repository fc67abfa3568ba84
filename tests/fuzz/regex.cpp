// The input's first line is a pattern, as a tokenizer.json has them; the rest is a text. Matches must be what a caller may cut by:
// in order, within the text and at characters.
#include <cstdio>
#include <cstdlib>

#include "model/text/regex/pattern.h"
#include "model/text/utf8.h"
#include "tests/fuzz/open_or_refuse.h"

namespace {

using namespace yoke;

bool begins_character(std::string_view text, size_t at) {
  return at == text.size() || (static_cast<uint8_t>(text[at]) & 0xC0) != 0x80;
}

// As far as it is well-formed: what a caller promises.
std::string_view well_formed_part(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    const model::text::Utf8Char c = model::text::read_char(text, at);
    if (c.state != model::text::Utf8Char::State::well_formed) break;
    at += c.bytes;
  }
  return text.substr(0, at);
}

void check(std::string_view text, const std::vector<model::text::Pattern::Match>& matches) {
  size_t done = 0;
  for (const auto& [begin, end] : matches) {
    if (begin < done || end < begin || end > text.size() || !begins_character(text, begin) || !begins_character(text, end)) {
      std::fprintf(stderr, "a reader threw no error, but a match from %zu to %zu behind %zu\n", begin, end, done);
      std::abort();
    }
    done = end;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input = fuzz::text_of(data, size);
  const size_t line = std::min(input.find('\n'), input.size());
  const std::string_view text = well_formed_part(std::string_view(input).substr(std::min(line + 1, input.size())));
  fuzz::read_or_refuse([&] {
    const model::text::Pattern pattern(std::string_view(input).substr(0, line));
    check(text, pattern.find_all(text));
  });
  return 0;
}
