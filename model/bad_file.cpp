#include "model/bad_file.h"

#include <fmt/format.h>

#include "core/error.h"

namespace yoke::model {

void refuse(const BadFile& bad) {
  throw Error{Code::bad_file, fmt::format("{}, byte {}: found {}, expected {}; {}", bad.file.string(), bad.offset,
                                          bad.found, bad.expected, bad.remedy)};
}

std::string printable(std::string_view text) {
  constexpr size_t kShown = 80;
  std::string result = "'";
  for (const char c : text.substr(0, kShown)) {
    if (c >= 0x20 && c < 0x7f)
      result += c;
    else
      result += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
  return result + (text.size() > kShown ? "...'" : "'");
}

}  // namespace yoke::model
