#include "parallel/ledger.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"

namespace yoke::parallel {
namespace {

constexpr uint64_t kMiB = 1 << 20;

// Left to the system on top of what it holds already: page tables, sockets, the coordinator and a margin. MemAvailable is an
// estimate, and a Spark that runs out freezes.
constexpr uint64_t kReserveBytes = 512 * kMiB;

// The loader's staging, frames and queues of the agent and the engine, their code and heaps.
constexpr uint64_t kBufferBytes = 96 * kMiB;

// A CUDA context and the kernels' images; scratch of attention and of quantised activations, which grows by doubling and leaves what it
// had to recordings (kernels/cuda/scratch.h): at most four times 64 MiB. The context's share is a guess until a GB10 was asked.
constexpr uint64_t kGpuBytes = 768 * kMiB;

uint64_t weights_bytes(const Plan& plan, int rank, const model::Catalogue& catalogue) {
  uint64_t bytes = 0;
  for (const Slice& slice : slices_of(plan, rank, catalogue)) bytes += slice.pool_bytes();
  return bytes;
}

// Residual, normed rows, both halves' q, k, v and sums, attention out, gate and up (of every expert of a row), their
// outputs; and the output rows.
uint64_t activation_bytes(const model::ModelConfig& config, const LedgerLimits& limits) {
  const int64_t features = std::max({config.intermediate, config.moe.top_k * config.moe.intermediate, config.moe.shared_intermediate});
  const int64_t query = config.heads * (config.head_dim + config.value_dim);
  const int64_t widths = (6 + config.moe.top_k) * config.hidden + 2 * query + 2 * config.kv_heads * (config.head_dim + config.value_dim) + 2 * features +
                         config.head_dim + 2 * config.moe.experts;
  return sizeof(float) * static_cast<uint64_t>(limits.max_rows * widths + limits.max_sequences * config.output_width());
}

}  // namespace

std::string Ledger::text() const {
  return fmt::format(
      "  weights      {:>10}\n  KV cache     {:>10}\n  activations  {:>10}\n  buffers      {:>10}\n  reserve      {:>10}\n"
      "  needed       {:>10}\n  available    {:>10}",
      format_bytes(weights_bytes), format_bytes(kv_bytes), format_bytes(activation_bytes), format_bytes(buffer_bytes),
      format_bytes(reserve_bytes), format_bytes(needed_bytes()), format_bytes(available_bytes));
}

uint64_t kv_block_bytes(const Plan& plan, int rank, const model::ModelConfig& config) {
  const RankPlan& r = plan.ranks[static_cast<size_t>(rank)];
  uint64_t bytes = 0;
  for (int64_t layer = r.layers.begin; layer < r.layers.end; ++layer) {
    const LayerPlan& cut = plan.layers[static_cast<size_t>(layer)];
    for (const int half : r.halves) {
      const bool held = kv_half(cut, half) == half || half == r.halves.front();  // once a rank where halves share it
      if (held) bytes += static_cast<uint64_t>(kv_shape(plan, config, layer, half).block_bytes());
    }
  }
  return bytes;
}

Ledger make_ledger(const Plan& plan, int rank, const model::Catalogue& catalogue, uint64_t kv_blocks,
                   const LedgerLimits& limits, uint64_t available_bytes) {
  const model::ModelConfig& config = catalogue.checkpoint().config;
  Ledger ledger;
  ledger.weights_bytes = weights_bytes(plan, rank, catalogue);
  ledger.kv_bytes = checked_multiply(kv_blocks, kv_block_bytes(plan, rank, config), "KV cache");
  ledger.activation_bytes = activation_bytes(config, limits);
  ledger.buffer_bytes = kBufferBytes + limits.staging_bytes + (limits.gpu ? kGpuBytes : 0);
  ledger.reserve_bytes = kReserveBytes;
  ledger.available_bytes = available_bytes;
  return ledger;
}

uint64_t default_kv_blocks(const Plan& plan, const model::Catalogue& catalogue, const LedgerLimits& limits,
                           uint64_t available_bytes, int agents_on_node) {
  const model::ModelConfig& config = catalogue.checkpoint().config;
  const uint64_t share = available_bytes / static_cast<uint64_t>(std::max(1, agents_on_node));
  const auto two_contexts = static_cast<uint64_t>(ceil_div(2 * config.context_length, kKvBlockTokens));
  uint64_t blocks = two_contexts;
  for (const RankPlan& r : plan.ranks) {
    Ledger ledger = make_ledger(plan, r.rank, catalogue, 0, limits, share);
    check(ledger);
    const uint64_t left = share - ledger.needed_bytes();
    const uint64_t block_bytes = std::max<uint64_t>(1, kv_block_bytes(plan, r.rank, config));
    blocks = std::min(blocks, left / 2 / block_bytes);
  }
  // An encoder's context may be shorter than that.
  const uint64_t least = std::min<uint64_t>(256 / kKvBlockTokens, two_contexts);
  if (blocks < least) {
    Ledger ledger = make_ledger(plan, 0, catalogue, 2 * least, limits, share);
    ledger.available_bytes = std::min(ledger.available_bytes, ledger.needed_bytes() - 1);
    check(ledger);
  }
  return blocks;
}

void check(const Ledger& ledger) {
  if (ledger.fits()) return;
  throw Error{Code::does_not_fit,
              fmt::format("the shard does not fit this node's memory: {} short\n{}\nUse more nodes (--pp), fewer --kv-tokens, a "
                          "smaller format, or end other programs.",
                          format_bytes(ledger.needed_bytes() - ledger.available_bytes), ledger.text())};
}

}  // namespace yoke::parallel
