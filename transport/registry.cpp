#include "transport/registry.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

#include "core/error.h"
#include "transport/nccl/nccl.h"
#include "transport/ucx/ucx_backend.h"

namespace yoke::transport {
namespace {

constexpr CommunicatorBackend kBackends[] = {
    {"ucx", ucx::unavailable, ucx::make},
    {"nccl", nccl::unavailable, nccl::make},
};

}  // namespace

std::span<const CommunicatorBackend> communicator_backends() { return kBackends; }

const CommunicatorBackend& communicator_backend(std::string_view name) {
  std::vector<std::string_view> names;
  for (const CommunicatorBackend& backend : kBackends) {
    if (backend.name == name) return backend;
    names.push_back(backend.name);
  }
  throw Error{Code::invalid_argument, fmt::format("communicator '{}' is none of {}", name, fmt::join(names, ", ")), "communicator"};
}

}  // namespace yoke::transport
