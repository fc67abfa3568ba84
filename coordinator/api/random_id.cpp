#include "coordinator/api/random_id.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <cerrno>
#include <cstring>
#include <iterator>
#include <vector>

#include "core/error.h"

namespace yoke::coordinator::api {
namespace {

void fill_random(void* to, size_t bytes) {
  auto* at = static_cast<unsigned char*>(to);
  while (bytes > 0) {
    const ssize_t got = getrandom(at, bytes, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw Error(Code::internal, std::string("getrandom: ") + std::strerror(errno));
    at += got;
    bytes -= static_cast<size_t>(got);
  }
}

}  // namespace

std::string random_hex(size_t bytes) {
  std::vector<unsigned char> raw(bytes);
  fill_random(raw.data(), raw.size());
  std::string out;
  for (const unsigned char byte : raw) fmt::format_to(std::back_inserter(out), "{:02x}", byte);
  return out;
}

std::string random_id(std::string_view prefix) { return std::string(prefix) + random_hex(12); }

uint64_t random_seed() {
  uint64_t seed = 0;
  fill_random(&seed, sizeof seed);
  return seed;
}

}  // namespace yoke::coordinator::api
