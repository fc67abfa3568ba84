#include <array>
#include <cstring>

#include "node/forward/transformer.h"
#include "node/sampler/noise.h"

namespace yoke::node::forward {

// Each half of the vocabulary has an owner. The owner of a token's row gives it and nobody adds (docs/bits.md rule 4): halves
// pack the rows that they own in the order of the step, ranks exchange the packed parts, and all put the rows in place, because
// every rank knows every token.
void embed(const Weights& weights, const model::ModelConfig& config, std::span<const Range> vocab, std::span<const int32_t> tokens,
           Activations& a, const Machine& machine) {
  const int64_t hidden = config.hidden;
  std::array<int64_t, 2> owned{};
  for (const int32_t token : tokens) ++owned[vocab[0].contains(token) ? 0 : 1];
  float* const packed = a.normed;  // [half 0's rows | half 1's rows, hidden]
  const std::array<float*, 2> part{packed, packed + owned[0] * hidden};

  for (const int half : machine.halves) {
    a.owned_rows.clear();
    for (const int32_t token : tokens) {
      if (vocab[half].contains(token)) a.owned_rows.push_back(token - static_cast<int32_t>(vocab[half].begin));
    }
    if (a.owned_rows.empty()) continue;
    machine.ops.run(kernels::EmbeddingLookup{.w = weights.embedding[half], .rows_of_w = a.owned_rows, .y = part[half], .y_stride = hidden});
  }
  if (machine.tensor_group != nullptr) {
    const uint64_t row_bytes = static_cast<uint64_t>(hidden) * sizeof(float);
    const std::array<uint64_t, 2> bytes{static_cast<uint64_t>(owned[0]) * row_bytes, static_cast<uint64_t>(owned[1]) * row_bytes};
    const int mine = machine.halves[0];
    machine.tensor_group->all_gather({reinterpret_cast<const std::byte*>(part[mine]), bytes[mine]},
                                     reinterpret_cast<std::byte*>(packed), bytes, machine.deadline);
  }

  std::array<const float*, 2> next{part[0], part[1]};
  float* row = a.x;
  for (const int32_t token : tokens) {
    const float*& source = next[vocab[0].contains(token) ? 0 : 1];
    std::memcpy(row, source, static_cast<size_t>(hidden) * sizeof(float));
    source += hidden;
    row += hidden;
  }
}

void embed_made(std::span<const int32_t> tokens, int64_t hidden, Activations& a) {
  float* x = a.x;
  for (const int32_t token : tokens) {
    const sampler::Noise noise(static_cast<uint64_t>(token), 0, 0);
    for (int32_t i = 0; i < hidden; ++i) *x++ = static_cast<float>(static_cast<int32_t>(noise.bits(i) >> 40) - (1 << 23)) * 0x1p-23f;  // [-1, 1)
  }
}

}  // namespace yoke::node::forward
