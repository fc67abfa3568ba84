#include "tests/kernels/cuda/mirrored_ops.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <vector>

#include "core/cuda/driver.h"
#include "core/error.h"
#include "core/units.h"

namespace yoke::kernels::testing {
namespace {

using yoke::cuda::check;
using yoke::cuda::CUdeviceptr;
using yoke::cuda::driver;

// The operands of one op.
class Mirror {
 public:
  explicit Mirror(Device& device) : device_(device) {}
  Mirror(const Mirror&) = delete;
  Mirror& operator=(const Mirror&) = delete;
  ~Mirror() {
    for (const Block& block : blocks_) driver().cuMemFree(block.device);
  }

  template <class T>
  const T* in(const T* host, int64_t count) {
    return place(const_cast<T*>(host), count, false);
  }
  template <class T>
  T* inout(T* host, int64_t count) {
    return place(host, count, true);
  }
  // [rows, width] of rows that lie `stride` apart.
  template <class T>
  const T* in(const T* host, int64_t rows, int64_t stride, int64_t width) {
    return in(host, extent(rows, stride, width));
  }
  template <class T>
  T* inout(T* host, int64_t rows, int64_t stride, int64_t width) {
    return inout(host, extent(rows, stride, width));
  }
  template <class T>
  std::span<const T> in(std::span<const T> host) {
    return {in(host.data(), static_cast<int64_t>(host.size())), host.size()};
  }
  // What stays on the host for the length of the op.
  std::span<const PackedMatrix> keep(std::vector<PackedMatrix> values) { return matrices_.emplace_back(std::move(values)); }
  std::span<const float* const> keep(std::vector<const float*> values) { return biases_.emplace_back(std::move(values)); }

  PackedMatrix in(const PackedMatrix& w) { return {w.shape, in(w.data, static_cast<int64_t>(w.shape.bytes()))}; }

  // Tables as far as a row looks: a reading row to its end, an appending one to its position.
  std::span<const RowPlace> in(std::span<const RowPlace> rows) {
    std::vector<RowPlace> copies(rows.begin(), rows.end());
    std::map<const int32_t*, int64_t> lengths;  // rows of one sequence share its table
    for (const RowPlace& row : rows) {
      if (row.end > 0) lengths[row.block_table] = std::max(lengths[row.block_table], table_length(row));
    }
    for (RowPlace& row : copies) {
      if (row.end > 0) row.block_table = in(row.block_table, lengths[row.block_table]);
    }
    const std::vector<RowPlace>& kept = places_.emplace_back(std::move(copies));
    return {in(kept.data(), static_cast<int64_t>(kept.size())), kept.size()};
  }

  // The blocks that the rows' tables name; entries that name none are beyond any.
  KvCacheView inout(KvCacheView cache, std::span<const RowPlace> rows) {
    constexpr int32_t kNone = 1 << 29;
    int64_t blocks = 0;
    for (const RowPlace& row : rows) {
      for (int64_t i = 0; row.end > 0 && i < table_length(row); ++i) {
        if (row.block_table[i] < kNone) blocks = std::max<int64_t>(blocks, row.block_table[i] + 1);
      }
    }
    cache.data = inout(cache.data, blocks * cache.block_bytes());
    return cache;
  }

  void finish() {
    device_.finish(std::chrono::minutes(5), "a mirrored op");
    for (const Block& block : blocks_) {
      if (block.written) device_.download({block.host, block.bytes}, reinterpret_cast<const std::byte*>(block.device));
    }
  }

 private:
  struct Block {
    std::byte* host;
    uint64_t bytes;
    CUdeviceptr device;
    bool written;
  };

  static int64_t extent(int64_t rows, int64_t stride, int64_t width) { return rows == 0 ? 0 : (rows - 1) * stride + width; }
  static int64_t table_length(const RowPlace& row) { return ceil_div(std::max(row.end, row.position + 1), kKvBlockTokens); }

  // One block for operands that share an address: an output may be an input.
  template <class T>
  T* place(T* host, int64_t count, bool written) {
    if (host == nullptr) return nullptr;
    const uint64_t bytes = static_cast<uint64_t>(count) * sizeof(T);
    auto* const at = reinterpret_cast<std::byte*>(const_cast<std::remove_const_t<T>*>(host));
    for (Block& block : blocks_) {
      if (block.host != at) continue;
      YOKE_ASSERT(bytes <= block.bytes);
      block.written = block.written || written;
      return reinterpret_cast<T*>(block.device);
    }
    Block block{at, bytes, 0, written};
    check(driver().cuMemAlloc(&block.device, std::max<uint64_t>(bytes, 1)), "a mirrored operand");
    blocks_.push_back(block);
    device_.upload(reinterpret_cast<std::byte*>(block.device), {at, bytes});
    return reinterpret_cast<T*>(block.device);
  }

  Device& device_;
  std::vector<Block> blocks_;
  std::deque<std::vector<RowPlace>> places_;
  std::deque<std::vector<PackedMatrix>> matrices_;
  std::deque<std::vector<const float*>> biases_;
};

Linear onto(Mirror& m, Linear p) {
  const int64_t outputs = p.outputs.empty() ? p.w.rows() : std::min(p.outputs.end, p.w.rows()) - p.outputs.begin;
  p.x = m.in(p.x, p.rows, p.x_stride, p.w.cols());
  p.y = m.inout(p.y, p.rows, p.y_stride, outputs);
  p.bias = m.in(p.bias, p.w.rows());
  p.w = m.in(p.w);
  return p;
}

Attention onto(Mirror& m, Attention p) {
  const int64_t heads = p.cache.kv_heads * p.heads_per_kv, rows = static_cast<int64_t>(p.rows.size());
  p.q = m.in(p.q, rows, p.q_stride, heads * p.cache.key_dim);
  p.out = m.inout(p.out, rows, p.out_stride, heads * p.cache.value_dim);
  p.sinks = m.in(p.sinks, heads);
  p.cache = m.inout(p.cache, p.rows);
  p.rows = m.in(p.rows);
  return p;
}

template <class Gated>
Gated gated_onto(Mirror& m, Gated p) {
  p.gate = m.in(p.gate, p.rows, p.stride, p.width);
  p.up = m.in(p.up, p.rows, p.stride, p.width);
  p.y = m.inout(p.y, p.rows, p.stride, p.width);
  return p;
}
SwiGlu onto(Mirror& m, const SwiGlu& p) { return gated_onto(m, p); }
ClampedSwiGlu onto(Mirror& m, const ClampedSwiGlu& p) { return gated_onto(m, p); }

PlaceHeads onto(Mirror& m, PlaceHeads p) {
  const int64_t rows = static_cast<int64_t>(p.rows.size()), pairs = p.rotary_dims / 2;
  p.q = m.inout(p.q, rows * p.heads * p.cache.key_dim);
  p.k = m.inout(p.k, rows * p.cache.kv_heads * p.cache.key_dim);
  p.v = m.in(p.v, rows * p.cache.kv_heads * p.cache.value_dim);
  p.q_norm = m.in(p.q_norm, p.cache.key_dim);
  p.k_norm = m.in(p.k_norm, p.cache.key_dim);
  p.cos = m.in(p.cos, rows * pairs);
  p.sin = m.in(p.sin, rows * pairs);
  p.cache = m.inout(p.cache, p.rows);
  p.rows = m.in(p.rows);
  return p;
}

class MirroredOps final : public Ops {
 public:
  explicit MirroredOps(Ops& cuda) : cuda_(cuda) {}

  using Ops::run;
  void run(const Linear& p) override { one(p); }
  void run(std::span<const Linear> problems) override { all(problems); }
  void run(const Attention& p) override { one(p); }
  void run(std::span<const Attention> problems) override { all(problems); }
  void run(const SwiGlu& p) override { one(p); }
  void run(std::span<const SwiGlu> problems) override { all(problems); }
  void run(const ClampedSwiGlu& p) override { one(p); }
  void run(std::span<const ClampedSwiGlu> problems) override { all(problems); }
  void run(std::span<const PlaceHeads> problems) override { all(problems); }
  void run(const TransposedLinear& p) override { cuda_.run(p); }

  void run(const RmsNorm& host) override {
    with(host, [](Mirror& m, RmsNorm& p) {
      p.x = m.in(p.x, p.rows, p.x_stride, p.width);
      p.w = m.in(p.w, p.width);
      p.y = m.inout(p.y, p.rows, p.y_stride, p.width);
    });
  }
  void run(const LayerNorm& host) override {
    with(host, [](Mirror& m, LayerNorm& p) {
      p.x = m.in(p.x, p.rows, p.x_stride, p.width);
      p.w = m.in(p.w, p.w_rows * p.width);
      p.bias = m.in(p.bias, p.w_rows * p.width);
      p.y = m.inout(p.y, p.rows, p.y_stride, p.width);
    });
  }
  void run(const SumOfSquares& host) override {
    with(host, [](Mirror& m, SumOfSquares& p) {
      p.x = m.in(p.x, p.rows, p.x_stride, p.width);
      p.sums = m.inout(p.sums, p.rows);
    });
  }
  void run(const RmsScale& host) override {
    with(host, [](Mirror& m, RmsScale& p) {
      p.x = m.inout(p.x, p.rows, p.x_stride, p.width);
      p.sums = m.in(p.sums, p.rows);
      p.w = m.in(p.w, p.width);
    });
  }
  void run(const JoinNorm& host) override {
    with(host, [](Mirror& m, JoinNorm& p) {
      p.x = m.inout(p.x, p.rows * p.width);
      p.h0 = m.in(p.h0, p.rows * p.width);
      p.h1 = m.in(p.h1, p.rows * p.width);
      p.w = m.in(p.w, p.width);
      p.bias = m.in(p.bias, p.width);
      p.y = m.inout(p.y, p.rows * p.width);
    });
  }
  void run(const RotaryEmbedding& host) override {
    with(host, [](Mirror& m, RotaryEmbedding& p) {
      p.x = m.inout(p.x, p.rows, p.x_stride, (p.heads - 1) * p.head_stride + p.dims);
      p.cos = m.in(p.cos, p.rows * p.dims / 2);
      p.sin = m.in(p.sin, p.rows * p.dims / 2);
    });
  }
  void run(const Gelu& host) override { with(host, in_place<Gelu>); }
  void run(const Tanh& host) override { with(host, in_place<Tanh>); }
  void run(const Scale& host) override { with(host, in_place<Scale>); }
  void run(const Fill& host) override { with(host, in_place<Fill>); }
  void run(const ResidualAdd& host) override {
    with(host, [](Mirror& m, ResidualAdd& p) {
      p.x = m.inout(p.x, p.count);
      p.h0 = m.in(p.h0, p.count);
      p.h1 = m.in(p.h1, p.count);
    });
  }
  void run(const GatherRows& host) override {
    with(host, [](Mirror& m, GatherRows& p) {
      p.x = m.in(p.x, rows_of(p.from) * p.width);
      p.y = m.inout(p.y, static_cast<int64_t>(p.from.size()) * p.width);
      p.from = m.in(p.from);
    });
  }
  void run(const ScatterAdd& host) override {
    with(host, [](Mirror& m, ScatterAdd& p) {
      p.x = m.in(p.x, static_cast<int64_t>(p.to.size()) * p.width);
      p.y = m.inout(p.y, rows_of(p.to) * p.width);
      p.to = m.in(p.to);
      p.weights = m.in(p.weights);
    });
  }
  void run(const EmbeddingLookup& host) override {
    with(host, [](Mirror& m, EmbeddingLookup& p) {
      p.w = m.in(p.w);
      p.y = m.inout(p.y, static_cast<int64_t>(p.rows_of_w.size()), p.y_stride, p.w.cols());
      p.rows_of_w = m.in(p.rows_of_w);
    });
  }
  void run(const KvAppend& host) override {
    with(host, [](Mirror& m, KvAppend& p) {
      const int64_t rows = static_cast<int64_t>(p.rows.size());
      p.k = m.in(p.k, rows, p.k_stride, p.cache.kv_heads * p.cache.key_dim);
      p.v = m.in(p.v, rows, p.v_stride, p.cache.kv_heads * p.cache.value_dim);
      p.cache = m.inout(p.cache, p.rows);
      p.rows = m.in(p.rows);
    });
  }
  void run(const Route& host) override {
    with(host, [](Mirror& m, Route& p) {
      p.logits = m.in(p.logits, p.rows * p.experts);
      p.correction = m.in(p.correction, p.experts);
      p.chosen = m.inout(p.chosen, p.rows * p.top_k);
      p.weights = m.inout(p.weights, p.rows * p.top_k);
    });
  }
  void run(const SortExperts& host) override {
    with(host, [](Mirror& m, SortExperts& p) {
      p.chosen = m.in(p.chosen, p.rows * p.top_k);
      p.row_places = m.in(p.row_places);
      p.offsets = m.inout(p.offsets, p.experts.size() + 1);
      p.slots = m.inout(p.slots, p.rows * p.top_k);
      p.places = m.inout(p.places, p.rows * p.top_k);
    });
  }
  void run(const GroupedLinear& host) override {
    with(host, [](Mirror& m, GroupedLinear& p) {
      const int64_t outputs = p.experts[0].rows(), total = p.offsets[p.experts.size()];
      int64_t x_rows = total;
      for (int64_t i = 0; p.slots != nullptr && i < total; ++i) x_rows = std::max<int64_t>(i == 0 ? 0 : x_rows, p.slots[i] / p.top_k + 1);
      std::vector<PackedMatrix> experts;
      for (const PackedMatrix& w : p.experts) experts.push_back(m.in(w));
      std::vector<const float*> biases;
      for (const float* bias : p.bias) biases.push_back(m.in(bias, outputs));
      p.experts = m.keep(std::move(experts));
      p.bias = m.keep(std::move(biases));
      p.x = m.in(p.x, x_rows, p.x_stride, p.experts[0].cols());
      p.offsets = m.in(p.offsets, static_cast<int64_t>(p.experts.size()) + 1);
      p.slots = m.in(p.slots, total);
      p.y = m.inout(p.y, p.pairs * outputs);
    });
  }
  void run(const CombineExperts& host) override {
    with(host, [](Mirror& m, CombineExperts& p) {
      int64_t pairs = 0;
      for (int64_t i = 0; i < p.rows * p.top_k; ++i) pairs = std::max<int64_t>(pairs, p.places[i] + 1);
      p.x = m.in(p.x, pairs * p.width);
      p.places = m.in(p.places, p.rows * p.top_k);
      p.weights = m.in(p.weights, p.rows * p.top_k);
      p.y = m.inout(p.y, p.rows * p.width);
    });
  }
  void run(const Candidates& host) override {
    std::vector<CandidateSlice> slices(host.slices.begin(), host.slices.end());
    with(host, [&](Mirror& m, Candidates& p) {
      for (CandidateSlice& slice : slices) {
        slice.logits = m.in(slice.logits, p.rows * slice.tokens.size());
        slice.summaries = m.inout(slice.summaries, p.rows);
        slice.best = m.inout(slice.best, p.rows * kMostCandidates);
      }
      p.requests = m.in(p.requests, p.rows);
      p.slices = slices;
    });
  }

 private:
  template <class Problem>
  static void in_place(Mirror& m, Problem& p) {
    p.x = m.inout(p.x, p.count);
  }
  static int64_t rows_of(std::span<const int32_t> indices) {
    return indices.empty() ? 0 : *std::max_element(indices.begin(), indices.end()) + int64_t{1};
  }

  template <class Problem, class Place>
  void with(Problem p, const Place& place) {
    Mirror mirror(cuda_.device());
    place(mirror, p);
    cuda_.run(p);
    mirror.finish();
  }
  template <class Problem>
  void one(const Problem& p) {
    Mirror mirror(cuda_.device());
    cuda_.run(onto(mirror, p));
    mirror.finish();
  }
  template <class Problem>
  void all(std::span<const Problem> problems) {
    Mirror mirror(cuda_.device());
    std::vector<Problem> there;
    for (const Problem& p : problems) there.push_back(onto(mirror, p));
    cuda_.run(std::span<const Problem>(there));
    mirror.finish();
  }

  Ops& cuda_;
};

}  // namespace

std::unique_ptr<Ops> mirrored(Ops& cuda) { return std::make_unique<MirroredOps>(cuda); }

}  // namespace yoke::kernels::testing
