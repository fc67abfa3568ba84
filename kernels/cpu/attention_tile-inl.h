// Attention of one tile of queries over one split of the context; kernels/cpu/attention.cpp makes the tiles and goes over the
// splits. In the scores lanes run over tokens, in the weighted sum of values over features: nothing is summed across lanes.
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>

#include "kernels/cpu/elementary-inl.h"
#include "kernels/cpu/tile-inl.h"
#include "kernels/cpu/unroll.h"
#include "kernels/format/kv_block.h"

#if defined(YOKE_KERNELS_CPU_ATTENTION_TILE_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef YOKE_KERNELS_CPU_ATTENTION_TILE_INL
#undef YOKE_KERNELS_CPU_ATTENTION_TILE_INL
#else
#define YOKE_KERNELS_CPU_ATTENTION_TILE_INL
#endif

HWY_BEFORE_NAMESPACE();
namespace yoke::kernels::cpu::HWY_NAMESPACE {

#if HWY_TARGET != HWY_SCALAR

inline constexpr size_t kSplit = static_cast<size_t>(kAttentionSplit);
inline constexpr size_t kBlock = static_cast<size_t>(kKvBlockTokens);
static_assert(kBlock == kPanel);  // a block's keys are one group of 16 outputs

// Up to kTileRows queries of one KV head over one block table, and what they have gathered so far.
struct QueryTile {
  const Attention* p;
  int64_t kv_head;
  const int32_t* block_table;
  size_t count = 0;
  int64_t end[kTileRows];  // positions that query i sees: 0 .. end[i] - 1
  float* out[kTileRows];
  float* q;       // [head_dim, count]
  float* scores;  // [count, 256]; later exp(score - m)
  float* o;       // [count, head_dim]: of the split at hand
  float* total;   // [count, head_dim]: of all splits before it
  float m[kTileRows], l[kTileRows];
  float total_m[kTileRows], total_l[kTileRows];

  size_t head_dim() const { return static_cast<size_t>(p->cache.head_dim); }
};

// One split: 256 positions or, at the end of the context, fewer.
struct Split {
  int64_t begin;
  size_t visible[kTileRows];  // how many of its positions query i sees
  size_t common, most;        // the fewest and the most of them
};

inline Split split_at(const QueryTile& tile, int64_t begin) {
  Split split{.begin = begin, .visible = {}, .common = kSplit, .most = 0};
  for (size_t i = 0; i < tile.count; ++i) {
    split.visible[i] = static_cast<size_t>(std::clamp<int64_t>(tile.end[i] - begin, 0, kAttentionSplit));
    split.common = std::min(split.common, split.visible[i]);
    split.most = std::max(split.most, split.visible[i]);
  }
  return split;
}

inline int64_t block_of(const QueryTile& tile, const Split& split, size_t token) {
  return tile.block_table[split.begin / kKvBlockTokens + static_cast<int64_t>(token / kBlock)];
}

template <size_t kRows, size_t kGroups>
HWY_INLINE void score_blocks(const QueryTile& tile, const Split& split, size_t first_token) {
  TileWeights<kGroups> keys{.columns = {}, .step = kBlock};
  for (size_t g = 0; g < kGroups; ++g) {
    keys.columns[g] = format::key_block(tile.p->cache, block_of(tile, split, first_token + g * kBlock), tile.kv_head);
  }
  Tile<kRows, kGroups> products;
  products.multiply(keys, {.x = tile.q, .row_step = 1, .column_step = kRows}, tile.head_dim());
  const V scale = broadcast(tile.p->scale);
  YOKE_UNROLL(8)
  for (size_t r = 0; r < kRows; ++r) {
    YOKE_UNROLL(16)
    for (size_t v = 0; v < products.kVectors; ++v) {
      store(hn::Mul(products.acc[r][v], scale), tile.scores + r * kSplit + first_token + v * kLanes);
    }
  }
}

// Scores of whole blocks: those of positions that a query does not see are written too, and never read.
template <size_t kRows>
void score(const QueryTile& tile, const Split& split) {
  constexpr size_t kGroups = tile_groups(kRows);
  size_t token = 0;
  for (; token + kGroups * kBlock <= split.most; token += kGroups * kBlock) {
    score_blocks<kRows, kGroups>(tile, split, token);
  }
  for (; token < split.most; token += kBlock) score_blocks<kRows, 1>(tile, split, token);
}

// m = the maximum of a query's scores; scores become exp(score - m).
inline float exponentiate(float* scores, size_t visible) {
  V lanes = broadcast(scores[0]);
  size_t whole = 0;
  for (; whole + kLanes <= visible; whole += kLanes) lanes = hn::Max(lanes, load(scores + whole));
  float maxima[kLanes];
  store(lanes, maxima);
  float m = *std::max_element(maxima, maxima + kLanes);
  for (size_t t = whole; t < visible; ++t) m = std::max(m, scores[t]);
  for (size_t t = 0; t < visible; t += kLanes) store(exp(hn::Sub(load(scores + t), broadcast(m))), scores + t);
  return m;
}

// l of each query: a chain of additions in ascending position; the queries' chains run side by side.
template <size_t kRows>
void sum_weights(QueryTile& tile, const Split& split) {
  float sums[kRows] = {};
  for (size_t t = 0; t < split.common; ++t) {
    YOKE_UNROLL(8)
    for (size_t r = 0; r < kRows; ++r) sums[r] += tile.scores[r * kSplit + t];
  }
  for (size_t r = 0; r < kRows; ++r) {
    for (size_t t = split.common; t < split.visible[r]; ++t) sums[r] += tile.scores[r * kSplit + t];
    tile.l[r] = sums[r];
  }
}

// o over the positions that all queries of the tile see, for the features of kGroups groups of 16.
template <size_t kRows, size_t kGroups>
HWY_INLINE void weigh_together(const QueryTile& tile, const Split& split, size_t feature) {
  Tile<kRows, kGroups> sums;
  for (size_t t = 0; t < split.common; t += kBlock) {
    const float* v = format::value_block(tile.p->cache, block_of(tile, split, t), tile.kv_head) + feature;
    TileWeights<kGroups> values{.columns = {}, .step = tile.head_dim()};
    for (size_t g = 0; g < kGroups; ++g) values.columns[g] = v + g * kPanel;
    sums.multiply(values, {.x = tile.scores + t, .row_step = kSplit, .column_step = 1}, std::min(kBlock, split.common - t));
  }
  YOKE_UNROLL(8)
  for (size_t r = 0; r < kRows; ++r) {
    YOKE_UNROLL(16)
    for (size_t i = 0; i < sums.kVectors; ++i) store(sums.acc[r][i], tile.o + r * tile.head_dim() + feature + i * kLanes);
  }
}

// One query's o from feature `feature` on, going on with the positions `begin` .. `end` of the split.
inline void weigh_alone(const QueryTile& tile, const Split& split, size_t query, size_t feature, size_t begin, size_t end) {
  float* o = tile.o + query * tile.head_dim();
  for (size_t t = begin; t < end; ++t) {
    const float* v = format::value_block(tile.p->cache, block_of(tile, split, t), tile.kv_head) + t % kBlock * tile.head_dim();
    const float weight = tile.scores[query * kSplit + t];
    size_t d = feature;
    for (; d + kLanes <= tile.head_dim(); d += kLanes) store(fma(broadcast(weight), load(v + d), load(o + d)), o + d);
    for (; d < tile.head_dim(); ++d) o[d] = std::fma(weight, v[d], o[d]);
  }
}

template <size_t kRows>
void weigh_values(const QueryTile& tile, const Split& split) {
  constexpr size_t kGroups = tile_groups(kRows);
  size_t feature = 0;
  for (; feature + kGroups * kPanel <= tile.head_dim(); feature += kGroups * kPanel) {
    weigh_together<kRows, kGroups>(tile, split, feature);
  }
  for (; feature + kPanel <= tile.head_dim(); feature += kPanel) weigh_together<kRows, 1>(tile, split, feature);
  for (size_t r = 0; r < kRows; ++r) {
    std::fill(tile.o + r * tile.head_dim() + feature, tile.o + (r + 1) * tile.head_dim(), 0.0f);
    weigh_alone(tile, split, r, feature, 0, split.common);
    weigh_alone(tile, split, r, 0, split.common, split.visible[r]);
  }
}

// total = total * keep + o * join, the first with fma.
inline void combine(QueryTile& tile, size_t query) {
  const float m = std::max(tile.total_m[query], tile.m[query]);
  const V keep = exp(broadcast(tile.total_m[query] - m));
  const V join = exp(broadcast(tile.m[query] - m));
  tile.total_m[query] = m;
  tile.total_l[query] = std::fma(tile.total_l[query], hn::GetLane(keep), tile.l[query] * hn::GetLane(join));
  float* total = tile.total + query * tile.head_dim();
  const float* o = tile.o + query * tile.head_dim();
  size_t d = 0;
  for (; d + kLanes <= tile.head_dim(); d += kLanes) {
    store(fma(load(total + d), keep, hn::Mul(load(o + d), join)), total + d);
  }
  for (; d < tile.head_dim(); ++d) total[d] = std::fma(total[d], hn::GetLane(keep), o[d] * hn::GetLane(join));
}

inline void start_or_combine(QueryTile& tile, size_t query, bool first) {
  if (!first) return combine(tile, query);
  tile.total_m[query] = tile.m[query];
  tile.total_l[query] = tile.l[query];
  std::copy_n(tile.o + query * tile.head_dim(), tile.head_dim(), tile.total + query * tile.head_dim());
}

template <size_t kRows>
void attend_split(QueryTile& tile, int64_t begin) {
  const Split split = split_at(tile, begin);
  if (split.most == 0) return;
  score<kRows>(tile, split);
  for (size_t r = 0; r < kRows; ++r) {
    if (split.visible[r] > 0) tile.m[r] = exponentiate(tile.scores + r * kSplit, split.visible[r]);
  }
  sum_weights<kRows>(tile, split);
  weigh_values<kRows>(tile, split);
  for (size_t r = 0; r < kRows; ++r) {
    if (split.visible[r] > 0) start_or_combine(tile, r, begin == 0);
  }
}

inline void attend_split_any(QueryTile& tile, int64_t begin) {
  static_assert(kTileRows == 6);
  switch (tile.count) {
    case 1: return attend_split<1>(tile, begin);
    case 2: return attend_split<2>(tile, begin);
    case 3: return attend_split<3>(tile, begin);
    case 4: return attend_split<4>(tile, begin);
    case 5: return attend_split<5>(tile, begin);
    default: return attend_split<6>(tile, begin);
  }
}

inline void write_out(const QueryTile& tile) {
  for (size_t r = 0; r < tile.count; ++r) {
    for (size_t d = 0; d < tile.head_dim(); ++d) tile.out[r][d] = tile.total[r * tile.head_dim() + d] / tile.total_l[r];
  }
}

#endif  // HWY_SCALAR

}  // namespace yoke::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
