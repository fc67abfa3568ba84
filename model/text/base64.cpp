#include "model/text/base64.h"

#include <openssl/evp.h>

#include <climits>

namespace yoke::model::text {

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0 || text.size() > INT_MAX) return std::nullopt;
  std::string bytes(text.size() / 4 * 3, '\0');
  const int decoded = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  // White space at the ends would be passed over, and then there is less.
  if (decoded < 0 || static_cast<size_t>(decoded) != bytes.size()) return std::nullopt;
  const size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;  // decoded as zeros
  bytes.resize(bytes.size() - padding);
  return bytes;
}

}  // namespace yoke::model::text
