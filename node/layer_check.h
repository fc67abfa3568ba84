// What an engine checks before it serves a load: that its layers give equal bits read whole and token by token, and on every rank
// that holds the same rows; and that they are those of the last good load of the same shard by the same build.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "core/clock.h"
#include "node/runner.h"

namespace yoke::node {

// Overwrites blocks 0 and 1 of the cache, of which there is at least one. Error{internal} names what differs and what to do. Returns
// the hash of what the layers made, 16 hexadecimal digits. `group`: the tensor group, or null.
std::string check_layers(Runner& runner, int64_t hidden, transport::Communicator* group, Duration deadline);

int64_t checked_rows(const Runner& runner);  // 8, or as many as a step may have

// Hashes of good loads, a file a shard. `shard` is everything that bits depend on: model, layout, rank, math, cache, device, build.
class LoadRecord {
 public:
  explicit LoadRecord(std::filesystem::path folder) : folder_(std::move(folder)) {}
  static std::filesystem::path default_folder();  // $XDG_CACHE_HOME/yoke/loads, or ~/.cache/yoke/loads; empty where neither is known

  // Error{internal} if an earlier load of the shard had another hash; else remembers this one. A record that cannot be kept is a
  // warning in the log.
  void hold(const std::string& shard, const std::string& hash) const;

 private:
  std::filesystem::path folder_;
};

}  // namespace yoke::node
