#include "coordinator/api/router.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "coordinator/api/error_reply.h"
#include "coordinator/api/logits.h"
#include "coordinator/api/openai/embeddings.h"
#include "coordinator/api/openai/rerank.h"
#include "coordinator/api/pages.h"
#include "coordinator/api/strict_json.h"
#include "coordinator/api/tokenize.h"

namespace yoke::coordinator::api {
namespace {

// What is read, rendered and encoded within a millisecond or so. Longer bodies go to the workers, and so do templates of clients,
// which may use up their whole budget whatever their length.
constexpr size_t kQuickBytes = 16 << 10;

}  // namespace

struct Router::Route {
  std::string_view method;
  std::string_view path;
  bool prefix;    // what follows the path is an argument
  bool open;      // without a key: a supervisor that asks for health holds none
  std::unique_ptr<http::Answer> (Router::*answer)(http::Request, http::Waker);
};

const Router::Route Router::kRoutes[] = {
    {"POST", "/v1/chat/completions", false, false, &Router::chat},
    {"POST", "/v1/completions", false, false, &Router::completion},
    {"POST", "/v1/embeddings", false, false, &Router::embeddings},
    {"POST", "/v1/rerank", false, false, &Router::rerank},
    {"POST", "/v2/rerank", false, false, &Router::rerank},
    {"POST", "/rerank", false, false, &Router::rerank},
    {"POST", "/tokenize", false, false, &Router::tokenized},
    {"POST", "/detokenize", false, false, &Router::detokenized},
    {"GET", "/v1/models", false, false, &Router::models},
    {"GET", "/v1/models/", true, false, &Router::model},
    {"GET", "/health/live", false, true, &Router::live},
    {"GET", "/health/ready", false, true, &Router::ready},
    {"GET", "/metrics", false, false, &Router::metrics},
    {"GET", "/yoke/v1/status", false, false, &Router::status},
    {"POST", "/yoke/v1/logits", false, false, &Router::logits},
};

Router::Router(const RestConfig& config, const ServedModel& model, Service& service, Metrics& metrics, std::optional<Keys> keys)
    : config_(config), model_(model), service_(service), metrics_(metrics), keys_(std::move(keys)) {}

// Null for an unknown path, and for a known one with another method: then `allowed` says which it has.
const Router::Route* Router::find(const http::Request& request, std::string& allowed) const {
  const std::string_view path = request.path;
  for (const Route& route : kRoutes) {
    const bool here = route.prefix ? path.starts_with(route.path) && path.size() > route.path.size() : path == route.path;
    if (!here) continue;
    const bool get = route.method == "GET";
    if (request.method == route.method || (get && request.method == "HEAD")) return &route;
    allowed = get ? "GET, HEAD" : std::string(route.method);
  }
  return nullptr;
}

bool Router::may_enter(const http::Request& request) const {
  if (!keys_) return true;
  constexpr std::string_view kBearer = "bearer ";
  std::string_view given = request.header("authorization");
  if (given.size() < kBearer.size()) return false;
  for (size_t i = 0; i < kBearer.size(); ++i) {
    const char c = given[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c) != kBearer[i]) return false;
  }
  given.remove_prefix(kBearer.size());
  while (given.starts_with(' ')) given.remove_prefix(1);
  return keys_->owner(given).has_value();
}

std::optional<http::Response> Router::admit(const http::Request& head) {
  std::string allowed;
  const Route* route = find(head, allowed);
  const bool open = route != nullptr && route->open;
  if (!open && !may_enter(head)) {
    return error_reply(Error(Code::unauthorized, "this server needs a key: Authorization: Bearer KEY; `yoke key add NAME` makes one"));
  }
  if (!allowed.empty() && route == nullptr) {
    http::Response response = error_reply(
        405, Error(Code::invalid_argument, fmt::format("{} is not for {}; it takes {}", printable(head.path), printable(head.method), allowed)));
    response.headers.push_back({"Allow", allowed});
    return response;
  }
  if (route == nullptr) {
    return error_reply(Error(Code::not_found, fmt::format("there is nothing at {} {}", printable(head.method), printable(head.path))));
  }
  return std::nullopt;
}

std::unique_ptr<http::Answer> Router::handle(http::Request request, http::Waker wake) {
  try {
    std::string allowed;
    const Route* route = find(request, allowed);
    YOKE_ASSERT(route != nullptr);  // admit() let it through
    if (request.method != "POST" || (request.body.size() <= kQuickBytes && !config_.allow_request_templates)) {
      return (this->*route->answer)(std::move(request), std::move(wake));
    }
    const auto kept = std::make_shared<http::Request>(std::move(request));
    return workers_.defer([=, this] { return (this->*route->answer)(std::move(*kept), wake); }, wake);
  } catch (...) {
    return http::make_answer(error_reply(current_error()));
  }
}

http::Response Router::refusal(int status, std::string_view why) {
  const Code code = status == 413 || status == 431 ? Code::too_large
                    : status == 408                ? Code::deadline_exceeded
                    : status == 503                ? Code::unavailable
                    : status >= 500                ? Code::internal
                                                   : Code::invalid_argument;
  return error_reply(status, Error(code, std::string(why)));
}

void Router::answered(int status) { metrics_.http_request(status); }

openai::GenerationContext Router::generation_context() const {
  return {.model = model_,
          .service = service_,
          .max_choices = config_.max_choices,
          .allow_request_templates = config_.allow_request_templates};
}

std::unique_ptr<http::Answer> Router::chat(http::Request request, http::Waker wake) {
  return openai::start_chat(parse_body(request.body), generation_context(), std::move(wake));
}

std::unique_ptr<http::Answer> Router::completion(http::Request request, http::Waker wake) {
  return openai::start_completion(parse_body(request.body), generation_context(), std::move(wake));
}

std::unique_ptr<http::Answer> Router::embeddings(http::Request request, http::Waker wake) {
  return openai::start_embeddings(parse_body(request.body), model_, service_, std::move(wake));
}

std::unique_ptr<http::Answer> Router::rerank(http::Request request, http::Waker wake) {
  return openai::start_rerank(parse_body(request.body), model_, service_, std::move(wake));
}

std::unique_ptr<http::Answer> Router::logits(http::Request request, http::Waker wake) {
  if (!config_.allow_logits) {
    return http::make_answer(error_reply(
        403, Error(Code::unsupported, "raw logits are off: they give the model away; start `yoke serve` with --allow-logits")));
  }
  return start_logits(parse_body(request.body), model_, service_, std::move(wake));
}

std::unique_ptr<http::Answer> Router::tokenized(http::Request request, http::Waker) {
  return http::make_answer(tokenize(parse_body(request.body), openai::fields_of(generation_context())));
}

std::unique_ptr<http::Answer> Router::detokenized(http::Request request, http::Waker) {
  return http::make_answer(detokenize(parse_body(request.body), openai::fields_of(generation_context())));
}

std::unique_ptr<http::Answer> Router::models(http::Request, http::Waker) { return http::make_answer(models_page(model_)); }

std::unique_ptr<http::Answer> Router::model(http::Request request, http::Waker) {
  constexpr std::string_view kPrefix = "/v1/models/";
  return http::make_answer(model_page(model_, http::percent_decoded(std::string_view(request.path).substr(kPrefix.size()))));
}

std::unique_ptr<http::Answer> Router::live(http::Request, http::Waker) { return http::make_answer(live_page()); }

std::unique_ptr<http::Answer> Router::ready(http::Request, http::Waker) {
  return http::make_answer(ready_page(service_.status()));
}

std::unique_ptr<http::Answer> Router::metrics(http::Request, http::Waker) {
  return http::make_answer(
      {.content_type = "text/plain; version=0.0.4; charset=utf-8", .headers = {}, .body = metrics_.text(service_.status())});
}

std::unique_ptr<http::Answer> Router::status(http::Request, http::Waker) {
  return http::make_answer(status_page(service_.status(), model_));
}

}  // namespace yoke::coordinator::api
