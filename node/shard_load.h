// From a LoadModel to a full pool: opens the checkpoint, cuts it, asks the ledger, takes the memory, reads. Runs on a thread
// of its own for as long as the disk takes.
#pragma once

#include <functional>

#include "node/device_choice.h"
#include "node/loader.h"
#include "node/pool.h"
#include "transport/control/control.pb.h"

namespace yoke::node {

struct ShardLoad {
  transport::proto::LoadModel model;
  DeviceName wanted{.kind = DeviceKind::cpu};
  ChosenDevice device;                         // what `wanted` is here
  std::function<void(const LoadProgress&)> progress;
  std::function<bool()> cancelled;
};

struct LoadedShard {
  Pool pool;
  uint64_t kv_blocks = 0;
  ChosenDevice device;  // for this model
};

// Error{does_not_fit} with the ledger's arithmetic before any memory is taken or byte is read; Error{bad_file} for a checkpoint
// that is not the one the coordinator opened; Error{invalid_argument} for a rank that the layout has not; Error{unsupported} for
// a math mode, or for what the device has not of a model; Error{aborted} when cancelled.
LoadedShard load_shard(const ShardLoad& job);

}  // namespace yoke::node
