#include "transport/ucx/ucx_backend.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/error.h"
#include "topology/node_info.h"
#include "transport/message_communicator.h"
#include "transport/ucx/neighbour.h"
#include "transport/ucx/ucx_wire.h"

namespace yoke::transport::ucx {
namespace {

// The first messages also build the roads (sockets, mapped memory): a barrier does so before anybody counts on them.
constexpr Duration kSetupDeadline = std::chrono::seconds(10);

std::vector<std::string> exchange_all(const CommunicatorConfig& config, const std::string& mine) {
  std::vector<std::string> blobs = config.exchange(mine);
  if (blobs.size() == static_cast<size_t>(config.size)) return blobs;
  throw Error{Code::internal, fmt::format("the exchange gave {} blobs for {} ranks", blobs.size(), config.size)};
}

Roads choose_roads(const CommunicatorConfig& config, const std::vector<Neighbour>& neighbours) {
  const auto here = [&](const Neighbour& other) { return other.host == neighbours[config.rank].host; };
  const auto neighbours_here = std::ranges::count_if(neighbours, here);
  const bool all_here = neighbours_here == config.size;
  if (config.rails == "shm" && !all_here) throw Error{Code::invalid_argument, "rails 'shm': not all ranks are on one host", "rails"};
  if (config.rails == "shm") return {.shared_memory = true};
  if (config.rails == "tcp") return {.tcp = true, .loopback_device_only = all_here};
  if (config.rails == "auto" || config.rails.empty()) return {.shared_memory = neighbours_here > 1, .tcp = !all_here};
  throw Error{Code::invalid_argument, fmt::format("rails '{}' is none of auto, shm, tcp", config.rails), "rails"};
}

}  // namespace

std::string unavailable() { return {}; }

std::unique_ptr<Communicator> make(const CommunicatorConfig& config) {
  YOKE_ASSERT(config.rank >= 0 && config.rank < config.size && config.exchange);
  const Neighbour self = this_process();
  const std::vector<std::string> greetings = exchange_all(config, to_blob(self));
  std::vector<Neighbour> neighbours;
  for (int r = 0; r < config.size; ++r) neighbours.push_back(from_blob(greetings[r], r));
  const Roads roads = choose_roads(config, neighbours);
  auto worker = std::make_unique<Worker>(roads);
  const std::vector<std::string> addresses = exchange_all(config, worker->address());
  std::vector<PeerAddress> peers;
  for (int r = 0; r < config.size; ++r) {
    const bool here = neighbours[r].host == self.host;
    peers.push_back({.worker = addresses[r], .pid = here ? neighbours[r].pid : 0, .shared_memory = here && roads.shared_memory});
  }
  // On one core a spinning rank keeps its peer from running.
  const Duration spin = topology::probe_node().usable_cores > 1 ? config.spin : Duration::zero();
  auto communicator = std::make_unique<MessageCommunicator>(make_wire(std::move(worker), config.rank, peers), spin);
  communicator->barrier(kSetupDeadline);
  return communicator;
}

}  // namespace yoke::transport::ucx
