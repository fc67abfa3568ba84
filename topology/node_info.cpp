#include "topology/node_info.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

namespace yoke::topology {
namespace {

// /proc/meminfo: "MemAvailable:   23456789 kB".
uint64_t meminfo_bytes(const std::string& text, const std::string& key) {
  const size_t at = text.find(key + ":");
  if (at == std::string::npos) return 0;
  return std::strtoull(text.c_str() + at + key.size() + 1, nullptr, 10) * 1024;
}

std::string read_text(const char* path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace

NodeInfo probe_node() {
  NodeInfo node;
  char host[256] = "unknown";
  gethostname(host, sizeof host - 1);
  node.host_name = host;

  cpu_set_t cores;
  CPU_ZERO(&cores);
  if (sched_getaffinity(0, sizeof cores, &cores) == 0) node.usable_cores = std::max(1, CPU_COUNT(&cores));

  const std::string meminfo = read_text("/proc/meminfo");
  node.memory_total_bytes = meminfo_bytes(meminfo, "MemTotal");
  node.memory_available_bytes = meminfo_bytes(meminfo, "MemAvailable");
  return node;
}

}  // namespace yoke::topology
