#include "node/selftest/side.h"

#include <fmt/format.h>

#include "core/error.h"
#include "core/units.h"

namespace yoke::node::selftest {

std::byte* Side::take(uint64_t bytes) {
  const uint64_t begin = used_;
  used_ += (bytes + 255) / 256 * 256;
  if (used_ > bytes_)
    throw Error{Code::internal, fmt::format("a problem of the self-test takes {}, a side has {}", format_bytes(used_),
                                            format_bytes(bytes_))};
  return memory_ + begin;
}

}  // namespace yoke::node::selftest
