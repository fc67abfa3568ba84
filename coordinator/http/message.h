// One HTTP request and one HTTP response as plain data, and how the latter looks on the wire (RFC 9112).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace yoke::coordinator::http {

struct Header {
  std::string name;  // lower case in requests
  std::string value;
};

struct Request {
  std::string method;
  std::string path;   // percent-encoded as it came, without the query
  std::string query;  // what follows '?', without it
  std::vector<Header> headers;
  std::string body;

  // The first value of a header, by its lower-case name; empty where there is none.
  std::string_view header(std::string_view lower_name) const;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::vector<Header> headers;
  std::string body;
};

// How a response's end is marked, and whether another request may follow it.
struct Framing {
  bool chunked = false;      // a stream to an HTTP/1.1 client; else a stream's end is the connection's end
  bool stream = false;       // no Content-Length
  bool keep_alive = true;
  bool http_1_0 = false;
};

std::string_view reason_phrase(int status);
std::string response_head(const Response& response, const Framing& framing);  // with the empty line

// One chunk of a chunked body; the last one is "0\r\n\r\n".
void append_chunk(std::string& out, std::string_view bytes);
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

// "%2F" -> "/"; a malformed escape stays as it is.
std::string percent_decoded(std::string_view text);

}  // namespace yoke::coordinator::http
