// How an engine meets the others of its epoch: two communicators out of one exchange among all.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "transport/control/control.pb.h"
#include "transport/registry.h"

namespace yoke::node {

// Which world ranks form a communicator: first, first + stride, ... `size` of them; ours is the `rank`-th.
struct GroupShape {
  int first = 0;
  int stride = 1;
  int size = 1;
  int rank = 0;
};
// World rank = stage * tp + tp_rank. Tensor group: the ranks of our stage. Pipeline group: our tp_rank in every stage.
GroupShape tensor_shape(const transport::proto::Form& form);
GroupShape pipeline_shape(const transport::proto::Form& form);

// Everyone's blobs of one round, in world rank order, for mine.
using WorldExchange = std::function<std::vector<std::string>(const std::string& mine)>;

// The same exchange as a group sees it: its own ranks' blobs. Error{internal} if the world's answer has not `world` blobs.
transport::Exchange group_exchange(WorldExchange exchange, GroupShape shape, int world);

struct EngineGroup {
  std::unique_ptr<transport::Communicator> tensor;    // null when tp = 1
  std::unique_ptr<transport::Communicator> pipeline;  // null when pp = 1
  std::unique_ptr<transport::Communicator> device;    // the tensor group's ranks over GPUs' memory; null where a rank has no NCCL
  void abort() noexcept;                              // any thread
};

// Tensor group first, then pipeline group, on every rank alike: so all take part in the same rounds. `gpu`: which GPU of the world this
// rank computes on, whose context is current in this thread, or empty; then the device group, if every rank of the world has what it
// takes and a GPU of its own (NCCL refuses two ranks on one).
EngineGroup make_engine_group(const transport::proto::Form& form, const WorldExchange& exchange, Duration spin, const std::string& gpu = {});

}  // namespace yoke::node
