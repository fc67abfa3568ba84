// JSON as values of the template language. One thread.
#pragma once

#include <boost/json/fwd.hpp>

#include "model/text/jinja/value.h"

namespace yoke::model::text::jinja {

// Strings and keys count as the caller's if `from_caller`. An integer beyond 64 bits becomes a float. Fault for nesting
// beyond kMaxValueDepth.
Value from_json(const boost::json::value& json, bool from_caller, int depth = 0);

// A chat's messages, all the caller's. A role that every server knows counts as the template's: some templates write tokens with
// it ('<|' + message.role + '|>'), and such a word can make no other token.
Value from_messages(const boost::json::value& json);

}  // namespace yoke::model::text::jinja
