// Names and seeds that cannot be guessed from earlier ones. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace yoke::coordinator::api {

std::string random_id(std::string_view prefix);  // "chatcmpl-" + 24 hex digits
uint64_t random_seed();
// `bytes` bytes of the operating system's random source as hex digits.
std::string random_hex(size_t bytes);

}  // namespace yoke::coordinator::api
