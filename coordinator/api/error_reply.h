// Errors as OpenAI's clients expect them: {"error": {"message", "type", "param", "code"}}.
#pragma once

#include <boost/json/fwd.hpp>

#include <string>
#include <string_view>

#include "coordinator/http/message.h"
#include "core/error.h"

namespace yoke::coordinator::api {

boost::json::object error_object(const Error& error);
// The same for HTTP's own refusals, whose status has no Code (405, 408, 411, 413, 431, ...).
http::Response error_reply(int status, const Error& error);
http::Response error_reply(const Error& error);  // status by core/error.h; Retry-After where trying again may help

// Whatever is being thrown, as an Error: an exception that is none of ours is Code::internal, and logged.
Error current_error();

// A caller's text for a message: at most 100 characters, control and non-ASCII bytes as '?'.
std::string printable(std::string_view text);

}  // namespace yoke::coordinator::api
