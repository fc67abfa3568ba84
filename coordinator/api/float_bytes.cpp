#include "coordinator/api/float_bytes.h"

#include <openssl/evp.h>

#include <bit>
#include <cstdint>
#include <cstring>

namespace yoke::coordinator::api {

void append_little_endian(std::string& out, std::span<const float> floats) {
  const size_t at = out.size();
  out.resize(at + floats.size_bytes());
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(out.data() + at, floats.data(), floats.size_bytes());
  } else {
    for (size_t i = 0; i < floats.size(); ++i) {
      const auto bits = std::bit_cast<uint32_t>(floats[i]);
      for (size_t byte = 0; byte < 4; ++byte) out[at + 4 * i + byte] = static_cast<char>(bits >> (8 * byte));
    }
  }
}

std::string base64(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // OpenSSL ends it with a zero
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()));
  text.resize(static_cast<size_t>(size));
  return text;
}

}  // namespace yoke::coordinator::api
