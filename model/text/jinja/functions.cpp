#include "model/text/jinja/functions.h"

#include <ctime>

#include "core/clock.h"
#include "model/text/jinja/arguments.h"
#include "model/text/jinja/budget.h"

namespace yoke::model::text::jinja {
namespace {

struct Function : Callable {
  using Body = Value (*)(Context& context, const Arguments& arguments);
  explicit Function(Body body) : body(body) {}
  Value call(Context& context, const Arguments& arguments) const override { return body(context, arguments); }

  Body body;
};

void set_field(Namespace& space, std::string_view name, const Value& value) {
  if (name.empty() || name.starts_with('_')) fail("a namespace has no field '{}': names begin with a letter", name);
  space.fields.insert_or_assign(std::string(name), value);
}

Value call_namespace(Context& context, const Arguments& arguments) {
  auto space = std::make_unique<Namespace>();
  for (const Value& from : arguments.positional) {
    if (!from.dict()) fail("namespace() takes a dict or named values, not {}", from.type_name());
    context.budget.spend(from.dict()->entries.size());
    for (const auto& [key, value] : from.dict()->entries) set_field(*space, key.text() ? key.text()->bytes() : "", value);
  }
  for (const auto& [name, value] : arguments.named) set_field(*space, name, value);
  context.namespaces.push_back(std::move(space));
  return context.namespaces.back().get();
}

Value call_range(Context& context, const Arguments& arguments) {
  const Reader reader("range", arguments);
  reader.at_most(3);
  reader.value(0, "stop");
  const bool only_stop = arguments.positional.size() == 1;
  const int64_t first = only_stop ? 0 : reader.integer_or(0, "start", 0);
  const int64_t stop = reader.integer_or(only_stop ? 0 : 1, "stop", 0), step = reader.integer_or(2, "step", 1);
  if (step == 0) fail("range() needs a step other than 0");
  std::vector<Value> numbers;
  for (int64_t at = first; step > 0 ? at < stop : at > stop;) {
    context.budget.spend(1);
    numbers.push_back(at);
    if (__builtin_add_overflow(at, step, &at)) break;
  }
  return make_list(std::move(numbers));
}

Value call_dict(Context& context, const Arguments& arguments) {
  std::vector<std::pair<Value, Value>> entries;
  for (const Value& from : arguments.positional) {
    if (!from.dict()) fail("dict() takes a dict or named values, not {}", from.type_name());
    context.budget.spend(from.dict()->entries.size());
    entries.insert(entries.end(), from.dict()->entries.begin(), from.dict()->entries.end());
  }
  for (const auto& [name, value] : arguments.named) entries.emplace_back(Text(name, false), value);
  return make_dict(std::move(entries));
}

Value call_raise_exception(Context&, const Arguments& arguments) {
  throw Fault(std::string(Reader("raise_exception", arguments).text(0, "message").bytes()), Fault::Kind::own_words);
}

// A hostile template may ask for "%999999d"; honest ones write "%d %b %Y", some "%-d".
void check_format(std::string_view format) {
  constexpr size_t kMaxFormat = 64;
  if (format.size() > kMaxFormat) fail("strftime_now() takes a format of at most {} bytes", kMaxFormat);
  for (size_t at = format.find('%'); at != format.npos; at = format.find('%', at + 2)) {
    if (format.substr(at + 1).starts_with('-')) ++at;
    const char letter = at + 1 < format.size() ? format[at + 1] : '\0';
    if (std::string_view("aAwdbBmyYHIpMSfzZjUWcxXGuVDTFeRnth%").find(letter) == std::string_view::npos) {
      fail("strftime_now() does not know '{}'", format.substr(at));
    }
  }
}

std::string print_moment(const std::string& format, const Moment& moment) {
  std::tm parts{};
  parts.tm_year = moment.year - 1900;
  parts.tm_mon = moment.month - 1;
  parts.tm_mday = moment.day;
  parts.tm_hour = moment.hour;
  parts.tm_min = moment.minute;
  parts.tm_sec = moment.second;
  parts.tm_isdst = -1;
  // The days of the week and of the year; timegm knows no time zone, so that a day stays itself.
  const std::time_t seconds = timegm(&parts);
  gmtime_r(&seconds, &parts);
  char text[512];
  return std::string(text, std::strftime(text, sizeof text, format.c_str(), &parts));
}

Value call_strftime_now(Context& context, const Arguments& arguments) {
  const std::string format(Reader("strftime_now", arguments).text(0, "format").bytes());
  check_format(format);
  return Text(context.now ? print_moment(format, *context.now) : local_time(format.c_str()), false);
}

struct Row {
  std::string_view name;
  Function::Body body;
};
constexpr Row kFunctions[] = {
    {"namespace", call_namespace}, {"range", call_range},
    {"dict", call_dict},           {"raise_exception", call_raise_exception},
    {"strftime_now", call_strftime_now},
};

}  // namespace

Value find_function(std::string_view name) {
  for (const Row& row : kFunctions) {
    if (row.name == name) return CallablePtr(std::make_shared<const Function>(row.body));
  }
  return {};
}

bool is_function(std::string_view name) {
  for (const Row& row : kFunctions) {
    if (row.name == name) return true;
  }
  return false;
}

Value items_of(Context& context, const Dict& dict, List::Form form) {
  context.budget.spend(dict.entries.size());
  std::vector<Value> pairs;
  for (const auto& [key, value] : dict.entries) pairs.push_back(make_list({key, value}, List::Form::tuple));
  return make_list(std::move(pairs), form);
}

}  // namespace yoke::model::text::jinja
