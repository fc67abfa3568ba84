#include "transport/select.h"

#include <fmt/format.h>

#include "core/units.h"

namespace yoke::transport {

RoadChoice select(Operation operation, uint64_t bytes, const Place& place) {
  const std::string what = fmt::format("{} of {}", name(operation), format_bytes(bytes));
  if (place.one_process) return {"loopback", "", fmt::format("{}: the ranks are threads of one process", what)};
  std::string why = fmt::format("{}: {}", what, place.one_host ? "the ranks share a host's memory" : "the ranks are on different hosts");
  if (place.device_memory && bytes > kSmallBytes && operation != Operation::barrier) {
    if (place.no_nccl.empty()) {
      return {"nccl", "", why + fmt::format("; above {} NCCL carries what lies in GPUs' memory", format_bytes(kSmallBytes))};
    }
    why += fmt::format("; above {} NCCL would carry it, but {}", format_bytes(kSmallBytes), place.no_nccl);
  } else if (place.device_memory) {
    why += fmt::format("; up to {} one exchange through host memory beats NCCL", format_bytes(kSmallBytes));
  }
  return {"ucx", place.one_host ? "shm" : "tcp", std::move(why)};
}

}  // namespace yoke::transport
