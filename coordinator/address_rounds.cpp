#include "coordinator/address_rounds.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"

namespace yoke::coordinator {

namespace proto = transport::proto;

std::optional<proto::Peers> AddressRounds::add(int rank, const proto::Address& address) {
  auto& blob = blobs_[static_cast<size_t>(rank)];
  if (address.round() != round_ || blob || round_ >= kMaxRounds) {
    throw Error{Code::invalid_argument,
                fmt::format("rank {} sent its address of round {}{}; round {} of at most {} is open", rank,
                            address.round(), blob ? " twice" : "", round_, kMaxRounds)};
  }
  if (address.blob().size() > kMaxBlobBytes) {
    throw Error{Code::invalid_argument, fmt::format("rank {}: an address of {} bytes; {} are the most", rank,
                                                    address.blob().size(), kMaxBlobBytes)};
  }
  blob = address.blob();
  if (!missing().empty()) return std::nullopt;
  proto::Peers peers;
  peers.set_round(round_++);
  for (auto& complete : blobs_) {
    peers.add_blobs(std::move(*complete));
    complete.reset();
  }
  return peers;
}

std::vector<int> AddressRounds::missing() const {
  std::vector<int> ranks;
  for (size_t rank = 0; rank < blobs_.size(); ++rank) {
    if (!blobs_[rank]) ranks.push_back(static_cast<int>(rank));
  }
  return ranks;
}

}  // namespace yoke::coordinator
