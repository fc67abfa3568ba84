#include "kernels/cpu/cpu_ops.h"

#include <algorithm>
#include <atomic>

#include "kernels/cpu/kernels.h"
#include "kernels/cpu/thread_pool.h"
#include "kernels/format/kv_block.h"
#include "kernels/format/panel.h"
#include "kernels/reference/reference_ops.h"

namespace yoke::kernels::cpu {
namespace {

// Waking a worker costs some microseconds; below this many multiplications (about 10 us) one thread is faster.
constexpr int64_t kWorthSharing = 200'000;
// Outputs are dealt out in whole groups of panels that gemv takes at once.
constexpr int64_t kPanelsPerShare = 8;
// Rows of attention taken at a time: enough for tiles that share K and V, few enough to balance a causal triangle.
constexpr int64_t kAttentionRows = 32;
// Query heads of one KV head taken at a time, where many share it (MLA): whole tiles, enough to convert K and V for.
constexpr int64_t kAttentionHeads = 24;
// Up to so many rows gemv for each is faster than gemm, which pays for storing decoded weights: measured on Zen 3 with q4_1,
// 576 x 576: 2 rows 26 to 39 us, 3 rows 39 to 44, 4 rows 52 to 51. Weights pass by in slices that stay in L2 for all rows.
constexpr int64_t kGemvRows = 3;
constexpr uint64_t kSliceBytes = 128 << 10;

Range share(int64_t items, int worker, int workers) { return {items * worker / workers, items * (worker + 1) / workers}; }

int64_t multiplications(const Attention& p) {
  int64_t positions = 0;
  for (const RowPlace& row : p.rows) positions += format::visible_positions(row, p.window).size();
  return positions * p.cache.kv_heads * p.heads_per_kv * (p.cache.key_dim + p.cache.value_dim);
}

class CpuOps final : public Ops {
 public:
  explicit CpuOps(int threads) : pool_(threads), workspaces_(static_cast<size_t>(pool_.size())) {}

  using Ops::run;
  void run(const Linear& problem) override {
    const Range panels = panels_of(problem);
    Linear p = problem;
    p.y -= problem.outputs.begin;  // kernels count outputs from the matrix's first
    if (p.rows * panels.size() * kPanelRows * p.w.cols() < kWorthSharing || pool_.size() == 1) return multiply(p, panels, workspaces_[0]);
    pool_.run([&](int worker) {
      const Range shares = share(ceil_div(panels.size(), kPanelsPerShare), worker, pool_.size());
      const Range mine{panels.begin + shares.begin * kPanelsPerShare,
                       std::min(panels.begin + shares.end * kPanelsPerShare, panels.end)};
      if (!mine.empty()) multiply(p, mine, workspaces_[static_cast<size_t>(worker)]);
    });
  }

  void run(const TransposedLinear& p) override {
    const int64_t strips = ceil_div(p.w.cols(), kStripColumns);
    if (p.rows * p.count * p.w.cols() < kWorthSharing || pool_.size() == 1) return transposed_linear(p, {0, strips}, workspaces_[0]);
    pool_.run([&](int worker) {
      transposed_linear(p, share(strips, worker, pool_.size()), workspaces_[static_cast<size_t>(worker)]);
    });
  }

  void run(const RmsNorm& p) override { rms_norm(p); }
  void run(const LayerNorm& p) override { layer_norm(p); }
  void run(const SumOfSquares& p) override { sum_of_squares(p); }
  void run(const RmsScale& p) override { rms_scale(p); }
  void run(const RotaryEmbedding& p) override { rotary_embedding(p); }
  void run(const SwiGlu& p) override { share_rows(p, swiglu); }
  void run(const ClampedSwiGlu& p) override { share_rows(p, clamped_swiglu); }
  void run(const Gelu& p) override { gelu(p); }
  void run(const Tanh& p) override { tanh(p); }
  void run(const Scale& p) override { scale(p); }
  void run(const ScatterAdd& p) override { scatter_add(p); }
  void run(const ResidualAdd& p) override { residual_add(p); }

  // Small, or copies with a conversion: bound by memory, the same loops as the reference.
  void run(const Route& p) override { reference::route(p); }
  void run(const GatherRows& p) override { reference::gather_rows(p); }
  void run(const EmbeddingLookup& p) override { reference::embedding_lookup(p); }
  void run(const KvAppend& p) override { reference::kv_append(p); }

  void run(const Attention& p) override {
    const int64_t groups = ceil_div(static_cast<int64_t>(p.rows.size()), kAttentionRows);
    const int64_t parts = ceil_div(p.heads_per_kv, kAttentionHeads);
    const int64_t tasks = groups * p.cache.kv_heads * parts;
    if (tasks < 2 || multiplications(p) < kWorthSharing || pool_.size() == 1) {
      return attention(p, {0, p.cache.kv_heads * p.heads_per_kv}, workspaces_[0]);
    }
    std::atomic<int64_t> next{0};
    pool_.run([&](int worker) {
      for (int64_t i; (i = next.fetch_add(1)) < tasks;) {
        const Range heads = heads_of(p, i % (p.cache.kv_heads * parts), parts);
        attention(rows_of(p, i / (p.cache.kv_heads * parts) * kAttentionRows), heads, workspaces_[static_cast<size_t>(worker)]);
      }
    });
  }

 private:
  static void multiply(const Linear& p, Range panels, Workspace& workspace) {
    if (p.rows == 1) return gemv(p, panels, workspace);
    if (p.rows > kGemvRows || !format::multiplies_codes(p.w.shape)) return gemm(p, panels, workspace);
    const uint64_t panel_bytes = std::max<uint64_t>(p.w.shape.panel_bytes(), 1);
    const int64_t slice = round_up(static_cast<int64_t>(kSliceBytes / panel_bytes) + 1, kPanelsPerShare);
    for (int64_t first = panels.begin; first < panels.end; first += slice) {
      const Range part{first, std::min(first + slice, panels.end)};
      for (int64_t row = 0; row < p.rows; ++row) gemv(row_of(p, row), part, workspace);
    }
  }

  // A gated activation, its rows dealt out where they are many.
  template <typename Gated>
  void share_rows(const Gated& p, void (*run)(const Gated& p)) {
    if (p.rows <= 1 || p.rows * p.width < kWorthSharing || pool_.size() == 1) return run(p);
    pool_.run([&](int worker) {
      const Range mine = share(p.rows, worker, pool_.size());
      Gated part = p;
      part.rows = mine.size();
      part.gate = p.gate + mine.begin * p.stride;
      part.up = p.up + mine.begin * p.stride;
      part.y = p.y + mine.begin * p.stride;
      run(part);
    });
  }

  static Linear row_of(const Linear& p, int64_t row) {
    Linear part = p;
    part.rows = 1;
    part.x = p.x + row * p.x_stride;
    part.y = p.y + row * p.y_stride;
    return part;
  }

  // Part `index` of all KV heads' parts.
  static Range heads_of(const Attention& p, int64_t index, int64_t parts) {
    const int64_t first = index / parts * p.heads_per_kv;
    return {first + p.heads_per_kv * (index % parts) / parts, first + p.heads_per_kv * (index % parts + 1) / parts};
  }

  static Attention rows_of(const Attention& p, int64_t first) {
    Attention part = p;
    const int64_t count = std::min(kAttentionRows, static_cast<int64_t>(p.rows.size()) - first);
    part.rows = p.rows.subspan(static_cast<size_t>(first), static_cast<size_t>(count));
    part.q = p.q + first * p.q_stride;
    part.out = p.out + first * p.out_stride;
    return part;
  }

  ThreadPool pool_;
  std::vector<Workspace> workspaces_;
};

}  // namespace

std::unique_ptr<Ops> make_cpu_ops(const OpsConfig& config) { return std::make_unique<CpuOps>(std::max(config.threads, 1)); }

}  // namespace yoke::kernels::cpu
