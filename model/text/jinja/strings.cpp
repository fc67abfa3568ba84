#include "model/text/jinja/strings.h"

#include <algorithm>
#include <limits>

#include "model/text/jinja/budget.h"
#include "model/text/jinja/characters.h"
#include "model/text/utf8.h"

namespace yoke::model::text::jinja {
namespace {

// Each stripped character is looked up among those to strip: their number bounds the time.
constexpr size_t kMaxStripBytes = 1024;

int64_t or_unlimited(int64_t at_most) { return at_most < 0 ? std::numeric_limits<int64_t>::max() : at_most; }

// Splits at white space; `text` has none at its beginning.
std::vector<Value> split_at_space(Context& context, const Text& text, int64_t at_most) {
  std::vector<Value> parts;
  const std::string_view bytes = text.bytes();
  size_t at = leading_stripped(bytes, nullptr);
  while (at < bytes.size()) {
    context.budget.spend(1);
    size_t end = at;
    const bool rest = static_cast<int64_t>(parts.size()) == at_most;
    while (end < bytes.size()) {
      const Utf8Char c = read_char(bytes, end);
      if (!rest && c.state == Utf8Char::State::well_formed && is_space(c.code)) break;
      end += c.bytes;
    }
    if (rest) end -= trailing_stripped(bytes.substr(at), nullptr);
    parts.push_back(text.slice(at, end));
    if (rest) break;
    at = end + leading_stripped(bytes.substr(end), nullptr);
  }
  return parts;
}

// The same from the end: whole words, and what is left before them as one.
std::vector<Value> split_at_space_from_right(Context& context, const Text& text, int64_t at_most) {
  std::vector<Value> words = split_at_space(context, text, std::numeric_limits<int64_t>::max());
  const auto count = static_cast<int64_t>(words.size());
  if (count <= at_most) return words;
  // The words that stay together end where the first of the others begins: at most `at_most` words from the end.
  size_t end = text.size() - trailing_stripped(text.bytes(), nullptr);
  for (int64_t i = 0; i < at_most; ++i) {
    end -= words[static_cast<size_t>(count - 1 - i)].text()->size();
    end -= trailing_stripped(text.bytes().substr(0, end), nullptr);
  }
  std::vector<Value> parts = {text.slice(0, end)};
  parts.insert(parts.end(), words.end() - at_most, words.end());
  return parts;
}

// str.splitlines knows more line ends than the world does.
bool ends_line(char32_t code) {
  return (code >= 0x0A && code <= 0x0D) || (code >= 0x1C && code <= 0x1E) || code == 0x85 || code == 0x2028 || code == 0x2029;
}

void check_separator(const Text& separator) {
  if (separator.empty()) fail("a string cannot be split at an empty separator");
}

}  // namespace

Text strip(Context& context, const Text& text, Side side, const Text* characters) {
  if (characters && characters->size() > kMaxStripBytes) fail("strip() takes at most {} bytes of characters", kMaxStripBytes);
  context.budget.spend_bytes(text.size());
  const std::string_view set = characters ? characters->bytes() : std::string_view{};
  const std::string_view* dropped = characters ? &set : nullptr;
  const size_t begin = side == Side::right ? 0 : leading_stripped(text.bytes(), dropped);
  const std::string_view rest = text.bytes().substr(begin);
  const size_t end = text.size() - (side == Side::left ? 0 : trailing_stripped(rest, dropped));
  return text.slice(begin, end);
}

Text replace(Context& context, const Text& text, const Text& from, const Text& to, int64_t at_most) {
  Text out;
  size_t at = 0;
  context.budget.spend_bytes(text.size());
  for (int64_t done = 0; done < or_unlimited(at_most) && at <= text.size(); ++done) {
    const size_t found = find_part(text.bytes(), from.bytes(), at);
    if (found == std::string_view::npos) break;
    context.budget.spend(1 + to.size() / Budget::kBytesPerStep);
    context.budget.check_length(out.size() + to.size());
    out.append(text, at, found);
    out.append(to);
    at = found + from.size();
    if (!from.empty()) continue;
    if (found == text.size()) return out;  // an empty string stands before every character and at the end
    at = found + read_char(text.bytes(), found).bytes;
    out.append(text, found, at);
  }
  if (at < text.size()) out.append(text, at, text.size());
  context.budget.check_length(out.size());
  return out;
}

std::vector<Value> split(Context& context, const Text& text, const Text* separator, int64_t at_most) {
  context.budget.spend_bytes(text.size());
  if (!separator) return split_at_space(context, text, or_unlimited(at_most));
  check_separator(*separator);
  std::vector<Value> parts;
  size_t at = 0;
  while (static_cast<int64_t>(parts.size()) < or_unlimited(at_most)) {
    const size_t found = find_part(text.bytes(), separator->bytes(), at);
    if (found == std::string_view::npos) break;
    context.budget.spend(1);
    parts.push_back(text.slice(at, found));
    at = found + separator->size();
  }
  parts.push_back(text.slice(at, text.size()));
  return parts;
}

std::vector<Value> split_from_right(Context& context, const Text& text, const Text* separator, int64_t at_most) {
  if (!separator) return split_at_space_from_right(context, text, or_unlimited(at_most));
  check_separator(*separator);
  context.budget.spend_bytes(text.size());
  // Backwards through the text is forwards through its mirror image.
  const std::string mirrored(text.bytes().rbegin(), text.bytes().rend());
  const std::string mirrored_separator(separator->bytes().rbegin(), separator->bytes().rend());
  std::vector<Value> parts;
  size_t at = 0;
  while (static_cast<int64_t>(parts.size()) < or_unlimited(at_most)) {
    const size_t found = find_part(mirrored, mirrored_separator, at);
    if (found == std::string_view::npos) break;
    context.budget.spend(1);
    parts.push_back(text.slice(text.size() - found, text.size() - at));
    at = found + separator->size();
  }
  parts.push_back(text.slice(0, text.size() - at));
  std::reverse(parts.begin(), parts.end());
  return parts;
}

std::vector<Value> split_lines(Context& context, const Text& text, bool keeps_ends) {
  context.budget.spend_bytes(text.size());
  const std::string_view bytes = text.bytes();
  std::vector<Value> lines;
  size_t begin = 0;
  for (size_t at = 0; at < bytes.size();) {
    const Utf8Char c = read_char(bytes, at);
    const size_t end = at;
    at += c.bytes;
    if (c.state != Utf8Char::State::well_formed || !ends_line(c.code)) continue;
    if (c.code == '\r' && bytes.substr(at).starts_with('\n')) ++at;
    context.budget.spend(1);
    lines.push_back(text.slice(begin, keeps_ends ? at : end));
    begin = at;
  }
  if (begin < bytes.size()) lines.push_back(text.slice(begin, bytes.size()));
  return lines;
}

Text join(Context& context, const Text& separator, const std::vector<TextPtr>& parts) {
  size_t size = 0;
  for (const TextPtr& part : parts) size += part->size() + separator.size();
  context.budget.check_length(size);
  context.budget.spend_bytes(size);
  Text out;
  for (size_t i = 0; i < parts.size(); ++i) {
    context.budget.spend(1 + parts[i]->runs().size());
    if (i > 0) out.append(separator);
    out.append(*parts[i]);
  }
  return out;
}

Text derived(const Text& from, std::string bytes) { return Text(bytes, from.from_caller()); }

std::string capitalized(std::string_view text) {
  if (text.empty()) return {};
  const size_t first = read_char(text, 0).bytes;
  return to_upper(text.substr(0, first)) + to_lower(text.substr(first));
}

std::string titled(std::string_view text) {
  std::string out;
  size_t at = 0;
  const auto is_letter = [](char c) { return static_cast<uint8_t>(c) >= 0x80 || static_cast<unsigned>((c | 0x20) - 'a') < 26u; };
  while (at < text.size()) {
    size_t end = at;
    while (end < text.size() && is_letter(text[end])) ++end;
    out += capitalized(text.substr(at, end - at));
    at = end;
    while (at < text.size() && !is_letter(text[at])) out += text[at++];
  }
  return out;
}

std::string titled_by_words(std::string_view text) {
  static constexpr std::string_view kBorders = "- \t\n\r\f\v({[<";
  std::string out;
  size_t at = 0;
  while (at < text.size()) {
    const size_t end = std::min(text.find_first_of(kBorders, at), text.size());
    out += capitalized(text.substr(at, end - at));
    at = std::min(text.find_first_not_of(kBorders, end), text.size());
    out += text.substr(end, at - end);
  }
  return out;
}

}  // namespace yoke::model::text::jinja
