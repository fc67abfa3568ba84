#include <boost/asio/ip/address.hpp>

#include <charconv>

#include <fmt/format.h>

#include "transport/control/channel.h"

namespace yoke::transport {

std::string HostPort::text() const {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port) : fmt::format("[{}]:{}", host, port);
}

HostPort parse_host_port(const std::string& text, const std::string& param) {
  const auto refuse = [&](const char* why) -> Error {
    return Error{Code::invalid_argument, fmt::format("'{}' is no HOST:PORT ({}); write for instance 127.0.0.1:8001", text, why), param};
  };
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) throw refuse("the port is missing");
  HostPort result;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data() + colon + 1, end, result.port);
  if (error != std::errc() || stopped != end || result.port == 0) throw refuse("the port must be 1 to 65535");

  result.host = text.substr(0, colon);
  const bool brackets = result.host.size() > 2 && result.host.front() == '[' && result.host.back() == ']';
  if (brackets) result.host = result.host.substr(1, result.host.size() - 2);
  if (!brackets && result.host.find(':') != std::string::npos) throw refuse("an IPv6 address stands in brackets");
  if (result.host.empty()) result.host = "127.0.0.1";
  return result;
}

void require_loopback(const std::string& host, const std::string& param) {
  if (host == "localhost") return;
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(host, error);
  if (!error && address.is_loopback()) return;
  throw Error{Code::invalid_argument,
              fmt::format("'{}' is not a loopback address: the control channel has no TLS yet, so its frames would cross the network "
                          "unencrypted and anybody could join; use 127.0.0.1",
                          host),
              param};
}

}  // namespace yoke::transport
