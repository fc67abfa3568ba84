#include "model/text/jinja/formatting.h"

#include "model/text/jinja/access.h"
#include "model/text/jinja/budget.h"
#include "model/text/jinja/characters.h"
#include "model/text/jinja/number_format.h"
#include "model/text/jinja/printing.h"
#include "model/text/utf8.h"

namespace yoke::model::text::jinja {
namespace {

Text cut_to(const Text& text, std::optional<int> characters) {
  if (!characters) return text;
  size_t at = 0;
  for (int i = 0; i < *characters && at < text.size(); ++i) at += read_char(text.bytes(), at).bytes;
  return text.slice(0, at);
}

// One value by a specification; `converted` by !r or !s it is a text.
Text formatted(Context& context, const Value& value, std::string_view specification) {
  if (specification.empty()) return *to_text(context, value);
  const FormatSpec spec = read_spec(specification);
  if (!value.number()) {
    if (value.list() || value.dict() || value.is_none()) fail("a {} has no format '{}'", value.type_name(), specification);
    if ((spec.type && spec.type != 's') || spec.pads_behind_sign) fail("'{}' is no format for a str", specification);
    return padded(context, cut_to(*to_text(context, value), spec.precision), spec.width, spec.align.value_or(Align::left),
                  Text(spec.fill, false));
  }
  context.budget.check_length(spec.width);
  context.budget.spend(spec.width);
  const double* real = value.real();
  const std::string text = real ? format_real(*real, spec) : format_integer(static_cast<int64_t>(*value.number()), spec);
  return padded(context, Text(text, false), spec.width, spec.align.value_or(Align::right), Text(spec.fill, false));
}

Text converted(Context& context, const Value& value, char how) {
  switch (how) {
    case 's': return *to_text(context, value);
    case 'r':
    case 'a': return to_repr(context, value);
    default: fail("'!{}' is no conversion", how);
  }
}

// The values of a format's fields: numbered, named, or one after another.
class Fields {
 public:
  explicit Fields(const Arguments& arguments) : arguments_(arguments) {}

  const Value& find(std::string_view name) {
    if (name.empty()) return at(next_++);
    if (name.find_first_not_of("0123456789") == std::string_view::npos && name.size() < 4) {
      return at(static_cast<size_t>(std::stoi(std::string(name))));
    }
    const auto found = std::ranges::find_if(arguments_.named, [&](const auto& one) { return one.first == name; });
    if (found == arguments_.named.end()) fail("format() was given no '{}'", name.substr(0, 40));
    return found->second;
  }

 private:
  const Value& at(size_t place) {
    if (place >= arguments_.positional.size()) fail("format() was given {} values", arguments_.positional.size());
    return arguments_.positional[place];
  }

  const Arguments& arguments_;
  size_t next_ = 0;
};

// What stands between braces: [name][!conversion][:specification].
Text field(Context& context, Fields& fields, std::string_view inside) {
  const size_t colon = inside.find(':');
  const std::string_view specification = colon == inside.npos ? "" : inside.substr(colon + 1);
  std::string_view name = inside.substr(0, colon);
  const size_t mark = name.find('!');
  const std::string_view conversion = mark == name.npos ? "" : name.substr(mark + 1);
  name = name.substr(0, mark);
  if (name.find_first_of(".[") != name.npos || specification.find('{') != specification.npos) {
    fail("format() takes plain names: '{{{}}}' reaches into a value", inside.substr(0, 40));
  }
  if (mark != inside.npos && mark < colon && conversion.size() != 1) fail("'!' needs one letter in format()");
  const Value& value = fields.find(name);
  if (conversion.empty()) return formatted(context, value, specification);
  return formatted(context, Value(converted(context, value, conversion[0])), specification);
}

void add(Context& context, Text& out, const Text& part) {
  context.budget.spend(1 + part.runs().size());
  context.budget.spend_bytes(part.size());
  context.budget.check_length(out.size() + part.size());
  out.append(part);
}

// "%(name)-5.1f" behind its '%'.
struct Directive {
  std::string_view name;
  FormatSpec spec;
};

Directive read_directive(std::string_view& text) {
  Directive directive;
  if (text.starts_with('(')) {
    const size_t end = text.find(')');
    if (end == text.npos) fail("'%(' without ')'");
    directive.name = text.substr(1, end - 1);
    text.remove_prefix(end + 1);
  }
  const size_t end = text.find_first_not_of("-+ #0123456789.");
  if (end == text.npos) fail("a '%' without its letter");
  // The same specification as format()'s, but for "-", which is its "<".
  std::string specification, flags(text.substr(0, end));
  if (flags.find('-') != std::string::npos) specification.push_back('<');
  for (const char c : flags) specification += c == '-' ? std::string() : std::string(1, c);
  if (specification.ends_with('.')) specification += '0';
  directive.spec = read_spec(specification);
  directive.spec.type = text[end];
  text.remove_prefix(end + 1);
  return directive;
}

Text printed(Context& context, const Value& value, FormatSpec spec) {
  context.budget.check_length(spec.width);
  context.budget.spend(spec.width);
  const Text fill(spec.pads_behind_sign ? std::string_view(" ") : std::string_view(spec.fill), false);
  const Align align = spec.align.value_or(Align::right);
  if (spec.type == 's' || spec.type == 'r') {
    return padded(context, cut_to(converted(context, value, spec.type), spec.precision), spec.width, align, fill);
  }
  if (!value.number()) fail("%{} needs a number, not {}", spec.type, value.type_name());
  std::string text;
  if (std::string_view("eEfFgG").find(spec.type) != std::string_view::npos) {
    text = format_real(*value.number(), spec);
  } else {
    spec.type = spec.type == 'i' || spec.type == 'u' ? 'd' : spec.type;
    if (std::string_view("dxXo").find(spec.type) == std::string_view::npos) fail("'%{}' is not known", spec.type);
    if (value.real() && !(std::abs(*value.real()) < 9e18)) fail("%d cannot print {}", print_real(*value.real()));
    spec.precision.reset();
    text = format_integer(value.integer() ? *value.integer() : static_cast<int64_t>(*value.number()), spec);
  }
  return padded(context, Text(text, false), spec.width, align, fill);
}

}  // namespace

Text padded(Context& context, const Text& text, size_t width, Align align, const Text& fill) {
  const size_t length = count_characters(text.bytes());
  context.budget.spend_bytes(text.size());
  if (length >= width) return text;
  const size_t missing = width - length;
  context.budget.check_length(text.size() + missing * fill.size());
  context.budget.spend(missing);
  size_t left = align == Align::left ? 0 : align == Align::right ? missing : missing / 2;
  Text out;
  for (size_t i = 0; i < left; ++i) out.append(fill);
  out.append(text);
  for (size_t i = left; i < missing; ++i) out.append(fill);
  return out;
}

Text centered(Context& context, const Text& text, int64_t width, const Text& fill) {
  const int64_t missing = width - static_cast<int64_t>(count_characters(text.bytes()));
  if (missing <= 0) return text;
  const int64_t left = missing / 2 + (missing & width & 1);
  const Text half = padded(context, text, static_cast<size_t>(width - missing + left), Align::right, fill);
  return padded(context, half, static_cast<size_t>(width), Align::left, fill);
}

Text format_braces(Context& context, const Text& format, const Arguments& arguments) {
  const std::string_view bytes = format.bytes();
  context.budget.spend(bytes.size() / 8);
  Fields fields(arguments);
  Text out;
  for (size_t at = 0; at < bytes.size();) {
    const size_t brace = std::min(bytes.find_first_of("{}", at), bytes.size());
    add(context, out, format.slice(at, brace));
    if (brace == bytes.size()) break;
    if (bytes.substr(brace + 1).starts_with(bytes[brace])) {
      out.append(format, brace, brace + 1);
      at = brace + 2;
      continue;
    }
    const size_t end = bytes[brace] == '{' ? bytes.find('}', brace) : bytes.npos;
    if (end == bytes.npos) fail("format(): a single '{}'", bytes[brace]);
    add(context, out, field(context, fields, bytes.substr(brace + 1, end - brace - 1)));
    at = end + 1;
  }
  return out;
}

Text format_percent(Context& context, const Text& format, const Value& values) {
  const std::string_view bytes = format.bytes();
  context.budget.spend(bytes.size() / 8);
  const List* tuple = values.list() && values.list()->form == List::Form::tuple ? values.list() : nullptr;
  const size_t count = tuple ? tuple->items.size() : 1;
  size_t used = 0;
  Text out;
  for (size_t at = 0; at < bytes.size();) {
    const size_t sign = std::min(bytes.find('%', at), bytes.size());
    add(context, out, format.slice(at, sign));
    if (sign == bytes.size()) break;
    std::string_view rest = bytes.substr(sign + 1);
    const Directive directive = read_directive(rest);
    at = bytes.size() - rest.size();
    if (directive.spec.type == '%') {
      out.append("%", false);
    } else if (!directive.name.empty()) {
      const Value* value = values.dict() ? values.dict()->find(directive.name) : nullptr;
      if (!value) fail("'%({})': there is no such value", directive.name.substr(0, 40));
      add(context, out, printed(context, *value, directive.spec));
    } else {
      if (used == count) fail("not enough values for '%'");
      add(context, out, printed(context, tuple ? tuple->items[used] : values, directive.spec));
      ++used;
    }
  }
  if (used < count && !values.dict() && !(values.list() && !tuple) && !values.is_undefined()) fail("more values than '%' takes");
  return out;
}

}  // namespace yoke::model::text::jinja
