#include "transport/ucx/settings.h"

#include <ucs/config/global_opts.h>
#include <ucs/debug/debug.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <vector>

#include <fmt/format.h>

#include "core/error.h"
#include "core/log.h"

namespace yoke::transport::ucx {
namespace {

// Of ours and UCX's before a piece, rounded up.
constexpr uint64_t kHeaderBytes = 256;

struct Setting {
  const char* name;
  std::string value;
};

void ignore_environment() {
  std::vector<std::string> names;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (std::strncmp(*entry, "UCX_", 4) != 0) continue;
    const char* const equals = std::strchr(*entry, '=');
    if (equals != nullptr) names.emplace_back(*entry, equals - *entry);
  }
  for (const std::string& name : names) {
    spdlog::warn("{} is ignored: the settings of UCX are Yoke's own", name);
    unsetenv(name.c_str());
  }
}

// UCX 1.13 takes settings of its lower layer from the environment only, which is empty of the user's by now.
void set_lower_layer() {
  const std::string segment = fmt::format("{}", kSharedMemoryPieceBytes + kHeaderBytes);
  const std::string tcp_segment = fmt::format("{}", kTcpPieceBytes + kHeaderBytes);
  const Setting lower[] = {
      {"UCX_POSIX_ERROR_HANDLING", "y"},  // so that endpoints can be closed by force
      {"UCX_POSIX_HUGETLB_MODE", "n"},
      {"UCX_POSIX_SEG_SIZE", segment},
      // Few long segments, used in turn: together they stay in a core's own cache.
      {"UCX_POSIX_FIFO_SIZE", "16"},
      {"UCX_POSIX_RX_BUFS_GROW", "64"},
      // A message up to about 900 B lies in its element of the queue: a copy and a cache miss less than through a segment.
      {"UCX_POSIX_FIFO_ELEM_SIZE", "1024"},
      {"UCX_TCP_PUT_ENABLE", "n"},  // unused, and with it a flush would wait for the peer's answer
      {"UCX_TCP_TX_SEG_SIZE", tcp_segment},
      {"UCX_TCP_RX_SEG_SIZE", tcp_segment},
  };
  for (const Setting& setting : lower) setenv(setting.name, setting.value.c_str(), 1);
}

// libucs reads these when it is loaded, before main: what the environment said then is put right here.
void take_process_back() {
  ignore_environment();
  set_lower_layer();
  ucs_global_opts_set_value("LOG_LEVEL", "fatal");  // what goes wrong reaches us as a status
  ucs_global_opts_set_value("HANDLE_ERRORS", "none");
  ucs_global_opts_set_value("MEMTYPE_CACHE", "n");  // host memory only; its hooks would patch mmap
  ucs_global_opts_set_value("WARN_UNUSED_ENV_VARS", "n");
  for (const int signal : {SIGILL, SIGSEGV, SIGBUS, SIGFPE}) ucs_debug_disable_signal(signal);
}

std::vector<Setting> settings(const Roads& roads) {
  std::string transports = "self";
  if (roads.shared_memory) transports += ",posix";  // without cma: its system calls cost more than a copy of a small piece
  if (roads.tcp) transports += ",tcp";
  return {
      {"TLS", transports},
      {"NET_DEVICES", roads.loopback_device_only ? "lo" : "all"},
      {"RNDV_THRESH", "inf"},           // pieces are short: a rendezvous costs 30 us on TCP
      {"KEEPALIVE_INTERVAL", "inf"},    // we watch processes and sockets ourselves
      {"WARN_INVALID_CONFIG", "n"},
  };
}

}  // namespace

Config make_config(const Roads& roads) {
  static std::once_flag once;
  std::call_once(once, take_process_back);
  ucp_config_t* raw = nullptr;
  check(ucp_config_read(nullptr, nullptr, &raw), "reading the defaults of UCX");
  Config config(raw);
  for (const Setting& setting : settings(roads)) {
    check(ucp_config_modify(raw, setting.name, setting.value.c_str()), fmt::format("UCX's setting {}={}", setting.name, setting.value));
  }
  return config;
}

void check(ucs_status_t status, const std::string& what) {
  if (status != UCS_OK) throw Error{Code::unavailable, fmt::format("{}: {}", what, ucs_status_string(status))};
}

}  // namespace yoke::transport::ucx
