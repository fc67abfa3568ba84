#include "cli/input_text.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <fstream>
#include <iostream>

#include "core/error.h"

namespace yoke::cli {
namespace {

constexpr size_t kMaxBytes = size_t{1} << 30;
constexpr size_t kMaxDepth = 100;  // schemas of tools nest some ten deep; this bounds the parser's stack

std::string read_all(std::istream& stream, const std::string& path) {
  std::string text;
  char block[1 << 16];
  while (stream.read(block, sizeof block) || stream.gcount() > 0) {
    text.append(block, static_cast<size_t>(stream.gcount()));
    if (text.size() > kMaxBytes) throw Error{Code::too_large, fmt::format("{}: more than {} bytes", path, kMaxBytes)};
  }
  return text;
}

}  // namespace

std::string read_input(const std::string& path) {
  if (path == "-") return read_all(std::cin, "standard input");
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error{Code::not_found, fmt::format("{}: no such file, or it cannot be read", path)};
  return read_all(file, path);
}

boost::json::value parse_input(const std::string& text, const std::string& path) {
  boost::json::stream_parser parser({}, {.max_depth = kMaxDepth});
  boost::system::error_code error;
  const size_t read = parser.write_some(text.data(), text.size(), error);
  if (!error) parser.finish(error);
  const bool trailing = !error && text.find_first_not_of(" \t\r\n", read) != std::string::npos;
  if (error || trailing) {
    throw Error{Code::bad_file, fmt::format("{}: not JSON at byte {}{}", path, read, error ? ": " + error.message() : "")};
  }
  return parser.release();
}

}  // namespace yoke::cli
