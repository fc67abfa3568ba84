#include "node/pool_memory.h"

#include <fmt/format.h>

#include "core/cuda/driver.h"
#include "core/error.h"
#include "node/cuda_memory.h"
#include "node/memfd_memory.h"
#include "topology/node_info.h"

namespace yoke::node {
namespace {

uint64_t host_bytes(int) { return topology::probe_node().memory_available_bytes; }

template <PoolPlace kPlace>
std::unique_ptr<PoolMemory> create_memfd(int, uint64_t bytes, uint64_t) {
  return std::make_unique<MemfdMemory>(bytes, kPlace);
}

template <PoolPlace kPlace>
std::unique_ptr<PoolMemory> attach_memfd(int, std::vector<Descriptor> descriptors) {
  return std::make_unique<MemfdMemory>(std::move(descriptors), kPlace);
}

// The order of issue 5: what is fastest first.
constexpr PoolPlaceRow kPlaces[] = {
    {PoolPlace::device, "exportable device memory", gpu::no_export, gpu::device_bytes, gpu::create_exported, gpu::attach_exported},
    {PoolPlace::registered, "registered memfd", gpu::no_registering, host_bytes, create_memfd<PoolPlace::registered>, gpu::attach_registered},
    {PoolPlace::in_place, "memfd read in place", gpu::no_page_tables, host_bytes, create_memfd<PoolPlace::in_place>, attach_memfd<PoolPlace::in_place>},
    {PoolPlace::host, "memfd", [](int) { return std::string(); }, host_bytes, create_memfd<PoolPlace::host>, attach_memfd<PoolPlace::host>},
};

}  // namespace

std::span<const PoolPlaceRow> pool_places() { return kPlaces; }

const PoolPlaceRow& pool_place(PoolPlace place) {
  for (const PoolPlaceRow& row : kPlaces) {
    if (row.place == place) return row;
  }
  throw Error{Code::internal, "a place of a pool without a row"};
}

const PoolPlaceRow& pool_place(std::string_view name) {
  std::string names;
  for (const PoolPlaceRow& row : kPlaces) {
    if (row.name == name) return row;
    names += fmt::format("{}'{}'", names.empty() ? "" : ", ", row.name);
  }
  throw Error{Code::invalid_argument, fmt::format("a pool does not lie in '{}'; it lies in one of {}", name, names)};
}

PoolChoice choose_pool_place(int device) {
  std::string reasons;
  for (const PoolPlaceRow& row : kPlaces) {
    if (row.place == PoolPlace::host) continue;
    const std::string why_not = row.unavailable(device);
    if (why_not.empty()) return {row.place, reasons.empty() ? std::string(row.name) : fmt::format("{} (no {})", row.name, reasons)};
    reasons += fmt::format("{}{}: {}", reasons.empty() ? "" : "; no ", row.name, why_not);
  }
  throw Error{Code::unsupported,
              fmt::format("GPU {} has no memory that outlives an engine, and this build needs it (no {}); update the driver, or use --device cpu", device,
                          reasons),
              "device"};
}

}  // namespace yoke::node
