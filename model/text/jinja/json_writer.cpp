// tojson as transformers defines it: json.dumps that by default escapes nothing beyond what JSON must.
#include <algorithm>

#include "model/text/jinja/budget.h"
#include "model/text/jinja/operations.h"
#include "model/text/jinja/printing.h"
#include "model/text/utf8.h"

namespace yoke::model::text::jinja {
namespace {

class JsonWriter {
 public:
  JsonWriter(Context& context, const JsonStyle& style) : context_(context), style_(style) {}

  void write(const Value& value) {
    context_.budget.spend(1);
    if (value.is_none()) {
      out_ += "null";
    } else if (const bool* boolean = value.boolean()) {
      out_ += *boolean ? "true" : "false";
    } else if (const double* real = value.real()) {
      write_real(*real);
    } else if (value.integer()) {
      out_ += std::to_string(*value.integer());
    } else if (const Text* text = value.text()) {
      write_string(*text);
    } else if (const List* list = value.list(); list && list->form != List::Form::generator) {
      write_list(*list);
    } else if (const Dict* dict = value.dict()) {
      write_dict(*dict);
    } else {
      fail("a value of type {} cannot be written as JSON", value.type_name());
    }
    context_.budget.check_length(out_.size());
  }
  Text take() const { return Text(out_, from_caller_); }

 private:
  void write_real(double value) {
    const std::string text = print_real(value);
    if (text == "nan") out_ += "NaN";
    else if (text == "inf") out_ += "Infinity";
    else if (text == "-inf") out_ += "-Infinity";
    else out_ += text;
  }

  void write_string(const Text& text) {
    context_.budget.spend_bytes(text.size() * 4);  // each character is looked at
    from_caller_ |= text.from_caller();
    const std::string_view bytes = text.bytes();
    out_ += '"';
    for (size_t at = 0; at < bytes.size();) {
      const Utf8Char c = read_char(bytes, at);
      write_char(bytes.substr(at, c.bytes), c);
      at += c.bytes;
    }
    out_ += '"';
  }

  void write_char(std::string_view bytes, const Utf8Char& c) {
    static constexpr std::string_view kShort = "\"\\\n\r\t\b\f", kLetters = "\"\\nrtbf";
    const size_t place = bytes.size() == 1 ? kShort.find(bytes[0]) : kShort.npos;
    if (place != kShort.npos) {
      out_ += {'\\', kLetters[place]};
    } else if (bytes.size() == 1 && static_cast<uint8_t>(bytes[0]) < 0x20) {
      out_ += fmt::format("\\u{:04x}", static_cast<uint8_t>(bytes[0]));
    } else if (style_.ensure_ascii && c.state == Utf8Char::State::well_formed && c.code > 0x7E) {
      write_escaped(c.code);
    } else {
      out_ += bytes;
    }
  }

  void write_escaped(char32_t code) {
    const auto value = static_cast<uint32_t>(code);
    if (value < 0x10000) {
      out_ += fmt::format("\\u{:04x}", value);
    } else {  // a surrogate pair
      out_ += fmt::format("\\u{:04x}\\u{:04x}", 0xD7C0 + (value >> 10), 0xDC00 + (value & 0x3FF));
    }
  }

  void write_list(const List& list) {
    open('[', list.items.empty());
    for (size_t i = 0; i < list.items.size(); ++i) {
      separate(i);
      write(list.items[i]);
    }
    close(']', list.items.empty());
  }

  void write_dict(const Dict& dict) {
    std::vector<size_t> order(dict.entries.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    if (style_.sort_keys) {
      std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
        return less(context_, dict.entries[a].first, dict.entries[b].first);
      });
    }
    open('{', order.empty());
    for (size_t i = 0; i < order.size(); ++i) {
      separate(i);
      write_key(dict.entries[order[i]].first);
      out_ += style_.key_separator;
      write(dict.entries[order[i]].second);
    }
    close('}', order.empty());
  }

  void write_key(const Value& key) {
    if (key.text()) return write_string(*key.text());
    out_ += '"';
    write(key);
    out_ += '"';
  }

  void open(char bracket, bool empty) {
    out_ += bracket;
    ++level_;
    if (!empty) break_line();
  }
  void separate(size_t place) {
    if (place == 0) return;
    out_ += style_.item_separator;
    break_line();
  }
  void close(char bracket, bool empty) {
    --level_;
    if (!empty) break_line();
    out_ += bracket;
  }
  void break_line() {
    if (!style_.multiline) return;
    context_.budget.spend_bytes(level_ * style_.indent.size());
    out_ += '\n';
    for (size_t i = 0; i < level_; ++i) out_ += style_.indent;
  }

  Context& context_;
  const JsonStyle& style_;
  std::string out_;
  size_t level_ = 0;
  bool from_caller_ = false;
};

}  // namespace

Text to_json(Context& context, const Value& value, const JsonStyle& style) {
  JsonWriter writer(context, style);
  writer.write(value);
  return writer.take();
}

}  // namespace yoke::model::text::jinja
