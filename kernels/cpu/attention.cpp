// Attention over the paged cache. Up to 6 queries that share a KV head and a block table (heads of a group in decode, heads
// of several rows in prefill) form a tile, so that each load of K and V serves all of them; several tiles go through a split
// before the next one, so that its K and V are read from memory once.
#include "kernels/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/attention.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <span>

#include "kernels/cpu/attention_tile-inl.h"
#include "kernels/cpu/kernels.h"
#include "kernels/reference/reference_ops.h"

HWY_BEFORE_NAMESPACE();
namespace yoke::kernels::cpu::HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR
void run_attention(const Attention& p, Range heads, Workspace& /*workspace*/) { reference::attention(p, heads); }
#else

// Their queries and totals (50 KiB for head_dim 64) and one split's K and V (128 KiB) share L2.
inline constexpr size_t kTilesTogether = 16;

// Query heads of one KV head on rows first_row .. that share a block table: query i is head heads.begin + i % heads.size() of row
// first_row + i / heads.size().
struct QueryGroup {
  const Attention* p;
  int64_t kv_head;
  Range heads;
  size_t first_row, queries;

  size_t row_of(size_t query) const { return first_row + query / static_cast<size_t>(heads.size()); }
  int64_t head_of(size_t query) const { return heads.begin + static_cast<int64_t>(query) % heads.size(); }
};

// Query i of the tile is query first + i of the group; `memory` holds its q and its total.
QueryTile make_tile(const QueryGroup& group, size_t first, size_t count, float* memory) {
  const Attention& p = *group.p;
  QueryTile tile{};
  tile.p = group.p;
  tile.count = count;
  tile.q = memory;
  tile.total = memory + kTileRows * tile.key_dim();
  for (size_t i = 0; i < count; ++i) {
    const size_t row = group.row_of(first + i);
    const int64_t head = group.head_of(first + i);
    tile.visible[i] = format::visible_positions(p.rows[row], p.window);
    tile.sink[i] = p.sinks != nullptr ? p.sinks + head : nullptr;
    tile.out[i] = p.out + static_cast<int64_t>(row) * p.out_stride + head * p.cache.value_dim;
    const float* q = p.q + static_cast<int64_t>(row) * p.q_stride + head * p.cache.key_dim;
    for (size_t d = 0; d < tile.key_dim(); ++d) tile.q[d * count + i] = q[d];
  }
  return tile;
}

// The positions that some query of the tiles sees, all those between them included.
Range seen_by_any(std::span<const QueryTile> tiles) {
  Range seen{};
  for (const QueryTile& tile : tiles) {
    for (size_t i = 0; i < tile.count; ++i) {
      const Range& visible = tile.visible[i];
      if (visible.empty()) continue;
      seen = seen.empty() ? visible : Range{std::min(seen.begin, visible.begin), std::max(seen.end, visible.end)};
    }
  }
  return seen;
}

void attend_together(const QueryGroup& group, std::span<QueryTile> tiles, Workspace& workspace) {
  const Attention& p = *group.p;
  const Range seen = seen_by_any(tiles);
  if (p.cache.type != Dtype::f32) workspace.kv.resize(kSplit * static_cast<size_t>(p.cache.key_dim + p.cache.value_dim));
  SplitSource source{&p.cache, p.rows[group.first_row].block_table, group.kv_head, {}, workspace.kv.data()};
  for (int64_t begin = seen.begin / kAttentionSplit * kAttentionSplit; begin < seen.end; begin += kAttentionSplit) {
    source.positions = {std::max(begin, seen.begin), std::min(begin + kAttentionSplit, seen.end)};
    const SplitKv kv = read_split(source);
    for (QueryTile& tile : tiles) attend_split_any(tile, begin, kv);
  }
  for (QueryTile& tile : tiles) write_out(tile);
}

// Tiles begin .. end - 1 of the group's `tiles`, among which its queries are dealt out evenly: 8 queries are 4 + 4.
void attend_tiles(const QueryGroup& group, size_t begin, size_t end, size_t tiles, Workspace& workspace) {
  const KvCacheView& cache = group.p->cache;
  const size_t tile_floats = kTileRows * static_cast<size_t>(cache.key_dim + cache.value_dim);
  workspace.inputs.resize(kTilesTogether * tile_floats);
  workspace.scores.resize(kTileRows * (kSplit + static_cast<size_t>(cache.value_dim)));
  QueryTile together[kTilesTogether];
  for (size_t t = begin; t < end; ++t) {
    const size_t first = group.queries * t / tiles;
    QueryTile& tile = together[t - begin];
    tile = make_tile(group, first, group.queries * (t + 1) / tiles - first, workspace.inputs.data() + (t - begin) * tile_floats);
    tile.scores = workspace.scores.data();
    tile.o = tile.scores + kTileRows * kSplit;
  }
  attend_together(group, std::span(together).first(end - begin), workspace);
}

void attend_group(const QueryGroup& group, Workspace& workspace) {
  const size_t tiles = (group.queries + kTileRows - 1) / kTileRows;
  for (size_t t = 0; t < tiles; t += kTilesTogether) attend_tiles(group, t, std::min(t + kTilesTogether, tiles), tiles, workspace);
}

void run_attention(const Attention& p, Range heads, Workspace& workspace) {
  for (size_t row = 0, next = 0; row < p.rows.size(); row = next) {
    for (next = row + 1; next < p.rows.size() && p.rows[next].block_table == p.rows[row].block_table;) ++next;
    for (int64_t head = heads.begin, end = 0; head < heads.end; head = end) {
      const int64_t kv_head = head / p.heads_per_kv;
      end = std::min(heads.end, (kv_head + 1) * p.heads_per_kv);
      attend_group({&p, kv_head, {head, end}, row, (next - row) * static_cast<size_t>(end - head)}, workspace);
    }
  }
}

#endif  // HWY_SCALAR

}  // namespace yoke::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace yoke::kernels::cpu {

HWY_EXPORT(run_attention);

void attention(const Attention& p, Range heads, Workspace& workspace) {
  HWY_DYNAMIC_DISPATCH(run_attention)(p, heads, workspace);
}

}  // namespace yoke::kernels::cpu
#endif
