// What an encoder (BERT, arXiv 1810.04805) has that a decoder has not: learned positions, token types, a norm behind the embedding,
// and heads that look at one row. Positions and types are whole on every rank of the first stage.
#include <cstring>

#include "node/forward/linear.h"
#include "node/forward/rows.h"
#include "node/forward/transformer.h"

namespace yoke::node::forward {
namespace {

void add_lookup(const kernels::PackedMatrix& table, std::span<const int32_t> rows, int64_t hidden, Activations& a, kernels::Ops& ops) {
  ops.run(kernels::EmbeddingLookup{.w = table, .rows_of_w = rows, .y = a.normed, .y_stride = hidden});
  ops.run(kernels::ResidualAdd{.x = a.x, .h0 = a.normed, .h1 = nullptr, .count = static_cast<int64_t>(rows.size()) * hidden});
}

// `out` [rows, width] <- behind each row's hidden state what the head makes of it.
void apply_head(const EncoderWeights& w, int64_t rows, int64_t hidden, const float* in, float* out, int64_t width, Activations& a, kernels::Ops& ops) {
  linear(ops, w.pooler, in, rows, a.normed, w.pooler_bias);
  ops.run(kernels::Tanh{.x = a.normed, .count = rows * hidden});
  if (w.classifier.rows() > 0) {
    ops.run(kernels::Linear{.w = w.classifier, .x = a.normed, .x_stride = hidden, .rows = rows, .y = out + hidden, .y_stride = width,
                            .bias = w.classifier_bias});
    return;
  }
  for (int64_t i = 0; i < rows; ++i) {
    std::memcpy(out + i * width + hidden, a.normed + i * hidden, static_cast<size_t>(hidden) * sizeof(float));
  }
}

}  // namespace

void embed_encoder(const Weights& weights, const model::ModelConfig& config, std::span<const Range> vocab, std::span<const int32_t> tokens,
                   std::span<const int32_t> token_types, std::span<const int64_t> positions, Activations& a, const Machine& machine) {
  embed(weights, config, vocab, tokens, a, machine);
  if (weights.encoder.token_types.rows() > 0) add_lookup(weights.encoder.token_types, token_types, config.hidden, a, machine.ops);
  for (size_t i = 0; i < positions.size(); ++i) a.indices[i] = static_cast<int32_t>(positions[i] + config.encoder.position_offset);
  add_lookup(weights.encoder.positions, {a.indices, positions.size()}, config.hidden, a, machine.ops);
  norm(weights.encoder.embedding_norm, config, static_cast<int64_t>(tokens.size()), {.x = a.x, .y = a.x}, machine.ops);
}

void encoder_head(const Weights& weights, const model::ModelConfig& config, std::span<const int64_t> rows, Activations& a,
                  kernels::Ops& ops) {
  const int64_t n = static_cast<int64_t>(rows.size()), hidden = config.hidden, width = config.output_width();
  float* const wanted = a.sum[0];  // [n, hidden]: the layers are done with it
  take_rows(rows, a.x, hidden, a.logits[0], width);
  take_rows(rows, a.x, hidden, wanted, hidden);
  if (width > hidden) apply_head(weights.encoder, n, hidden, wanted, a.logits[0], width, a, ops);
}

}  // namespace yoke::node::forward
