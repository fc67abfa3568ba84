// What the last pipeline stage does with a step's rows once the layers are done: logits, tokens, log probabilities.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "node/forward/transformer.h"
#include "node/sampler/sampler.h"
#include "node/step_batch.h"
#include "node/token_memory.h"
#include "parallel/plan.h"
#include "transport/control/control.pb.h"

namespace yoke::node {

using LogitSink = std::function<void(const transport::proto::LogitRows&)>;

class LastStage {
 public:
  LastStage(const model::ModelConfig& config, const parallel::Plan& plan, const forward::Weights& weights,
            const forward::Machine& machine, int tp_rank);

  // `a.x` holds the batch's rows. Fills result.entries and calls `sink` on tensor-parallel rank 0 alone.
  // Returns the drawn tokens, one an entry that draws, in the batch's order; the same on every rank of the stage.
  std::span<const int32_t> run(const StepBatch& batch, const TokenMemory& memory, forward::Activations& a,
                               transport::proto::StepResult& result, const LogitSink& sink);

  // Halves of rows whose candidates the device found, since construction: for tests.
  int64_t found_halves() const { return sampler_.found_halves(); }

 private:
  // A row whose logits somebody wants.
  struct Wanted {
    const BatchEntry* entry;
    int64_t row;          // in the batch
    int64_t logit_index;  // into the entry's logit_rows; -1 if its logits are not wanted themselves
    int result;           // index into result.entries; -1 if it has none
  };

  void want_rows(const StepBatch& batch, const TokenMemory& memory, transport::proto::StepResult& result);
  void want_rows_of(const BatchEntry& entry, int result, std::span<const int32_t> later);
  void run_tile(size_t begin, size_t end, forward::Activations& a, transport::proto::StepResult& result, const LogitSink& sink);
  void make_logits(std::span<const sampler::RowRequest> requests, forward::Activations& a);
  sampler::Found found(const forward::Activations& a) const;
  void send_logits(std::span<const Wanted> tile, sampler::HalfLogits logits, uint64_t step, const LogitSink& sink);
  void exchange_logit_halves(std::span<const Wanted> tile, sampler::HalfLogits& logits);
  void frame_logits(std::span<const Wanted> tile, sampler::HalfLogits logits, uint64_t step, const LogitSink& sink);
  // Floats of a row that each half gives: of the vocabulary; an encoder's row is half 0's alone.
  std::array<int64_t, 2> row_widths() const;

  const model::ModelConfig& config_;
  const parallel::Plan& plan_;
  const forward::Weights& weights_;
  const forward::Machine& machine_;
  const bool leader_;  // tensor-parallel rank 0
  sampler::Sampler sampler_;
  std::vector<Wanted> wanted_;
  std::vector<sampler::RowRequest> requests_;  // of wanted_
  std::vector<sampler::RowAnswer> answers_;
  std::vector<int64_t> tile_rows_;
  std::vector<int32_t> later_;   // what requests_ point at
  std::vector<int32_t> drawn_;
  std::vector<float> other_half_;
  std::map<int64_t, std::unique_ptr<kernels::Recording>> recordings_;  // of the head, by rows
};

}  // namespace yoke::node
