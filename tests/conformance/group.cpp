#include "group.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "core/error.h"
#include "on_device.h"
#include "transport/registry.h"

namespace yoke::transport::conformance {

Exchange RoundTable::seat(int rank) {
  return [this, rank](const std::string& mine) { return exchange(rank, mine); };
}

std::vector<std::string> RoundTable::exchange(int rank, const std::string& mine) {
  std::unique_lock lock(mutex_);
  const size_t round = next_[rank]++;
  if (rounds_.size() <= round) {
    rounds_.emplace_back(size_);
    came_.push_back(0);
  }
  rounds_[round][rank] = mine;
  ++came_[round];
  complete_.notify_all();
  if (!complete_.wait_for(lock, std::chrono::seconds(10), [&] { return came_[round] == size_; })) {
    throw Error{Code::deadline_exceeded, "the exchange of the test did not complete"};
  }
  return rounds_[round];
}

std::unique_ptr<Communicator> make_rank(const Road& road, CommunicatorConfig config) {
  config.rails = road.rails;
  if (!road.device) return communicator_backend(road.backend).make(config);
  return make_on_device(road.backend, config);
}

Group make_group(const Road& road, int size) {
  if (road.loopback()) return make_loopback_group(size);
  RoundTable table(size);
  Group group(size);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, rank] {
      try {
        group[rank] = make_rank(road, {.rank = rank, .size = size, .exchange = table.seat(rank)});
      } catch (const std::exception& error) {
        ADD_FAILURE() << road.name << ": making rank " << rank << ": " << error.what();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return group;
}

void run_ranks(Group& group, const std::function<void(Communicator&)>& rank_main) {
  std::vector<std::thread> threads;
  for (auto& communicator : group) {
    threads.emplace_back([&rank_main, &communicator] {
      ASSERT_NE(communicator, nullptr);
      try {
        rank_main(*communicator);
      } catch (const std::exception& error) {
        ADD_FAILURE() << "rank " << communicator->rank() << ": " << error.what();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace yoke::transport::conformance
