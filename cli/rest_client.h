// A client of our own REST endpoint, over libcurl. One thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/clock.h"

namespace yoke::cli {

struct HttpRequest {
  std::string method = "GET";
  std::string path;          // "/v1/models"
  std::string body;          // JSON; sent with POST
  Duration timeout = std::chrono::seconds(10);  // of the whole exchange; 0: none (streams)
};

struct HttpResponse {
  int status = 0;
  std::string body;
};

class RestClient {
 public:
  // `key` is sent as a bearer token unless empty.
  explicit RestClient(std::string base_url, std::string key = {});
  ~RestClient();
  RestClient(RestClient&&) noexcept;

  const std::string& base_url() const { return base_url_; }

  // Error{peer_lost} when nobody answers there; a status of 400 and more is returned, not thrown.
  HttpResponse send(const HttpRequest& request);

  // As send, but an answer of status 200 goes to `on_data` piece by piece; false from it ends the exchange (status 0 returned).
  // Error{peer_lost} when the connection ends before the answer does.
  HttpResponse stream(const HttpRequest& request, const std::function<bool(std::string_view)>& on_data);

  // POSTs a body with "stream": true and calls `on_event` with each event's data, `[DONE]` included. Throws what an error
  // event says, and Error{peer_lost} for a stream that ends without [DONE]. False from on_event stops it.
  void events(const std::string& path, const std::string& body, const std::function<bool(std::string_view)>& on_event);

  // Throws the error that a response's body states (OpenAI's shape), unless its status is 2xx.
  static void check(const HttpResponse& response);

 private:
  struct Handle;
  std::string base_url_;
  std::string key_;
  std::unique_ptr<Handle> handle_;
};

}  // namespace yoke::cli
