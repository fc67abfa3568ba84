#include "coordinator/api/error_reply.h"

#include <spdlog/spdlog.h>

#include <boost/json.hpp>

namespace yoke::coordinator::api {
namespace {

namespace json = boost::json;

std::string_view type_of(int status) {
  if (status == 401 || status == 403) return "authentication_error";
  if (status == 429) return "rate_limit_error";
  return status >= 500 ? "server_error" : "invalid_request_error";
}

// OpenAI's own words where programs look for them (an agent shortens its conversation on context_length_exceeded), ours
// elsewhere.
std::string_view code_of(const Error& error) {
  switch (error.code()) {
    case Code::context_exceeded: return "context_length_exceeded";
    case Code::unauthorized: return "invalid_api_key";
    case Code::overloaded: return "rate_limit_exceeded";
    case Code::not_found: return error.param() == "model" ? std::string_view("model_not_found") : name(error.code());
    case Code::invalid_argument:
    case Code::unsupported:
    case Code::too_large:
    case Code::does_not_fit:
    case Code::bad_file:
    case Code::peer_lost:
    case Code::deadline_exceeded:
    case Code::aborted:
    case Code::unavailable:
    case Code::internal: return name(error.code());
  }
  return name(error.code());
}

json::object shape(int status, const Error& error) {
  json::value param = nullptr;
  if (!error.param().empty()) param = error.param();
  return {{"error",
           {{"message", error.what()}, {"type", type_of(status)}, {"param", std::move(param)}, {"code", code_of(error)}}}};
}

}  // namespace

json::object error_object(const Error& error) { return shape(http_status(error.code()), error); }

http::Response error_reply(int status, const Error& error) {
  http::Response response{.status = status, .body = json::serialize(shape(status, error))};
  if (status == 429 || status == 503) response.headers.push_back({"Retry-After", "1"});
  if (status == 401) response.headers.push_back({"WWW-Authenticate", "Bearer"});
  return response;
}

http::Response error_reply(const Error& error) { return error_reply(http_status(error.code()), error); }

Error current_error() {
  try {
    throw;
  } catch (const Error& error) {
    return error;
  } catch (const std::exception& error) {
    spdlog::error("api: a request failed: {}", error.what());
    return Error(Code::internal, "a fault of the server's; its log says more");
  }
}

std::string printable(std::string_view text) {
  constexpr size_t kLongest = 100;
  std::string out;
  for (const char c : text.substr(0, kLongest)) out += c >= 0x20 && c < 0x7f ? c : '?';
  if (text.size() > kLongest) out += "...";
  return out;
}

}  // namespace yoke::coordinator::api
