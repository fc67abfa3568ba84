#include "model/text/jinja/number_format.h"

#include <cmath>

#include "model/text/jinja/budget.h"
#include "model/text/jinja/printing.h"
#include "model/text/utf8.h"

namespace yoke::model::text::jinja {
namespace {

constexpr int kMaxPrecision = 100;
constexpr size_t kMaxWidthDigits = 7;

size_t read_count(std::string_view& text) {
  size_t count = 0, digits = 0;
  while (!text.empty() && text[0] >= '0' && text[0] <= '9') {
    if (++digits > kMaxWidthDigits) fail("a width or precision of more than {} digits", kMaxWidthDigits);
    count = count * 10 + static_cast<size_t>(text[0] - '0');
    text.remove_prefix(1);
  }
  return count;
}

bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<char> align_at(std::string_view text, size_t at) {
  if (at >= text.size() || std::string_view("<>^=").find(text[at]) == std::string_view::npos) return std::nullopt;
  return text[at];
}

void set_align(FormatSpec& spec, char sign) {
  if (sign == '=') spec.pads_behind_sign = true;
  else spec.align = sign == '<' ? Align::left : sign == '>' ? Align::right : Align::center;
}

void read_align(FormatSpec& spec, std::string_view& text) {
  const size_t first = text.empty() ? 0 : read_char(text, 0).bytes;
  if (const auto sign = align_at(text, first); first > 0 && sign) {
    spec.fill = text.substr(0, first);
    set_align(spec, *sign);
    text.remove_prefix(first + 1);
  } else if (const auto alone = align_at(text, 0)) {
    set_align(spec, *alone);
    text.remove_prefix(1);
  }
}

// Groups the digits before the point by `every`, and fills with zeros up to the width where the specification says so.
std::string assembled(std::string_view sign, std::string digits, std::string_view rest, const FormatSpec& spec, size_t every) {
  const auto grouped = [&] {
    if (!spec.grouping) return digits;
    std::string out = digits;
    for (size_t at = out.size(); at > every; at -= every) out.insert(at - every, 1, spec.grouping);
    return out;
  };
  if (spec.pads_behind_sign && spec.fill == "0") {
    while (sign.size() + grouped().size() + rest.size() < spec.width && digits.size() < spec.width) digits.insert(0, 1, '0');
    return std::string(sign) + grouped() + std::string(rest);
  }
  const std::string body = grouped() + std::string(rest);
  std::string out(sign);
  for (size_t size = sign.size() + body.size(); spec.pads_behind_sign && size < spec.width; ++size) out += spec.fill;
  return out + body;
}

std::string sign_of(bool negative, const FormatSpec& spec) {
  if (negative) return "-";
  return spec.sign == '-' ? "" : std::string(1, spec.sign);
}

}  // namespace

FormatSpec read_spec(std::string_view text) {
  FormatSpec spec;
  const std::string_view whole = text;
  read_align(spec, text);
  if (!text.empty() && std::string_view("+- ").find(text[0]) != std::string_view::npos) {
    spec.sign = text[0];
    text.remove_prefix(1);
  }
  spec.alternate = take(text, '#');
  if (take(text, '0') && !spec.align && !spec.pads_behind_sign) {
    spec.fill = "0";
    spec.pads_behind_sign = true;
  }
  spec.width = read_count(text);
  if (text.starts_with(',') || text.starts_with('_')) {
    spec.grouping = text[0];
    text.remove_prefix(1);
  }
  if (take(text, '.')) {
    if (text.empty() || text[0] < '0' || text[0] > '9') fail("'{}' is no format specification: no precision", whole);
    const size_t precision = read_count(text);
    if (precision > static_cast<size_t>(kMaxPrecision)) fail("a precision beyond {}", kMaxPrecision);
    spec.precision = static_cast<int>(precision);
  }
  if (!text.empty()) {
    spec.type = text[0];
    text.remove_prefix(1);
  }
  if (!text.empty()) fail("'{}' is no format specification", whole);
  return spec;
}

std::string format_integer(int64_t value, const FormatSpec& spec) {
  const uint64_t size = value < 0 ? 0 - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  const std::string sign = sign_of(value < 0, spec);
  if (spec.type && std::string_view("eEfFgG%").find(spec.type) != std::string_view::npos) {
    return format_real(static_cast<double>(value), spec);
  }
  if (spec.precision) fail("a precision is not allowed for an integer");
  switch (spec.type) {
    case '\0':
    case 'd':
    case 'n': return assembled(sign, fmt::format("{}", size), "", spec, 3);
    case 'b': return assembled(sign + (spec.alternate ? "0b" : ""), fmt::format("{:b}", size), "", spec, 4);
    case 'o': return assembled(sign + (spec.alternate ? "0o" : ""), fmt::format("{:o}", size), "", spec, 4);
    case 'x': return assembled(sign + (spec.alternate ? "0x" : ""), fmt::format("{:x}", size), "", spec, 4);
    case 'X': return assembled(sign + (spec.alternate ? "0X" : ""), fmt::format("{:X}", size), "", spec, 4);
    default: fail("'{}' is no format for an integer", spec.type);
  }
}

std::string format_real(double value, const FormatSpec& spec) {
  const std::string sign = sign_of(std::signbit(value) && !std::isnan(value), spec);
  const double size = std::fabs(value);
  const int precision = spec.precision.value_or(6);
  std::string text;
  switch (spec.type) {
    case '\0':
      text = spec.precision ? fmt::format("{:.{}g}", size, std::max(precision, 1)) : print_real(size);
      if (spec.precision && text.find_first_of(".en") == std::string::npos) text += ".0";
      break;
    case 'f':
    case 'F': text = fmt::format("{:.{}f}", size, precision); break;
    case 'e': text = fmt::format("{:.{}e}", size, precision); break;
    case 'E': text = fmt::format("{:.{}E}", size, precision); break;
    case 'g':
    case 'n': text = fmt::format("{:.{}g}", size, std::max(precision, 1)); break;
    case 'G': text = fmt::format("{:.{}G}", size, std::max(precision, 1)); break;
    case '%': text = fmt::format("{:.{}f}%", size * 100, precision); break;
    default: fail("'{}' is no format for a float", spec.type);
  }
  const size_t digits = std::isfinite(value) ? std::min(text.find_first_not_of("0123456789"), text.size()) : text.size();
  return assembled(sign, text.substr(0, digits), std::string_view(text).substr(digits), spec, 3);
}

}  // namespace yoke::model::text::jinja
