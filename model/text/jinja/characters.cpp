#define PCRE2_CODE_UNIT_WIDTH 8
#include "model/text/jinja/characters.h"

#include <pcre2.h>

#include <cstring>

#include "core/error.h"
#include "model/text/utf8.h"

namespace yoke::model::text::jinja {
namespace {

bool drops(std::string_view character, const std::string_view* set) {
  if (set) return set->find(character) != std::string_view::npos;
  const Utf8Char c = read_char(character, 0);
  return c.state == Utf8Char::State::well_formed && is_space(c.code);
}

size_t last_character_begin(std::string_view text) {
  size_t at = text.size() - 1;
  while (at > 0 && (text[at] & 0xC0) == 0x80) --at;
  return at;
}

// PCRE2 carries Unicode's case tables; this machine needs no other library for them. `force` is \U or \L.
std::string with_case(std::string_view text, std::string_view force) {
  static pcre2_code* const whole = [] {
    int error = 0;
    PCRE2_SIZE offset = 0;
    return pcre2_compile(reinterpret_cast<PCRE2_SPTR>(".+"), 2, PCRE2_UTF | PCRE2_UCP | PCRE2_DOTALL, &error, &offset, nullptr);
  }();
  YOKE_ASSERT(whole != nullptr);
  const std::string replacement = std::string(force) + "$0";
  // A character's other case may be a byte or two longer (U+023A and U+2C65).
  std::string out(text.size() * 2 + 4, '\0');
  PCRE2_SIZE size = out.size();
  const int replaced = pcre2_substitute(whole, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), 0,
                                        PCRE2_SUBSTITUTE_EXTENDED, nullptr, nullptr,
                                        reinterpret_cast<PCRE2_SPTR>(replacement.data()), replacement.size(),
                                        reinterpret_cast<PCRE2_UCHAR*>(out.data()), &size);
  if (replaced < 0) return std::string(text);  // not UTF-8: such text has no case
  out.resize(size);
  return out;
}

}  // namespace

size_t count_characters(std::string_view text) {
  size_t count = 0;
  for (size_t at = 0; at < text.size(); at += read_char(text, at).bytes) ++count;
  return count;
}

std::vector<size_t> character_bounds(std::string_view text) {
  std::vector<size_t> bounds;
  for (size_t at = 0; at < text.size(); at += read_char(text, at).bytes) bounds.push_back(at);
  bounds.push_back(text.size());
  return bounds;
}

size_t find_part(std::string_view text, std::string_view part, size_t from) {
  if (from > text.size()) return text.npos;
  // memmem is linear (two-way search), which std::string_view::find does not promise and is not.
  const void* found = memmem(text.data() + from, text.size() - from, part.data(), part.size());
  return found ? static_cast<size_t>(static_cast<const char*>(found) - text.data()) : text.npos;
}

size_t find_last_part(std::string_view text, std::string_view part) {
  // Backwards through the text is forwards through its mirror image.
  const std::string mirrored(text.rbegin(), text.rend()), mirrored_part(part.rbegin(), part.rend());
  const size_t at = find_part(mirrored, mirrored_part);
  return at == text.npos ? at : text.size() - at - part.size();
}

bool is_space(char32_t code) {
  return (code >= 0x09 && code <= 0x0D) || (code >= 0x1C && code <= 0x20) || code == 0x85 || code == 0xA0 || code == 0x1680 ||
         (code >= 0x2000 && code <= 0x200A) || code == 0x2028 || code == 0x2029 || code == 0x202F || code == 0x205F ||
         code == 0x3000;
}

size_t leading_stripped(std::string_view text, const std::string_view* set) {
  size_t at = 0;
  while (at < text.size()) {
    const size_t bytes = read_char(text, at).bytes;
    if (!drops(text.substr(at, bytes), set)) break;
    at += bytes;
  }
  return at;
}

size_t trailing_stripped(std::string_view text, const std::string_view* set) {
  size_t end = text.size();
  while (end > 0) {
    const size_t begin = last_character_begin(text.substr(0, end));
    if (!drops(text.substr(begin, end - begin), set)) break;
    end = begin;
  }
  return text.size() - end;
}

std::string to_upper(std::string_view text) {
  static constexpr std::string_view kSharpS = "\xC3\x9F";  // PCRE2 would make it U+1E9E
  std::string upper;
  size_t at = 0;
  for (size_t found = find_part(text, kSharpS); found != text.npos; found = find_part(text, kSharpS, at)) {
    upper += with_case(text.substr(at, found - at), "\\U") + "SS";
    at = found + kSharpS.size();
  }
  return upper + with_case(text.substr(at), "\\U");
}
std::string to_lower(std::string_view text) { return with_case(text, "\\L"); }

}  // namespace yoke::model::text::jinja
