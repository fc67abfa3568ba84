// A whole group of ranks as threads of the test: pools, runners, loopback communicators. Steps go in, results come out.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernels/ops.h"
#include "model/catalogue.h"
#include "node/loader.h"
#include "node/pool.h"
#include "node/runner.h"
#include "parallel/plan.h"
#include "transport/control/control.pb.h"

namespace yoke::node {

using transport::proto::EntryResult;
using transport::proto::Step;
using transport::proto::StepEntry;
using transport::proto::StepResult;

struct GroupOptions {
  parallel::Layout layout;
  std::string ops = "cpu";
  int64_t max_rows = 512;
  uint64_t kv_blocks = 64;
  Dtype kv = Dtype::f32;
  bool pack = false;
  MathMode math = MathMode::exact;
  PoolPlace place = PoolPlace::host;
};

struct StepOutput {
  StepResult result;
  std::map<uint64_t, std::vector<float>> logits;  // sequence -> [wanted rows, vocab]
};

class ForwardGroup {
 public:
  ForwardGroup(const std::filesystem::path& model, GroupOptions options);
  ~ForwardGroup();

  // Every rank runs the steps in order, without waiting for other ranks between them. Throws what rank 0 threw, else the first.
  std::vector<StepOutput> run(const std::vector<Step>& steps);
  StepOutput run(const Step& step) { return run(std::vector<Step>{step})[0]; }

  const model::ModelConfig& config() const { return checkpoint_.config; }
  const GroupOptions& options() const { return options_; }
  Runner& runner(int rank) { return *ranks_[static_cast<size_t>(rank)].runner; }

 private:
  struct RankState {
    Pool pool;
    std::unique_ptr<kernels::Ops> ops;
    std::unique_ptr<transport::Communicator> tensor_group, pipeline_group;
    std::unique_ptr<Runner> runner;
  };
  void make_groups();
  void make_runner(int rank);

  GroupOptions options_;
  model::Checkpoint checkpoint_;
  std::unique_ptr<model::Catalogue> catalogue_;
  parallel::Plan plan_;
  std::vector<RankState> ranks_;
};

// The folder of a golden, "models/llama" or "gguf/llama": tests/golden has it, or the larger collection that YOKE_SHARED names.
// Nothing where neither does.
std::optional<std::filesystem::path> golden_folder(const std::string& name);
// What is opened of it: a GGUF's file, else the folder.
std::filesystem::path golden_checkpoint(const std::filesystem::path& folder);
// A model under tests/golden/models.
std::filesystem::path golden_model(const std::string& name);

// Numbers of equal bits?
bool equal_bits(const std::vector<float>& a, const std::vector<float>& b);

inline const parallel::Layout kLayouts[] = {{1, 1, 1}, {2, 1, 1}, {1, 2, 1}, {2, 2, 1}};

}  // namespace yoke::node
