// Methods of strings. What a part of a text keeps of its origin is strings.h's business.
#include <algorithm>

#include "model/text/jinja/access.h"
#include "model/text/jinja/arguments.h"
#include "model/text/jinja/budget.h"
#include "model/text/jinja/character_tests.h"
#include "model/text/jinja/characters.h"
#include "model/text/jinja/formatting.h"
#include "model/text/jinja/methods.h"
#include "model/text/jinja/strings.h"

namespace yoke::model::text::jinja {
namespace {

template <Side side>
Value call_strip(Context& context, const Value& self, const Arguments& arguments) {
  return strip(context, *self.text(), side, Reader("strip", arguments).text_or_null(0, "chars"));
}

Value call_split(Context& context, const Value& self, const Arguments& arguments) {
  const Reader reader("split", arguments);
  return make_list(split(context, *self.text(), reader.text_or_null(0, "sep"), reader.integer_or(1, "maxsplit", -1)));
}

Value call_rsplit(Context& context, const Value& self, const Arguments& arguments) {
  const Reader reader("rsplit", arguments);
  return make_list(split_from_right(context, *self.text(), reader.text_or_null(0, "sep"), reader.integer_or(1, "maxsplit", -1)));
}

Value call_replace(Context& context, const Value& self, const Arguments& arguments) {
  const Reader reader("replace", arguments);
  return replace(context, *self.text(), reader.text(0, "old"), reader.text(1, "new"), reader.integer_or(2, "count", -1));
}

// startswith and endswith take a string or a tuple of strings.
template <typename Test>
Value test_affix(std::string_view method, const Value& self, const Arguments& arguments, Test test) {
  const Reader reader(method, arguments);
  const Value& affix = reader.value(0, "prefix");
  const List* many = affix.list();
  if (!many || many->form != List::Form::tuple) return test(self.text()->bytes(), reader.text(0, "prefix").bytes());
  for (const Value& one : many->items) {
    if (!one.text()) fail("{}() needs strings in its tuple, not {}", method, one.type_name());
    if (test(self.text()->bytes(), one.text()->bytes())) return true;
  }
  return false;
}

Value call_startswith(Context&, const Value& self, const Arguments& arguments) {
  return test_affix("startswith", self, arguments, [](auto text, auto affix) { return text.starts_with(affix); });
}

Value call_endswith(Context&, const Value& self, const Arguments& arguments) {
  return test_affix("endswith", self, arguments, [](auto text, auto affix) { return text.ends_with(affix); });
}

Value call_removeprefix(Context&, const Value& self, const Arguments& arguments) {
  const Text &text = *self.text(), &prefix = Reader("removeprefix", arguments).text(0, "prefix");
  return text.bytes().starts_with(prefix.bytes()) ? Value(text.slice(prefix.size(), text.size())) : self;
}

Value call_removesuffix(Context&, const Value& self, const Arguments& arguments) {
  const Text &text = *self.text(), &suffix = Reader("removesuffix", arguments).text(0, "suffix");
  return text.bytes().ends_with(suffix.bytes()) ? Value(text.slice(0, text.size() - suffix.size())) : self;
}

// The part of the text that start and end name, as find, count and their kin take them, in bytes.
struct Span {
  size_t begin, end;
};
std::optional<Span> span_of(const Text& text, const Reader& reader) {
  const int64_t count = static_cast<int64_t>(count_characters(text.bytes()));
  const auto bound = [&](size_t place, std::string_view name, int64_t otherwise) {
    const Value* given = reader.find(place, name);
    const int64_t at = given && !given->is_none() ? reader.integer_or(place, name, otherwise) : otherwise;
    return at < 0 ? std::max<int64_t>(at + count, 0) : at;
  };
  const int64_t begin = bound(1, "start", 0), end = std::min(bound(2, "end", count), count);
  if (begin > end) return std::nullopt;
  const std::vector<size_t> bounds = character_bounds(text.bytes());
  return Span{bounds[static_cast<size_t>(begin)], bounds[static_cast<size_t>(end)]};
}

template <bool from_right>
int64_t find_in(Context& context, const Text& text, const Reader& reader) {
  const std::string_view part = reader.text(0, "sub").bytes();
  context.budget.spend_bytes(text.size() * 2);
  const auto span = span_of(text, reader);
  if (!span) return -1;
  const std::string_view within = text.bytes().substr(span->begin, span->end - span->begin);
  const size_t at = from_right ? find_last_part(within, part) : find_part(within, part);
  return at == text.bytes().npos ? -1 : static_cast<int64_t>(count_characters(text.bytes().substr(0, span->begin + at)));
}

template <bool from_right>
Value call_find(Context& context, const Value& self, const Arguments& arguments) {
  return find_in<from_right>(context, *self.text(), Reader("find", arguments));
}

template <bool from_right>
Value call_index(Context& context, const Value& self, const Arguments& arguments) {
  const int64_t at = find_in<from_right>(context, *self.text(), Reader("index", arguments));
  if (at < 0) fail("index(): the string is not there");
  return at;
}

Value call_count(Context& context, const Value& self, const Arguments& arguments) {
  const Reader reader("count", arguments);
  const Text& part = reader.text(0, "sub");
  context.budget.spend_bytes(self.text()->size() * 2);
  const auto span = span_of(*self.text(), reader);
  if (!span) return int64_t{0};
  const Text within = self.text()->slice(span->begin, span->end);
  if (part.empty()) return static_cast<int64_t>(count_characters(within.bytes())) + 1;
  return static_cast<int64_t>(split(context, within, &part, -1).size()) - 1;
}

template <bool (*holds)(std::string_view)>
Value call_is(Context& context, const Value& self, const Arguments&) {
  context.budget.spend_bytes(self.text()->size());
  return holds(self.text()->bytes());
}

template <Align align>
Value call_pad(Context& context, const Value& self, const Arguments& arguments) {
  const Reader reader("center", arguments);
  const Text* fill = reader.text_or_null(1, "fillchar");
  if (fill && count_characters(fill->bytes()) != 1) fail("the fill must be one character");
  const int64_t width = std::max<int64_t>(reader.integer(0, "width"), 0);
  return padded(context, *self.text(), static_cast<size_t>(width), align, fill ? *fill : Text(" ", false));
}

// str.center puts the odd blank to the left where the width is odd.
Value call_center(Context& context, const Value& self, const Arguments& arguments) {
  const Reader reader("center", arguments);
  const Text* fill = reader.text_or_null(1, "fillchar");
  if (fill && count_characters(fill->bytes()) != 1) fail("the fill must be one character");
  return centered(context, *self.text(), reader.integer(0, "width"), fill ? *fill : Text(" ", false));
}

Value call_zfill(Context& context, const Value& self, const Arguments& arguments) {
  const Text& text = *self.text();
  const int64_t width = std::max<int64_t>(Reader("zfill", arguments).integer(0, "width"), 0);
  const size_t sign = text.bytes().starts_with('-') || text.bytes().starts_with('+') ? 1 : 0;
  Text out = text.slice(0, sign);
  const size_t rest = static_cast<size_t>(width) - std::min<size_t>(sign, static_cast<size_t>(width));
  out.append(padded(context, text.slice(sign, text.size()), rest, Align::right, Text("0", false)));
  return out;
}

template <bool from_right>
Value call_partition(Context& context, const Value& self, const Arguments& arguments) {
  const Text &text = *self.text(), &separator = Reader("partition", arguments).text(0, "sep");
  context.budget.spend_bytes(text.size());
  if (separator.empty()) fail("a string cannot be split at an empty separator");
  const size_t at = from_right ? find_last_part(text.bytes(), separator.bytes()) : find_part(text.bytes(), separator.bytes());
  if (at == text.bytes().npos) {
    return from_right ? make_list({Text(), Text(), text}, List::Form::tuple) : make_list({text, Text(), Text()}, List::Form::tuple);
  }
  return make_list({text.slice(0, at), separator, text.slice(at + separator.size(), text.size())}, List::Form::tuple);
}

template <std::string (*change)(std::string_view)>
Value call_change(Context& context, const Value& self, const Arguments&) {
  context.budget.spend_bytes(self.text()->size());
  return derived(*self.text(), change(self.text()->bytes()));
}

Value call_join(Context& context, const Value& self, const Arguments& arguments) {
  const ListPtr list = elements_of(context, Reader("join", arguments).value(0, "iterable"));
  std::vector<TextPtr> parts;
  for (const Value& item : list->items) {
    if (!item.text()) fail("join() needs strings, not {}", item.type_name());
    parts.push_back(item.share_text());
  }
  return join(context, *self.text(), parts);
}

Value call_splitlines(Context& context, const Value& self, const Arguments& arguments) {
  return make_list(split_lines(context, *self.text(), Reader("splitlines", arguments).truth_or(0, "keepends", false)));
}

Value call_format(Context& context, const Value& self, const Arguments& arguments) {
  return format_braces(context, *self.text(), arguments);
}

constexpr Method kMethods[] = {
    {Method::Type::string, "strip", call_strip<Side::both>},
    {Method::Type::string, "lstrip", call_strip<Side::left>},
    {Method::Type::string, "rstrip", call_strip<Side::right>},
    {Method::Type::string, "split", call_split},
    {Method::Type::string, "rsplit", call_rsplit},
    {Method::Type::string, "splitlines", call_splitlines},
    {Method::Type::string, "replace", call_replace},
    {Method::Type::string, "startswith", call_startswith},
    {Method::Type::string, "endswith", call_endswith},
    {Method::Type::string, "removeprefix", call_removeprefix},
    {Method::Type::string, "removesuffix", call_removesuffix},
    {Method::Type::string, "find", call_find<false>},
    {Method::Type::string, "rfind", call_find<true>},
    {Method::Type::string, "index", call_index<false>},
    {Method::Type::string, "rindex", call_index<true>},
    {Method::Type::string, "partition", call_partition<false>},
    {Method::Type::string, "rpartition", call_partition<true>},
    {Method::Type::string, "isalpha", call_is<is_alphabetic>},
    {Method::Type::string, "isalnum", call_is<is_alphanumeric>},
    {Method::Type::string, "isdigit", call_is<is_digits>},
    {Method::Type::string, "isdecimal", call_is<is_digits>},
    {Method::Type::string, "isnumeric", call_is<is_numeric>},
    {Method::Type::string, "isspace", call_is<is_blank>},
    {Method::Type::string, "islower", call_is<is_lower>},
    {Method::Type::string, "isupper", call_is<is_upper>},
    {Method::Type::string, "isascii", call_is<is_ascii>},
    {Method::Type::string, "ljust", call_pad<Align::left>},
    {Method::Type::string, "rjust", call_pad<Align::right>},
    {Method::Type::string, "center", call_center},
    {Method::Type::string, "zfill", call_zfill},
    {Method::Type::string, "swapcase", call_change<swapped_case>},
    {Method::Type::string, "casefold", call_change<to_lower>},
    {Method::Type::string, "count", call_count},
    {Method::Type::string, "upper", call_change<to_upper>},
    {Method::Type::string, "lower", call_change<to_lower>},
    {Method::Type::string, "capitalize", call_change<capitalized>},
    {Method::Type::string, "title", call_change<titled>},
    {Method::Type::string, "join", call_join},
    {Method::Type::string, "format", call_format},
};

}  // namespace

std::span<const Method> string_methods() { return kMethods; }

}  // namespace yoke::model::text::jinja
