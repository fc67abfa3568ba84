#include <array>

#include "node/forward/transformer.h"
#include "kernels/noise.h"

namespace yoke::node::forward {

// Each half of the vocabulary has an owner. The owner of a token's row gives it and nobody adds (docs/bits.md rule 4): halves
// pack the rows that they own in the order of the step, ranks exchange the packed parts, and all put the rows in place, because
// every rank knows every token.
void embed(const Weights& weights, const model::ModelConfig& config, std::span<const Range> vocab, std::span<const int32_t> tokens,
           Activations& a, const Machine& machine) {
  const int64_t hidden = config.hidden;
  std::array<int32_t, 2> owned{};
  for (const int32_t token : tokens) ++owned[vocab[0].contains(token) ? 0 : 1];
  // a.packed, a.indices: [half 0's rows | half 1's rows]; behind them where each token's row is.
  std::array<int32_t, 2> next{0, owned[0]};
  int32_t* const packed_row = a.indices + tokens.size();
  for (size_t i = 0; i < tokens.size(); ++i) {
    const int half = vocab[0].contains(tokens[i]) ? 0 : 1;
    a.indices[next[half]] = tokens[i] - static_cast<int32_t>(vocab[half].begin);
    packed_row[i] = next[half]++;
  }

  const std::array<int64_t, 2> first{0, owned[0]};
  for (const int half : machine.halves) {
    if (owned[half] == 0) continue;
    machine.ops.run(kernels::EmbeddingLookup{.w = weights.embedding[half],
                                             .rows_of_w = {a.indices + first[half], static_cast<size_t>(owned[half])},
                                             .y = a.packed + first[half] * hidden, .y_stride = hidden});
  }
  if (machine.tensor_group != nullptr) {
    const uint64_t row_bytes = static_cast<uint64_t>(hidden) * sizeof(float);
    const std::array<uint64_t, 2> bytes{static_cast<uint64_t>(owned[0]) * row_bytes, static_cast<uint64_t>(owned[1]) * row_bytes};
    const int mine = machine.halves[0];
    machine.wait("the embedding");
    machine.tensor_group->all_gather({reinterpret_cast<const std::byte*>(a.packed + first[mine] * hidden), bytes[mine]},
                                     reinterpret_cast<std::byte*>(a.packed), bytes, machine.deadline);
  }
  machine.ops.run(kernels::GatherRows{.x = a.packed, .width = hidden, .from = {packed_row, tokens.size()}, .y = a.x});
}

void embed_made(std::span<const int32_t> tokens, int64_t hidden, Activations& a, kernels::Device& device) {
  float* x = a.packed;
  for (const int32_t token : tokens) {
    const kernels::Noise noise(static_cast<uint64_t>(token), 0, 0);
    for (int32_t i = 0; i < hidden; ++i) *x++ = static_cast<float>(static_cast<int32_t>(noise.bits(i) >> 40) - (1 << 23)) * 0x1p-23f;  // [-1, 1)
  }
  device.upload(reinterpret_cast<std::byte*>(a.x), std::as_bytes(std::span(a.packed, x)));
}

}  // namespace yoke::node::forward
