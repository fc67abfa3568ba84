#include "tests/node/forward_group.h"

#include <cstdlib>
#include <cstring>
#include <exception>
#include <thread>

#include "core/error.h"
#include "transport/registry.h"

namespace yoke::node {

ForwardGroup::ForwardGroup(const std::filesystem::path& model, GroupOptions options)
    : options_(std::move(options)), checkpoint_(model::open_checkpoint(model)) {
  catalogue_ = std::make_unique<model::Catalogue>(checkpoint_);
  plan_ = parallel::make_plan(*catalogue_, {.layout = options_.layout, .kv = options_.kv, .pack = options_.pack});
  ranks_.resize(plan_.ranks.size());
  make_groups();
  for (size_t rank = 0; rank < ranks_.size(); ++rank) make_runner(static_cast<int>(rank));
}

ForwardGroup::~ForwardGroup() = default;

void ForwardGroup::make_groups() {
  const parallel::Layout layout = options_.layout;
  const auto at = [&](int stage, int tp_rank) -> RankState& { return ranks_[static_cast<size_t>(stage * layout.tp + tp_rank)]; };
  for (int stage = 0; stage < layout.pp && layout.tp > 1; ++stage) {
    auto group = transport::make_loopback_group(layout.tp);
    for (int t = 0; t < layout.tp; ++t) at(stage, t).tensor_group = std::move(group[static_cast<size_t>(t)]);
  }
  for (int t = 0; t < layout.tp && layout.pp > 1; ++t) {
    auto group = transport::make_loopback_group(layout.pp);
    for (int stage = 0; stage < layout.pp; ++stage) at(stage, t).pipeline_group = std::move(group[static_cast<size_t>(stage)]);
  }
}

void ForwardGroup::make_runner(int rank) {
  RankState& r = ranks_[static_cast<size_t>(rank)];
  r.pool = Pool::create(regions_of(plan_, rank, *catalogue_, options_.kv_blocks), options_.place);
  load(plan_, rank, *catalogue_, r.pool, {}, {});
  r.ops = kernels::ops_backend(options_.ops).make({.threads = 1, .math = options_.math});
  r.runner = std::make_unique<Runner>(RunnerConfig{.config = &checkpoint_.config,
                                                   .plan = &plan_,
                                                   .rank = rank,
                                                   .pool = &r.pool,
                                                   .ops = r.ops.get(),
                                                   .tensor_group = r.tensor_group.get(),
                                                   .pipeline_group = r.pipeline_group.get(),
                                                   .max_rows = options_.max_rows,
                                                   .op_deadline = std::chrono::seconds(60)});
}

std::vector<StepOutput> ForwardGroup::run(const std::vector<Step>& steps) {
  std::vector<StepOutput> outputs(steps.size());
  std::vector<std::exception_ptr> failures(ranks_.size());
  const size_t leader = static_cast<size_t>((options_.layout.pp - 1) * options_.layout.tp);
  const auto work = [&](size_t rank) {
    try {
      for (size_t i = 0; i < steps.size(); ++i) {
        const auto sink = [&](const transport::proto::LogitRows& rows) {
          std::vector<float>& all = outputs[i].logits[rows.sequence()];
          const size_t had = all.size();
          if (rows.first_row() * static_cast<size_t>(config().output_width()) != had) throw Error{Code::internal, "logit rows out of order"};
          all.resize(had + rows.rows().size() / sizeof(float));
          std::memcpy(all.data() + had, rows.rows().data(), rows.rows().size());
        };
        StepResult result = ranks_[rank].runner->run(steps[i], sink);
        if (rank == leader) outputs[i].result = std::move(result);
        else if (result.entries_size() != 0) throw Error{Code::internal, "a rank other than the leader filled entries"};
      }
    } catch (...) {
      failures[rank] = std::current_exception();
    }
  };
  std::vector<std::jthread> threads;
  for (size_t rank = 1; rank < ranks_.size(); ++rank) threads.emplace_back(work, rank);
  work(0);
  threads.clear();
  for (const std::exception_ptr& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
  return outputs;
}

std::optional<std::filesystem::path> golden_folder(const std::string& name) {
  const std::filesystem::path here = std::filesystem::path(YOKE_SOURCE_DIR) / "tests/golden" / name;
  if (std::filesystem::exists(here / "golden.safetensors")) return here;
  const char* shared = std::getenv("YOKE_SHARED");
  if (shared == nullptr) return std::nullopt;
  const std::filesystem::path there = std::filesystem::path(shared) / "reference/golden" / name;
  if (std::filesystem::exists(there / "golden.safetensors")) return there;
  return std::nullopt;
}

std::filesystem::path golden_checkpoint(const std::filesystem::path& folder) {
  return std::filesystem::exists(folder / "model.gguf") ? folder / "model.gguf" : folder;
}

std::filesystem::path golden_model(const std::string& name) {
  return std::filesystem::path(YOKE_SOURCE_DIR) / "tests/golden/models" / name;
}

bool equal_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

}  // namespace yoke::node
