#include "node/engine_group.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/log.h"

namespace yoke::node {
namespace {

namespace proto = transport::proto;

constexpr std::string_view kDeviceBackend = "nccl";

void check_form(const proto::Form& form) {
  const int64_t world = static_cast<int64_t>(form.tp()) * form.pp();
  if (form.tp() < 1 || form.pp() < 1 || form.rank() < 0 || form.rank() >= world) {
    throw Error{Code::invalid_argument, fmt::format("form: rank {} of tp {} x pp {} does not exist", form.rank(), form.tp(), form.pp())};
  }
}

// Every rank says why it cannot and which GPU it has, and all decide alike.
bool all_have(const transport::CommunicatorBackend& backend, const WorldExchange& exchange, const std::string& gpu) {
  const auto refuse = [&](size_t rank, const std::string& why) {
    spdlog::info("large messages between GPUs go through host memory, not {}: rank {}: {}", backend.name, rank, why);
    return false;
  };
  const std::vector<std::string> reasons = exchange(backend.unavailable()), gpus = exchange(gpu);
  for (size_t rank = 0; rank < reasons.size(); ++rank) {
    if (!reasons[rank].empty()) return refuse(rank, reasons[rank]);
    const auto before = gpus.begin() + static_cast<std::ptrdiff_t>(rank);
    if (std::find(gpus.begin(), before, gpus[rank]) != before) return refuse(rank, "it shares " + gpus[rank]);
  }
  return true;
}

}  // namespace

GroupShape tensor_shape(const proto::Form& form) {
  const int stage = form.rank() / form.tp();
  return {.first = stage * form.tp(), .stride = 1, .size = form.tp(), .rank = form.rank() % form.tp()};
}

GroupShape pipeline_shape(const proto::Form& form) {
  const int tp_rank = form.rank() % form.tp();
  return {.first = tp_rank, .stride = form.tp(), .size = form.pp(), .rank = form.rank() / form.tp()};
}

transport::Exchange group_exchange(WorldExchange exchange, GroupShape shape, int world) {
  return [exchange = std::move(exchange), shape, world](const std::string& mine) {
    const std::vector<std::string> all = exchange(mine);
    if (static_cast<int>(all.size()) != world) {
      throw Error{Code::internal, fmt::format("an exchange among {} ranks brought {} addresses", world, all.size())};
    }
    std::vector<std::string> group;
    for (int i = 0; i < shape.size; ++i) group.push_back(all[static_cast<size_t>(shape.first + i * shape.stride)]);
    return group;
  };
}

void EngineGroup::abort() noexcept {
  if (tensor) tensor->abort();
  if (pipeline) pipeline->abort();
  if (device) device->abort();
}

EngineGroup make_engine_group(const proto::Form& form, const WorldExchange& exchange, Duration spin, const std::string& gpu) {
  check_form(form);
  const auto make = [&](const GroupShape& shape, std::string_view name) -> std::unique_ptr<transport::Communicator> {
    if (shape.size == 1) return nullptr;
    const transport::CommunicatorBackend& backend = transport::communicator_backend(name);
    if (const std::string why = backend.unavailable(); !why.empty()) {
      throw Error{Code::unsupported, fmt::format("communicator '{}' cannot be used here: {}", backend.name, why)};
    }
    return backend.make({.rank = shape.rank,
                         .size = shape.size,
                         .exchange = group_exchange(exchange, shape, form.tp() * form.pp()),
                         .rails = "auto",
                         .spin = spin});
  };
  EngineGroup group;
  group.tensor = make(tensor_shape(form), form.communicator());
  group.pipeline = make(pipeline_shape(form), form.communicator());
  if (!gpu.empty() && group.tensor && all_have(transport::communicator_backend(kDeviceBackend), exchange, gpu)) {
    group.device = make(tensor_shape(form), kDeviceBackend);
  }
  return group;
}

}  // namespace yoke::node
