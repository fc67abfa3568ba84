// What a verb reads whole: a file, or standard input.
#pragma once

#include <boost/json/value.hpp>

#include <string>

namespace yoke::cli {

// "-": standard input. Error{not_found} or {too_large}, with the path.
std::string read_input(const std::string& path);

// Error{bad_file} with the path and the byte at which it is no JSON.
boost::json::value parse_input(const std::string& text, const std::string& path);

}  // namespace yoke::cli
