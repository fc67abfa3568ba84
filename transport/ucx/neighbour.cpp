#include "transport/ucx/neighbour.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>

#include "core/error.h"

namespace yoke::transport::ucx {
namespace {

constexpr std::string_view kVersion = "yoke-ucx-1";
constexpr size_t kBlobBytes = 512;

std::string name_space(const char* kind) {
  std::error_code ignored;
  return std::filesystem::read_symlink(fmt::format("/proc/self/ns/{}", kind), ignored).string();
}

}  // namespace

// Containers share a kernel, hence a boot id, and may still see neither each other's memory nor processes.
Neighbour this_process() {
  std::string boot;
  std::getline(std::ifstream("/proc/sys/kernel/random/boot_id"), boot);
  return {.host = fmt::format("{} {} {} {} uid:{}", boot, name_space("pid"), name_space("ipc"), name_space("net"), geteuid()),
          .pid = getpid()};
}

std::string to_blob(const Neighbour& neighbour) { return fmt::format("{}\n{}\n{}", kVersion, neighbour.pid, neighbour.host); }

Neighbour from_blob(const std::string& blob, int rank) {
  const Error bad(Code::peer_lost, fmt::format("rank {} introduced itself with {} bytes that are no '{}' greeting; run the same "
                                               "version of yoke-node everywhere", rank, blob.size(), kVersion));
  const size_t first = blob.find('\n');
  const size_t second = blob.find('\n', first + 1);
  if (blob.size() > kBlobBytes || second == std::string::npos || blob.substr(0, first) != kVersion) throw bad;
  Neighbour neighbour{.host = blob.substr(second + 1)};
  const auto [end, error] = std::from_chars(blob.data() + first + 1, blob.data() + second, neighbour.pid);
  if (error != std::errc() || end != blob.data() + second || neighbour.pid <= 0) throw bad;
  return neighbour;
}

int open_process(pid_t pid) { return static_cast<int>(syscall(SYS_pidfd_open, pid, 0)); }

}  // namespace yoke::transport::ucx
