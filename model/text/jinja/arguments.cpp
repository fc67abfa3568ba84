#include "model/text/jinja/arguments.h"

#include "model/text/jinja/budget.h"
#include "model/text/jinja/operations.h"

namespace yoke::model::text::jinja {

const Value& Reader::value(size_t place, std::string_view name) const {
  const Value* given = find(place, name);
  if (!given) fail("{}() needs the argument '{}'", function_, name);
  return *given;
}

const Text& Reader::text(size_t place, std::string_view name) const {
  const Value& given = value(place, name);
  if (given.is_undefined()) fail("{}", given.why_undefined());
  if (!given.text()) fail("{}() needs a string as '{}', not {}", function_, name, given.type_name());
  return *given.text();
}

const Text* Reader::text_or_null(size_t place, std::string_view name) const {
  const Value* given = find(place, name);
  return given && !given->is_none() ? &text(place, name) : nullptr;
}

int64_t Reader::integer(size_t place, std::string_view name) const {
  value(place, name);
  return integer_or(place, name, 0);
}

int64_t Reader::integer_or(size_t place, std::string_view name, int64_t otherwise) const {
  const Value* given = find(place, name);
  if (!given) return otherwise;
  if (!given->integer()) fail("{}() needs an integer as '{}', not {}", function_, name, given->type_name());
  return *given->integer();
}

bool Reader::truth_or(size_t place, std::string_view name, bool otherwise) const {
  const Value* given = find(place, name);
  return given ? truthy(*given) : otherwise;
}

void Reader::at_most(size_t count) const {
  const size_t given = arguments_.positional.size() + arguments_.named.size();
  if (given > count) fail("{}() takes at most {} arguments, {} were given", function_, count, given);
}

}  // namespace yoke::model::text::jinja
