#include "model/text/jinja/printing.h"

#include <charconv>
#include <cmath>

#include "model/text/jinja/budget.h"
#include "model/text/jinja/character_tests.h"
#include "model/text/utf8.h"

namespace yoke::model::text::jinja {
namespace {

// Python's repr: of containers, and of what stands in them.
class Printer {
 public:
  explicit Printer(Context& context) : context_(context) {}

  void print(const Value& value) {
    context_.budget.spend(1);
    if (const Text* text = value.text()) {
      print_string(*text);
    } else if (const List* list = value.list()) {
      print_list(*list);
    } else if (const Dict* dict = value.dict()) {
      print_dict(*dict);
    } else if (value.is_undefined()) {
      out_ += "Undefined";
    } else {
      const TextPtr text = to_text(context_, value);
      out_ += text->bytes();
    }
    context_.budget.check_length(out_.size());
  }
  Text take() const { return Text(out_, from_caller_); }

 private:
  void print_string(const Text& text) {
    context_.budget.spend_bytes(text.size());
    from_caller_ |= text.from_caller();
    const std::string_view bytes = text.bytes();
    const bool prefers_double = bytes.find('\'') != bytes.npos && bytes.find('"') == bytes.npos;
    const char quote = prefers_double ? '"' : '\'';
    out_ += quote;
    for (size_t at = 0; at < bytes.size();) {
      const Utf8Char c = read_char(bytes, at);
      print_char(bytes.substr(at, c.bytes), c, quote);
      at += c.bytes;
    }
    out_ += quote;
  }

  void print_char(std::string_view bytes, const Utf8Char& c, char quote) {
    const auto code = static_cast<uint32_t>(c.code);
    if (code == '\n') out_ += "\\n";
    else if (code == '\r') out_ += "\\r";
    else if (code == '\t') out_ += "\\t";
    else if (code == '\\' || code == static_cast<uint32_t>(quote)) (out_ += '\\') += bytes;
    else if (c.state != Utf8Char::State::well_formed || is_printable(c.code)) out_ += bytes;
    else if (code < 0x100) out_ += fmt::format("\\x{:02x}", code);
    else if (code < 0x10000) out_ += fmt::format("\\u{:04x}", code);
    else out_ += fmt::format("\\U{:08x}", code);
  }

  void print_list(const List& list) {
    const bool tuple = list.form == List::Form::tuple;
    out_ += tuple ? '(' : '[';
    for (size_t i = 0; i < list.items.size(); ++i) {
      if (i > 0) out_ += ", ";
      print(list.items[i]);
    }
    if (tuple && list.items.size() == 1) out_ += ',';
    out_ += tuple ? ')' : ']';
  }

  void print_dict(const Dict& dict) {
    out_ += '{';
    for (size_t i = 0; i < dict.entries.size(); ++i) {
      if (i > 0) out_ += ", ";
      print(dict.entries[i].first);
      out_ += ": ";
      print(dict.entries[i].second);
    }
    out_ += '}';
  }

  Context& context_;
  std::string out_;
  bool from_caller_ = false;
};

}  // namespace

std::string print_real(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
  const std::string_view text(buffer, static_cast<size_t>(end - buffer));
  const size_t mark = text.find('e');
  int exponent = 0;
  std::from_chars(buffer + mark + (text[mark + 1] == '+' ? 2 : 1), end, exponent);
  // Python's rule for float: an exponent below 1e-4 and from 1e16.
  if (exponent < -4 || exponent >= 16) {
    return fmt::format("{}e{}{:02}", text.substr(0, mark), exponent < 0 ? '-' : '+', std::abs(exponent));
  }
  char fixed[64];
  const auto fixed_end = std::to_chars(fixed, fixed + sizeof fixed, value, std::chars_format::fixed).ptr;
  std::string out(fixed, fixed_end);
  if (out.find('.') == std::string::npos) out += ".0";
  return out;
}

Text to_repr(Context& context, const Value& value) {
  Printer printer(context);
  printer.print(value);
  return printer.take();
}

TextPtr to_text(Context& context, const Value& value) {
  if (value.text()) return value.share_text();
  std::string out;
  if (value.is_undefined()) {
  } else if (value.is_none()) {
    out = "None";
  } else if (const bool* boolean = value.boolean()) {
    out = *boolean ? "True" : "False";
  } else if (const int64_t* integer = value.integer()) {
    out = std::to_string(*integer);
  } else if (const double* real = value.real()) {
    out = print_real(*real);
  } else if (value.list() || value.dict()) {
    return std::make_shared<const Text>(to_repr(context, value));
  } else {
    fail("a {} cannot be printed", value.type_name());
  }
  return std::make_shared<const Text>(out, false);
}

}  // namespace yoke::model::text::jinja
