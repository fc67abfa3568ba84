// Attention over the paged cache. Up to 6 queries that share a KV head and a block table (heads of a group in decode, heads
// of several rows in prefill) form a tile, so that each load of K and V serves all of them; several tiles go through a split
// before the next one, so that its K and V are read from memory once.
#include "kernels/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/attention.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>

#include "kernels/cpu/attention_tile-inl.h"
#include "kernels/cpu/kernels.h"
#include "kernels/reference/reference_ops.h"

HWY_BEFORE_NAMESPACE();
namespace yoke::kernels::cpu::HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR
void run_attention(const Attention& p, Range kv_heads, Workspace& /*workspace*/) { reference::attention(p, kv_heads); }
#else

// Their queries and totals (50 KiB for head_dim 64) and one split's K and V (128 KiB) share L2.
inline constexpr size_t kTilesTogether = 16;

// Rows first_row .. that share a block table, under one KV head: query i is head i % heads_per_kv of row
// first_row + i / heads_per_kv.
struct QueryGroup {
  const Attention* p;
  int64_t kv_head;
  size_t first_row, queries;
};

// Query i of the tile is query first + i of the group; `memory` holds its q and its total.
QueryTile make_tile(const QueryGroup& group, size_t first, size_t count, float* memory) {
  const Attention& p = *group.p;
  const size_t width = static_cast<size_t>(p.cache.head_dim);
  QueryTile tile{};
  tile.p = group.p;
  tile.kv_head = group.kv_head;
  tile.block_table = p.rows[group.first_row].block_table;
  tile.count = count;
  tile.q = memory;
  tile.total = memory + kTileRows * width;
  for (size_t i = 0; i < count; ++i) {
    const size_t heads = static_cast<size_t>(p.heads_per_kv);
    const size_t row = group.first_row + (first + i) / heads;
    const size_t head = static_cast<size_t>(group.kv_head) * heads + (first + i) % heads;
    tile.end[i] = p.rows[row].position + 1;
    tile.out[i] = p.out + static_cast<int64_t>(row) * p.out_stride + head * width;
    const float* q = p.q + static_cast<int64_t>(row) * p.q_stride + head * width;
    for (size_t d = 0; d < width; ++d) tile.q[d * count + i] = q[d];
  }
  return tile;
}

// Tiles begin .. end - 1 of the group's `tiles`, among which its queries are dealt out evenly: 8 queries are 4 + 4.
void attend_tiles(const QueryGroup& group, size_t begin, size_t end, size_t tiles, Workspace& workspace) {
  const size_t width = static_cast<size_t>(group.p->cache.head_dim);
  const size_t tile_floats = 2 * kTileRows * width;
  workspace.inputs.resize(kTilesTogether * tile_floats);
  workspace.scores.resize(kTileRows * (kSplit + width));
  QueryTile together[kTilesTogether];
  int64_t last = 0;
  for (size_t t = begin; t < end; ++t) {
    const size_t first = group.queries * t / tiles;
    QueryTile& tile = together[t - begin];
    tile = make_tile(group, first, group.queries * (t + 1) / tiles - first, workspace.inputs.data() + (t - begin) * tile_floats);
    tile.scores = workspace.scores.data();
    tile.o = tile.scores + kTileRows * kSplit;
    last = std::max(last, *std::max_element(tile.end, tile.end + tile.count));
  }
  for (int64_t position = 0; position < last; position += kAttentionSplit) {
    for (size_t t = 0; t < end - begin; ++t) attend_split_any(together[t], position);
  }
  for (size_t t = 0; t < end - begin; ++t) write_out(together[t]);
}

void run_attention(const Attention& p, Range kv_heads, Workspace& workspace) {
  for (size_t row = 0, next = 0; row < p.rows.size(); row = next) {
    for (next = row + 1; next < p.rows.size() && p.rows[next].block_table == p.rows[row].block_table;) ++next;
    const size_t queries = (next - row) * static_cast<size_t>(p.heads_per_kv);
    const size_t tiles = (queries + kTileRows - 1) / kTileRows;
    for (int64_t kv_head = kv_heads.begin; kv_head < kv_heads.end; ++kv_head) {
      const QueryGroup group{&p, kv_head, row, queries};
      for (size_t t = 0; t < tiles; t += kTilesTogether) {
        attend_tiles(group, t, std::min(t + kTilesTogether, tiles), tiles, workspace);
      }
    }
  }
}

#endif  // HWY_SCALAR

}  // namespace yoke::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace yoke::kernels::cpu {

HWY_EXPORT(run_attention);

void attention(const Attention& p, Range kv_heads, Workspace& workspace) {
  HWY_DYNAMIC_DISPATCH(run_attention)(p, kv_heads, workspace);
}

}  // namespace yoke::kernels::cpu
#endif
