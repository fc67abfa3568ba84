// Runs a model's steps on one rank: everything of an engine but its process and its socket, so that tests run whole groups as
// threads over loopback communicators.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "kernels/ops.h"
#include "node/forward/weights.h"
#include "node/pool.h"
#include "parallel/plan.h"
#include "transport/communicator.h"
#include "transport/control/control.pb.h"

namespace yoke::node {

struct RunnerConfig {
  const model::ModelConfig* config;
  const parallel::Plan* plan;
  int rank = 0;
  const Pool* pool;
  kernels::Ops* ops;
  transport::Communicator* tensor_group;    // tp ranks of this stage, rank = tp_rank; null when tp = 1
  transport::Communicator* pipeline_group;  // pp ranks of this tp_rank, rank = stage; null when pp = 1
  transport::Communicator* device_group = nullptr;  // tensor_group's ranks over memory that a GPU reads, for large messages; or null
  int64_t max_rows = 512;
  Duration spin = std::chrono::microseconds(50);  // of waits for a GPU, before they sleep; 0 where ranks share a core
  Duration op_deadline = std::chrono::seconds(10);
};

class Runner {
 public:
  explicit Runner(const RunnerConfig& config);
  ~Runner();

  // Runs one step on this rank; every rank of the group is given the same Step. Only tensor-parallel rank 0 of the last stage
  // fills entries and calls `rows`. Throws Error: invalid_argument for a step that does not make sense (bad block, position,
  // token: a fault of the coordinator), and what communicators throw.
  transport::proto::StepResult run(const transport::proto::Step& step,
                                   const std::function<void(const transport::proto::LogitRows&)>& rows);

  // What some of this stage's layers (16, evenly spread) make [tokens.size(), hidden] of states made up of these tokens, in one step at
  // positions from `start` on of a sequence whose only block of the cache is `block`. For checks before anything is served: it
  // overwrites that block. Every rank of the tensor group takes part.
  std::vector<float> run_made(std::span<const int32_t> tokens, int64_t start, int32_t block);

  const forward::Weights& weights() const;
  int64_t max_rows() const;
  int64_t kv_blocks() const;

  // Kernels that the layers of a step of `rows` rows launch, of those sizes that were recorded; 0 where none was.
  int64_t recorded_launches(int64_t rows) const;
  // Halves of rows whose candidates the device found, since construction, likewise.
  int64_t found_halves() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace yoke::node
