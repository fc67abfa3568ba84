// JSON from a client, taken strictly: no duplicate keys, no invalid UTF-8, limited depth, one value and nothing behind it.
#pragma once

#include <boost/json/value.hpp>

#include <string_view>

namespace yoke::coordinator::api {

// A request's body, which must be an object. Error{invalid_argument} whose param is the path to what is wrong
// ("messages[2].content"), or "body" where no field can be blamed.
boost::json::object parse_body(std::string_view text);

// "a string", "a number", ... for messages.
std::string_view kind_name(const boost::json::value& value);

}  // namespace yoke::coordinator::api
