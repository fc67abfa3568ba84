// From a request's JSON to a Draft by one table: every field that is known, its type, its range and where it goes. What the
// table lacks is refused by its name.
#pragma once

#include <boost/json/object.hpp>

#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "coordinator/api/openai/draft.h"
#include "coordinator/served_model.h"

namespace yoke::coordinator::api::openai {

enum Endpoints : unsigned { kChat = 1, kText = 2, kBoth = 3 };

struct FieldContext {
  const ServedModel& model;
  int max_choices = 1;
  bool allow_request_templates = false;
};

struct Number {
  double low, high;
  void (*put)(Draft&, double);
};
struct Integer {
  int64_t low, high;
  void (*put)(Draft&, int64_t);
};
struct Flag {
  void (*put)(Draft&, bool);
};
// A field with a shape of its own: field_readers.h.
struct Shaped {
  void (*read)(Draft&, const boost::json::value&, const FieldContext&);
};
// What a chat template sees: chat_fields.h reads all of it together.
struct OfConversation {};
// Says something about the client, not about the answer: its type is checked, nothing else happens.
struct Harmless {
  boost::json::kind kind;
};
// Not offered. The values (as JSON) that ask for nothing are let through.
struct Refused {
  std::string_view nothing[2] = {};
};

struct Field {
  std::string_view name;
  unsigned endpoints;
  std::variant<Number, Integer, Flag, Shaped, OfConversation, Harmless, Refused> rule;
};

// The whole table, for reading and for tests.
std::span<const Field> fields();

// Error{invalid_argument}, {unsupported} or {not_found} (the model), with the field as param. null counts as absent.
Draft read_chat(const boost::json::object& body, const FieldContext& context);
Draft read_completion(const boost::json::object& body, const FieldContext& context);

}  // namespace yoke::coordinator::api::openai
