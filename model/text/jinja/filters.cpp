#include "model/text/jinja/filters.h"

#include <algorithm>

#include "model/text/jinja/access.h"
#include "model/text/jinja/arguments.h"
#include "model/text/jinja/budget.h"
#include "model/text/jinja/characters.h"
#include "model/text/jinja/functions.h"
#include "model/text/jinja/list_filters.h"
#include "model/text/jinja/more_filters.h"
#include "model/text/jinja/operations.h"
#include "model/text/jinja/printing.h"
#include "model/text/jinja/strings.h"

namespace yoke::model::text::jinja {
namespace {

Value length(Context& context, const Value& value, const Arguments&) {
  if (const Text* text = value.text()) {
    context.budget.spend_bytes(text->size());
    return static_cast<int64_t>(count_characters(text->bytes()));
  }
  if (const Dict* dict = value.dict()) return static_cast<int64_t>(dict->entries.size());
  if (value.is_undefined()) return int64_t{0};
  if (!value.list() || value.list()->form == List::Form::generator) fail("a {} has no length", value.type_name());
  return static_cast<int64_t>(value.list()->items.size());
}

Value tojson(Context& context, const Value& value, const Arguments& arguments) {
  const Reader reader("tojson", arguments);
  JsonStyle style;
  style.ensure_ascii = reader.truth_or(0, "ensure_ascii", false);
  style.sort_keys = reader.truth_or(3, "sort_keys", false);
  const Value* indent = reader.find(1, "indent");
  if (indent && !indent->is_none()) {
    style.multiline = true;
    style.item_separator.assign(1, ',');
    constexpr int64_t kMaxIndent = 16;
    if (const int64_t* width = indent->integer()) {
      style.indent.assign(static_cast<size_t>(std::clamp<int64_t>(*width, 0, kMaxIndent)), ' ');
    } else {
      style.indent = reader.text(1, "indent").bytes();
    }
  }
  if (const Value* separators = reader.find(2, "separators"); separators && !separators->is_none()) {
    const List* pair = separators->list();
    if (!pair || pair->items.size() != 2 || !pair->items[0].text() || !pair->items[1].text()) {
      fail("tojson() needs two strings as 'separators'");
    }
    style.item_separator = pair->items[0].text()->bytes();
    style.key_separator = pair->items[1].text()->bytes();
  }
  context.budget.spend_bytes(style.item_separator.size() + style.key_separator.size() + style.indent.size());
  return to_json(context, value, style);
}

Value trim(Context& context, const Value& value, const Arguments& arguments) {
  return strip(context, *to_text(context, value), Side::both, Reader("trim", arguments).text_or_null(0, "chars"));
}

Value string(Context& context, const Value& value, const Arguments&) { return to_text(context, value); }

Value default_value(Context&, const Value& value, const Arguments& arguments) {
  const Reader reader("default", arguments);
  const bool replaced = value.is_undefined() || (reader.truth_or(1, "boolean", false) && !truthy(value));
  if (!replaced) return value;
  const Value* otherwise = reader.find(0, "default_value");
  return otherwise ? *otherwise : Value(Text());
}

Value join_filter(Context& context, const Value& value, const Arguments& arguments) {
  const Reader reader("join", arguments);
  const Value* attribute = reader.find(1, "attribute");
  const Value* separator = reader.find(0, "d");
  std::vector<TextPtr> parts;
  const ListPtr elements = elements_of(context, value);
  for (const Value& item : elements->items) {
    parts.push_back(to_text(context, attribute ? attribute_path(context, item, *attribute) : item));
  }
  return join(context, separator ? *to_text(context, *separator) : Text(), parts);
}

Value items(Context& context, const Value& value, const Arguments&) {
  if (value.is_undefined()) return make_list({}, List::Form::generator);
  if (!value.dict()) fail("items needs a dict, not {}", value.type_name());
  return items_of(context, *value.dict(), List::Form::generator);
}

template <std::string (*change)(std::string_view)>
Value changed(Context& context, const Value& value, const Arguments&) {
  const TextPtr text = to_text(context, value);
  context.budget.spend_bytes(text->size());
  return derived(*text, change(text->bytes()));
}

Value replace_filter(Context& context, const Value& value, const Arguments& arguments) {
  const Reader reader("replace", arguments);
  const Value* count = reader.find(2, "count");
  return replace(context, *to_text(context, value), *to_text(context, reader.value(0, "old")),
                 *to_text(context, reader.value(1, "new")), count && count->integer() ? *count->integer() : -1);
}

Value indent(Context& context, const Value& value, const Arguments& arguments) {
  const Reader reader("indent", arguments);
  const Value* width = reader.find(0, "width");
  constexpr int64_t kMaxWidth = 256;
  const Text space = width && width->text() ? *width->text()
                                            : Text(std::string(static_cast<size_t>(std::clamp<int64_t>(
                                                                   reader.integer_or(0, "width", 4), 0, kMaxWidth)), ' '), false);
  const bool first = reader.truth_or(1, "first", false), blank = reader.truth_or(2, "blank", false);
  const TextPtr text = to_text(context, value);
  std::vector<Value> lines = split_lines(context, *text);
  // Jinja adds a line end before it splits: a last empty line counts.
  if (text->empty() || text->bytes().ends_with('\n')) lines.push_back(Text());
  Text out;
  for (size_t i = 0; i < lines.size(); ++i) {
    const Text& line = *lines[i].text();
    if (i > 0) out.append("\n", false);
    context.budget.spend_bytes(space.size() + line.size());
    context.budget.check_length(out.size() + space.size() + line.size());
    if (i == 0 ? first : blank || !line.empty()) out.append(space);
    out.append(line);
  }
  return out;
}

const std::vector<Filter>& filters() {
  static const std::vector<Filter> rows = {
      {"tojson", {"ensure_ascii", "indent", "separators", "sort_keys"}, false, tojson},
      {"length", {}, false, length},
      {"count", {}, false, length},
      {"trim", {"chars"}, false, trim},
      {"string", {}, false, string},
      {"default", {"default_value", "boolean"}, false, default_value},
      {"d", {"default_value", "boolean"}, false, default_value},
      {"join", {"d", "attribute"}, false, join_filter},
      {"items", {}, false, items},
      {"list", {}, false, as_list},
      {"safe", {}, false, string},
      {"lower", {}, false, changed<to_lower>},
      {"upper", {}, false, changed<to_upper>},
      {"capitalize", {}, false, changed<capitalized>},
      {"title", {}, false, changed<titled_by_words>},
      {"replace", {"old", "new", "count"}, false, replace_filter},
      {"indent", {"width", "first", "blank"}, false, indent},
      {"int", {"default", "base"}, false, to_integer},
      {"float", {"default"}, false, to_real},
      {"abs", {}, false, absolute},
      {"map", {"attribute", "default"}, true, map},
      {"select", {}, true, select},
      {"reject", {}, true, reject},
      {"selectattr", {}, true, selectattr},
      {"rejectattr", {}, true, rejectattr},
      {"first", {}, false, first},
      {"last", {}, false, last},
      {"reverse", {}, false, reverse},
      {"sort", {"reverse", "case_sensitive", "attribute"}, false, sort},
      {"dictsort", {"case_sensitive", "by", "reverse"}, false, dictsort},
      {"unique", {"case_sensitive", "attribute"}, false, unique},
      {"min", {"case_sensitive", "attribute"}, false, least},
      {"max", {"case_sensitive", "attribute"}, false, greatest},
      {"sum", {"attribute", "start"}, false, sum},
      {"groupby", {"attribute", "default", "case_sensitive"}, false, groupby},
      {"batch", {"linecount", "fill_with"}, false, batch},
      {"slice", {"slices", "fill_with"}, false, slices},
      {"attr", {"name"}, false, attr},
      {"round", {"precision", "method"}, false, round},
      {"from_json", {}, false, parse_json},
      {"format", {}, false, format, true},
      {"center", {"width"}, false, center},
      {"truncate", {"length", "killwords", "end", "leeway"}, false, truncate},
      {"wordcount", {}, false, wordcount},
      {"urlencode", {}, false, urlencode},
      {"pprint", {}, false, repr},
  };
  return rows;
}

}  // namespace

const Filter* find_filter(std::string_view name) {
  const auto row = std::find_if(filters().begin(), filters().end(), [&](const Filter& filter) { return filter.name == name; });
  return row == filters().end() ? nullptr : &*row;
}

}  // namespace yoke::model::text::jinja
