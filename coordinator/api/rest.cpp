#include "coordinator/api/rest.h"

#include <spdlog/spdlog.h>

#include <optional>

#include "coordinator/api/router.h"
#include "coordinator/http/server.h"

namespace yoke::coordinator::api {
namespace {

std::optional<Keys> keys_for(const RestConfig& config) {
  if (!config.api_key_file.empty()) return Keys::load(config.api_key_file);
  if (http::is_loopback(config.host)) return std::nullopt;
  throw Error(Code::invalid_argument,
              "--host " + config.host +
                  " lets other machines in, which needs keys: make one with `yoke key add NAME` and give the file with "
                  "--api-key-file, or listen on 127.0.0.1",
              "host");
}

http::Limits limits_of(const RestConfig& config) {
  return {.body_bytes = config.max_body_bytes,
          .header_bytes = config.max_header_bytes,
          .connections = config.max_connections,
          .header_timeout = config.header_timeout,
          .body_timeout = config.write_timeout,  // as much patience with a client's sending as with its reading
          .write_timeout = config.write_timeout,
          .quiet = config.keep_alive,
          .idle_timeout = config.idle_timeout};
}

}  // namespace

struct Rest::State {
  State(const RestConfig& config, const ServedModel& model, Service& service, Metrics& metrics)
      : router(config, model, service, metrics, keys_for(config)),
        server(config.host, config.port, limits_of(config), router) {}

  Router router;
  http::Server server;
};

Rest::Rest(const RestConfig& config, const ServedModel& model, Service& service, Metrics& metrics)
    : state_(std::make_unique<State>(config, model, service, metrics)) {
  spdlog::info("REST endpoint on {}:{}", config.host, port());
}

Rest::~Rest() { stop(); }

uint16_t Rest::port() const { return state_->server.port(); }

void Rest::stop() { state_->server.stop(); }

}  // namespace yoke::coordinator::api
