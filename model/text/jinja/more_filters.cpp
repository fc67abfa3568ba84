#include "model/text/jinja/more_filters.h"

#include <boost/json.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "model/text/jinja/access.h"
#include "model/text/jinja/arguments.h"
#include "model/text/jinja/budget.h"
#include "model/text/jinja/character_tests.h"
#include "model/text/jinja/characters.h"
#include "model/text/jinja/formatting.h"
#include "model/text/jinja/json_values.h"
#include "model/text/jinja/operations.h"
#include "model/text/jinja/printing.h"
#include "model/text/jinja/strings.h"
#include "model/text/utf8.h"

namespace yoke::model::text::jinja {
namespace {

// 2^63: what lies beyond has no place in 64 bits.
constexpr double kIntegersEnd = 9223372036854775808.0;

std::string_view without_plus(std::string_view text) {
  return text.size() > 1 && text[0] == '+' && text[1] != '-' ? text.substr(1) : text;
}

std::optional<double> read_real(std::string_view text) {
  text = without_plus(text);
  double number = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || stop != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<int64_t> read_integer(std::string_view text, int base) {
  text = without_plus(text);
  if (base == 16 && (text.starts_with("0x") || text.starts_with("0X"))) text.remove_prefix(2);
  if (base == 8 && (text.starts_with("0o") || text.starts_with("0O"))) text.remove_prefix(2);
  if (base == 2 && (text.starts_with("0b") || text.starts_with("0B"))) text.remove_prefix(2);
  int64_t number = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error != std::errc{} || stop != text.data() + text.size()) return std::nullopt;
  return number;
}

bool is_word_character(const Utf8Char& c, std::string_view bytes) {
  return c.state == Utf8Char::State::well_formed && (is_alphanumeric(bytes) || c.code == '_');
}

}  // namespace

Value to_integer(Context& context, const Value& value, const Arguments& arguments) {
  const Reader reader("int", arguments);
  const Value* given = reader.find(0, "default");
  const Value otherwise = given ? *given : Value(int64_t{0});
  if (value.integer()) return value;
  if (value.boolean()) return int64_t{*value.boolean()};
  std::optional<double> real;
  if (value.real()) real = *value.real();
  if (const Text* whole = value.text()) {
    const int64_t base = reader.integer_or(1, "base", 10);
    if (base != 2 && base != 8 && base != 10 && base != 16) fail("int() knows the bases 2, 8, 10 and 16");
    const Text text = strip(context, *whole, Side::both, nullptr);
    if (const auto number = read_integer(text.bytes(), static_cast<int>(base))) return *number;
    real = read_real(text.bytes());
  }
  return real && std::abs(*real) < kIntegersEnd ? Value(static_cast<int64_t>(*real)) : otherwise;
}

Value to_real(Context& context, const Value& value, const Arguments& arguments) {
  const Value* given = Reader("float", arguments).find(0, "default");
  if (value.number()) return *value.number();
  std::optional<double> real;
  if (const Text* text = value.text()) real = read_real(strip(context, *text, Side::both, nullptr).bytes());
  return real ? Value(*real) : given ? *given : Value(0.0);
}

Value absolute(Context& context, const Value& value, const Arguments&) {
  if (value.boolean()) return int64_t{*value.boolean()};
  return less(context, value, Value(int64_t{0})) ? negate(value) : value;
}

Value round(Context&, const Value& value, const Arguments& arguments) {
  const Reader reader("round", arguments);
  const int64_t precision = reader.integer_or(0, "precision", 0);
  const Text* method = reader.text_or_null(1, "method");
  const std::string_view how = method ? method->bytes() : "common";
  constexpr int64_t kMostDigits = 300;
  if (!value.number()) fail("round() needs a number, not {}", value.type_name());
  if (std::abs(precision) > kMostDigits) fail("round() to {} digits", precision);
  const double number = *value.number(), scale = std::pow(10.0, static_cast<double>(precision));
  if (how == "ceil") return std::ceil(number * scale) / scale;
  if (how == "floor") return std::floor(number * scale) / scale;
  if (how != "common") fail("round() knows the methods common, ceil and floor");
  // Python rounds an integer to an integer, and a float as its exact decimal digits say, halves to even.
  if (value.boolean()) return int64_t{*value.boolean()};
  if (!value.real() && precision >= 0) return value;
  if (precision < 0) return std::nearbyint(number * scale) / scale;
  const std::string text = fmt::format("{:.{}f}", number, precision);
  return read_real(text).value_or(number);
}

Value attr(Context& context, const Value& value, const Arguments& arguments) {
  const std::string_view name = Reader("attr", arguments).text(0, "name").bytes();
  if (value.dict()) return Value::undefined(fmt::format("'dict object' has no attribute '{}'", name));  // an entry is none
  return attribute_of(context, value, name);
}

Value parse_json(Context& context, const Value& value, const Arguments&) {
  if (!value.text()) fail("from_json needs a string, not {}", value.type_name());
  context.budget.spend_bytes(value.text()->size() * 8);
  boost::system::error_code error;
  const boost::json::value parsed = boost::json::parse(value.text()->bytes(), error);
  if (error) fail("from_json: not JSON: {}", error.message());
  return from_json(parsed, value.text()->from_caller());
}

Value format(Context& context, const Value& value, const Arguments& arguments) {
  const TextPtr text = to_text(context, value);
  if (arguments.named.empty()) return format_percent(context, *text, make_list(arguments.positional, List::Form::tuple));
  std::vector<std::pair<Value, Value>> entries;
  for (const auto& [name, given] : arguments.named) entries.emplace_back(Text(name, false), given);
  return format_percent(context, *text, make_dict(std::move(entries)));
}

Value center(Context& context, const Value& value, const Arguments& arguments) {
  return centered(context, *to_text(context, value), Reader("center", arguments).integer_or(0, "width", 80), Text(" ", false));
}

// Cuts at a word's end, or with killwords anywhere; what is only `leeway` too long stays whole.
Value truncate(Context& context, const Value& value, const Arguments& arguments) {
  const Reader reader("truncate", arguments);
  const Text text = *to_text(context, value);
  const int64_t length = reader.integer_or(0, "length", 255), leeway = reader.integer_or(3, "leeway", 5);
  const Text* given = reader.text_or_null(2, "end");
  const Text end = given ? *given : Text("...", false);
  context.budget.spend_bytes(text.size() * 2);
  const std::vector<size_t> bounds = character_bounds(text.bytes());
  const auto size = static_cast<int64_t>(bounds.size()) - 1, room = length - static_cast<int64_t>(count_characters(end.bytes()));
  if (room < 0 || leeway < 0) fail("truncate() to {} characters leaves no room for the end", length);
  if (size <= length || size - length <= leeway) return text;
  size_t cut = bounds[static_cast<size_t>(room)];
  if (!reader.truth_or(1, "killwords", false)) {
    const size_t space = text.bytes().substr(0, cut).rfind(' ');
    if (space != std::string_view::npos) cut = space;
  }
  Text out = text.slice(0, cut);
  out.append(end);
  return out;
}

Value wordcount(Context& context, const Value& value, const Arguments&) {
  const TextPtr text = to_text(context, value);
  context.budget.spend_bytes(text->size() * 4);
  int64_t count = 0;
  bool inside = false;
  for (size_t at = 0; at < text->size();) {
    const Utf8Char c = read_char(text->bytes(), at);
    const bool word = is_word_character(c, text->bytes().substr(at, c.bytes));
    count += word && !inside;
    inside = word;
    at += c.bytes;
  }
  return count;
}

Value urlencode(Context& context, const Value& value, const Arguments&) {
  if (value.list() || value.dict()) fail("urlencode takes a string here, not {}", value.type_name());
  const TextPtr text = to_text(context, value);
  context.budget.spend_bytes(text->size() * 4);
  std::string out;
  for (const char c : text->bytes()) {
    const bool plain = static_cast<unsigned>((c | 0x20) - 'a') < 26u || static_cast<unsigned>(c - '0') < 10u ||
                       std::string_view("_.-~/").find(c) != std::string_view::npos;
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<uint8_t>(c));
  }
  return derived(*text, std::move(out));
}

Value repr(Context& context, const Value& value, const Arguments&) { return to_repr(context, value); }

}  // namespace yoke::model::text::jinja
