// Floats as bytes of an answer: f32 little-endian, whatever the machine's own order is.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace yoke::coordinator::api {

void append_little_endian(std::string& out, std::span<const float> floats);

// RFC 4648, with padding.
std::string base64(std::string_view bytes);

}  // namespace yoke::coordinator::api
