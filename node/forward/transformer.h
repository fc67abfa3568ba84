// A transformer's forward pass on one rank. The model is const; everything that changes is passed in.
//
// A rank holds canonical halves of every layer (docs/bits.md rule 3): both when tp = 1, one when tp = 2. Each half's share of
// what joins the residual is computed apart, and the residual becomes x + (half 0 + half 1), so that one rank and two give
// equal bits. All buffers are [rows, width], row-major and dense.
#pragma once

#include <cstdint>
#include <span>

#include "core/clock.h"
#include "core/units.h"
#include "kernels/ops.h"
#include "model/config.h"
#include "node/forward/activations.h"
#include "node/forward/weights.h"
#include "transport/communicator.h"

namespace yoke::node::forward {

// Who computes: the device, the peer that holds the other half (null when this rank holds both), and which halves are here.
struct Machine {
  kernels::Ops& ops;
  transport::Communicator* tensor_group;
  Duration deadline;  // of one collective
  std::span<const int> halves;
};

// The rows of a step: where each stands, and the sine and cosine of its angles (in Activations).
struct Rows {
  std::span<const kernels::RowPlace> places;
  int64_t count() const { return static_cast<int64_t>(places.size()); }
};

// a.x <- this stage's layers (a.x). transformer.cpp
void run_layers(const Weights& weights, const model::ModelConfig& config, Rows rows, Activations& a, const Machine& machine);

// a.sum[half] <- one half's attention, resp. MLP, of a.normed. attention.cpp, mlp.cpp
void attention(const HalfWeights& w, const model::ModelConfig& config, Rows rows, Activations& a, float* sum, kernels::Ops& ops);
void mlp(const HalfWeights& w, const model::ModelConfig& config, Rows rows, Activations& a, float* sum, kernels::Ops& ops);

// a.x <- the tokens' embeddings. `vocab` are the canonical halves. embedding.cpp
void embed(const Weights& weights, const model::ModelConfig& config, std::span<const Range> vocab, std::span<const int32_t> tokens,
           Activations& a, const Machine& machine);

// a.logits[half] <- logits of the given rows of a.x (at most kHeadRows) for each half of the vocabulary held here. head.cpp
void head(const Weights& weights, const model::ModelConfig& config, std::span<const int64_t> rows, Activations& a,
          const Machine& machine);

}  // namespace yoke::node::forward
