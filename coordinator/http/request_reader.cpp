#include "coordinator/http/request_reader.h"

#include <fmt/format.h>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <algorithm>
#include <cctype>

namespace yoke::coordinator::http {
namespace {

namespace beast_http = boost::beast::http;
using boost::system::error_code;

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

// "/a?b" -> path "/a", query "b". A proxy's absolute form (RFC 9112, 3.2.2) loses its scheme and host.
void split_target(std::string_view target, Request& request) {
  if (target.starts_with("http://") || target.starts_with("https://")) {
    const size_t host = target.find("//") + 2;
    const size_t slash = target.find('/', host);
    target = slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
  }
  const size_t question = target.find('?');
  request.path = std::string(target.substr(0, question));
  if (question != std::string_view::npos) request.query = std::string(target.substr(question + 1));
}

bool has_body(std::string_view method) { return method == "POST" || method == "PUT" || method == "PATCH"; }

}  // namespace

struct RequestReader::Parser {
  beast_http::request_parser<beast_http::string_body> beast;
};

RequestReader::RequestReader(uint32_t header_limit, uint64_t body_limit)
    : parser_(std::make_unique<Parser>()), header_limit_(header_limit), body_limit_(body_limit) {
  parser_->beast.header_limit(header_limit);
  parser_->beast.body_limit(body_limit);
}

RequestReader::~RequestReader() = default;

RequestReader::State RequestReader::fail(int status, std::string why) {
  status_ = status;
  why_ = std::move(why);
  return state_ = State::failed;
}

RequestReader::State RequestReader::feed(std::string& buffer) {
  error_code ec;
  const bool in_head = state_ == State::head;
  const size_t used = parser_->beast.put(boost::asio::buffer(buffer), ec);
  buffer.erase(0, used);
  if (ec == beast_http::error::need_more) return state_;
  if (ec == beast_http::error::header_limit) {
    return fail(431, fmt::format("the request's head is longer than {} bytes", header_limit_));
  }
  if (ec == beast_http::error::body_limit) {
    return fail(413, fmt::format("the request's body is longer than {} bytes", body_limit_));
  }
  if (ec == beast_http::error::bad_version) return fail(505, "this server speaks HTTP/1.0 and HTTP/1.1");
  if (ec) return fail(400, "not an HTTP request: " + ec.message());
  if (in_head && parser_->beast.is_header_done()) return accept_head();
  if (parser_->beast.is_done()) {
    request_.body = std::move(parser_->beast.get().body());
    return state_ = State::complete;
  }
  return state_;
}

RequestReader::State RequestReader::parse(std::string& buffer) {
  if (state_ == State::head) {
    while (buffer.starts_with("\r\n")) buffer.erase(0, 2);  // RFC 9112, 2.2: tolerated before a request
  }
  // A body of known length zero is done without further bytes.
  if (state_ == State::body && parser_->beast.is_done()) {
    request_.body = std::move(parser_->beast.get().body());
    return state_ = State::complete;
  }
  if (buffer.empty() || state_ == State::complete || state_ == State::failed) return state_;
  return feed(buffer);
}

RequestReader::State RequestReader::accept_head() {
  parser_->beast.eager(true);  // from here on one put() takes all it can use, and no more than this request's end
  const auto& message = parser_->beast.get();
  request_.method = std::string(message.method_string());
  split_target(message.target(), request_);
  for (const auto& field : message) {
    request_.headers.push_back({lower(field.name_string()), std::string(field.value())});
  }
  keep_alive_ = parser_->beast.keep_alive();
  http_1_0_ = message.version() < 11;
  if (!request_.header("transfer-encoding").empty() && !parser_->beast.chunked()) {
    return fail(501, "of transfer encodings only chunked is supported");
  }
  if (has_body(request_.method) && !parser_->beast.content_length() && !parser_->beast.chunked()) {
    return fail(411, "a " + request_.method + " request needs Content-Length or Transfer-Encoding: chunked");
  }
  const std::string expect = lower(request_.header("expect"));
  if (!expect.empty() && expect != "100-continue") return fail(417, "the only supported expectation is 100-continue");
  wants_continue_ = !expect.empty() && !http_1_0_;
  return state_ = State::body;
}

}  // namespace yoke::coordinator::http
