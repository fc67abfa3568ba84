// A transformer's forward pass on one rank. The model is const; everything that changes is passed in.
//
// A rank holds canonical halves of every layer (docs/bits.md rule 3): both when tp = 1, one when tp = 2. Each half's share of
// what joins the residual is computed apart, and the residual becomes x + (half 0 + half 1), so that one rank and two give
// equal bits. All buffers are [rows, width], row-major and dense.
#pragma once

#include <cstdint>
#include <span>

#include <boost/container/static_vector.hpp>

#include "core/clock.h"
#include "core/units.h"
#include "kernels/ops.h"
#include "model/config.h"
#include "node/forward/activations.h"
#include "node/forward/exchange.h"
#include "node/forward/weights.h"
#include "transport/communicator.h"

namespace yoke::node::forward {

// Who computes: the device, the peer that holds the other half (null when this rank holds both), and which halves are here.
// Addresses are the device's; the host reads and writes none but what Activations says is its own too.
struct Machine {
  kernels::Ops& ops;
  transport::Communicator* tensor_group;
  Duration deadline;  // of one collective
  std::span<const int> halves;
  Exchange* exchange = nullptr;  // on a GPU: how halves meet within a step that it works alone

  // Until the device is done, so that the host may read. A step of a large model's prompt may take long: its coordinator watches it.
  void wait(const char* what) const { ops.device().finish(kStepDeadline, what); }
  static constexpr Duration kStepDeadline = std::chrono::minutes(10);
};

// The rows of a step: where each stands, and the sine and cosine of its angles (in Activations). Some may only fill it up.
struct Rows {
  std::span<const kernels::RowPlace> places;
  int64_t count() const { return static_cast<int64_t>(places.size()); }
};

// Problems of both halves, to be given side by side; a half has at most three.
template <typename Problem>
using Problems = boost::container::static_vector<Problem, 6>;
template <typename Problem>
void run(kernels::Ops& ops, const Problems<Problem>& problems) {
  if (!problems.empty()) ops.run(std::span<const Problem>(problems.data(), problems.size()));
}

// a.x <- this stage's layers (a.x). transformer.cpp
void run_layers(const Weights& weights, const model::ModelConfig& config, Rows rows, Activations& a, const Machine& machine);

// a.sum[half] <- each held half's attention of `in` [rows, hidden]. attention.cpp; its queries, keys and values: grouped_query.cpp,
// latent.cpp
void attention(const LayerWeights& w, const model::ModelConfig& config, Rows rows, const float* in, Activations& a, const Machine& machine);

// What attention reads: a.q[half] of each held half, and keys and values of the step's rows in its cache.
void queries_and_keys(const LayerWeights& w, const model::ModelConfig& config, Rows rows, const float* in, Activations& a,
                      const Machine& machine);
// Of latent attention, one half; `first`: the rank's first half, which writes what halves share.
struct HalfInput {
  const LayerWeights& layer;
  int half;
  bool first;
  const float* in;
  const HalfWeights& weights() const { return layer.half[half]; }
};
void append_latent(const HalfInput& h, const model::ModelConfig& config, Rows rows, Activations& a, kernels::Ops& ops);
void output_latent(const HalfWeights& w, const model::ModelConfig& config, Rows rows, const float* mixed, Activations& a, float* sum,
                   kernels::Ops& ops);

// sum [rows, hidden] <- each part's MLP of `in` [rows, hidden]: a dense one. mlp.cpp
struct MlpPart {
  const MlpWeights& weights;
  int half;
  float* sum;
};
void mlp(const Problems<MlpPart>& parts, const model::ModelConfig& config, int64_t rows, const float* in, Activations& a, kernels::Ops& ops);
// a.gate[half] [rows, features] <- activation(a.gate[half], a.up[half]) of each; the plain one works in a.up. Returns where it is.
const float* activated(const model::ModelConfig& config, int half, const Activations& a);
struct ActivationPart {
  int half;
  int64_t features;
};
void activate(const Problems<ActivationPart>& parts, const model::ModelConfig& config, int64_t rows, Activations& a, kernels::Ops& ops);

// a.chosen, a.weights <- the experts of each row of `in`; sum <- one half's experts and shared experts. moe.cpp
void route(const LayerWeights& w, const model::ModelConfig& config, int64_t rows, const float* in, Activations& a, kernels::Ops& ops);
void moe(const HalfWeights& w, int half, const model::ModelConfig& config, Rows rows, const float* in, Activations& a, float* sum,
         kernels::Ops& ops);

// x += h0 + h1 unless h0 is null; then y [rows, width] <- norm(x) unless y is null. norm.cpp
struct Joined {
  float* x;
  const float* h0 = nullptr;
  const float* h1 = nullptr;
  float* y = nullptr;
  const kernels::Meeting* meeting = nullptr;
};
void norm(const NormWeights& w, const model::ModelConfig& config, int64_t rows, const Joined& join, kernels::Ops& ops);

// a.x <- the tokens' embeddings. `vocab` are the canonical halves. embedding.cpp
void embed(const Weights& weights, const model::ModelConfig& config, std::span<const Range> vocab, std::span<const int32_t> tokens,
           Activations& a, const Machine& machine);
// a.x <- made-up states, a function of the token alone, where a bench runs layers without an embedding. embedding.cpp
void embed_made(std::span<const int32_t> tokens, int64_t hidden, Activations& a, kernels::Device& device);
// a.x <- an encoder's: those of tokens, positions and token types, normed. encoder.cpp
void embed_encoder(const Weights& weights, const model::ModelConfig& config, std::span<const Range> vocab, std::span<const int32_t> tokens,
                   std::span<const int32_t> token_types, std::span<const int64_t> positions, Activations& a, const Machine& machine);

// a.head_rows <- rows of a.x, at most kHeadRows, and row 0 until `filled` are there. head.cpp
void want_rows(std::span<const int64_t> rows, int64_t filled, Activations& a);
// a.logits[half] <- logits of the first n of a.head_rows for each half of the vocabulary held here. head.cpp
void head(const Weights& weights, const model::ModelConfig& config, int64_t n, Activations& a, const Machine& machine);
// a.candidate_summaries, a.candidates of each held half <- of the first n rows of logits what a.candidate_requests ask. head.cpp
void find_candidates(std::span<const Range> vocab, int64_t n, Activations& a, const Machine& machine);
// a.logits[0] [rows, hidden] <- the given rows of a.x. head.cpp
void states(const model::ModelConfig& config, std::span<const int64_t> rows, Activations& a, const Machine& machine);
// a.logits[0] [rows, output_width] <- an encoder's hidden states and what its head makes of each. encoder.cpp
void encoder_head(const Weights& weights, const model::ModelConfig& config, std::span<const int64_t> rows, Activations& a,
                  kernels::Ops& ops);

}  // namespace yoke::node::forward
