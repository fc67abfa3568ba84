// The exchange of addresses among the engines of a new epoch: round after round, each complete when every rank has sent its
// blob. Pure; one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "transport/control/control.pb.h"

namespace yoke::coordinator {

class AddressRounds {
 public:
  // More would be a loop: an engine makes two communicators, in a round or two each.
  static constexpr uint32_t kMaxRounds = 64;
  // A worker's address is some hundred bytes.
  static constexpr size_t kMaxBlobBytes = 256 << 10;

  explicit AddressRounds(int world = 0) : blobs_(static_cast<size_t>(world)) {}

  // The round's blobs of all ranks, in rank order, once complete. Error{invalid_argument} for a round that is not the rank's
  // next one, or a blob that is too large.
  std::optional<transport::proto::Peers> add(int rank, const transport::proto::Address& address);
  std::vector<int> missing() const;  // ranks whose blob of the open round has not come

 private:
  uint32_t round_ = 0;
  std::vector<std::optional<std::string>> blobs_;
};

}  // namespace yoke::coordinator
