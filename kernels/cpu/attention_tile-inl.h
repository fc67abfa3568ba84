// Attention of one tile of queries over one split of the context; kernels/cpu/attention.cpp makes the tiles and goes over the
// splits. In the scores lanes run over tokens, in the weighted sum of values over features: nothing is summed across lanes.
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>

#include "kernels/cpu/attention_query-inl.h"
#include "kernels/cpu/elementary-inl.h"
#include "kernels/cpu/tile-inl.h"
#include "kernels/cpu/unroll.h"

#if defined(YOKE_KERNELS_CPU_ATTENTION_TILE_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef YOKE_KERNELS_CPU_ATTENTION_TILE_INL
#undef YOKE_KERNELS_CPU_ATTENTION_TILE_INL
#else
#define YOKE_KERNELS_CPU_ATTENTION_TILE_INL
#endif

HWY_BEFORE_NAMESPACE();
namespace yoke::kernels::cpu::HWY_NAMESPACE {

#if HWY_TARGET != HWY_SCALAR

template <size_t kRows, size_t kGroups>
HWY_INLINE void score_blocks(const QueryTile& tile, const Split& split, size_t first_token) {
  TileWeights<kGroups> keys{.columns = {}, .step = kBlock};
  for (size_t g = 0; g < kGroups; ++g) {
    keys.columns[g] = split.kv->keys[first_token / kBlock + g];
  }
  Tile<kRows, kGroups> products;
  products.multiply(keys, {.x = tile.q, .row_step = 1, .column_step = kRows}, tile.key_dim());
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
  size_t token = split.any_first / kBlock * kBlock;
  for (; token + kGroups * kBlock <= split.any_last; token += kGroups * kBlock) {
    score_blocks<kRows, kGroups>(tile, split, token);
  }
  for (; token < split.any_last; token += kBlock) score_blocks<kRows, 1>(tile, split, token);
}

// m = the maximum of a query's scores first .. last - 1, which become exp(score - m). Whole vectors: a few that it does not see
// change too.
inline float exponentiate(float* scores, size_t first, size_t last) {
  float m = scores[first];
  size_t t = first;
  for (; t < last && t % kLanes != 0; ++t) m = std::max(m, scores[t]);
  if (t + kLanes <= last) {
    V lanes = load(scores + t);
    for (; t + kLanes <= last; t += kLanes) lanes = hn::Max(lanes, load(scores + t));
    float maxima[kLanes];
    store(lanes, maxima);
    m = std::max(m, *std::max_element(maxima, maxima + kLanes));
  }
  for (; t < last; ++t) m = std::max(m, scores[t]);
  for (t = first - first % kLanes; t < last; t += kLanes) store(exp(hn::Sub(load(scores + t), broadcast(m))), scores + t);
  return m;
}

// l of each query: a chain of additions in ascending position; the queries' chains run side by side.
template <size_t kRows>
void sum_weights(QueryTile& tile, const Split& split) {
  float sums[kRows] = {};
  for (size_t r = 0; r < kRows; ++r) {
    for (size_t t = split.first[r]; t < split.head_end(r); ++t) sums[r] += tile.scores[r * kSplit + t];
  }
  for (size_t t = split.common_first; t < split.common_last; ++t) {
    YOKE_UNROLL(8)
    for (size_t r = 0; r < kRows; ++r) sums[r] += tile.scores[r * kSplit + t];
  }
  for (size_t r = 0; r < kRows; ++r) {
    for (size_t t = split.common_last; t < split.last[r]; ++t) sums[r] += tile.scores[r * kSplit + t];
    tile.l[r] = sums[r];
  }
}

// o over the positions that all queries of the tile see, for the features of kGroups groups of 16; it goes on from what those
// before gave.
template <size_t kRows, size_t kGroups>
HWY_INLINE void weigh_together(const QueryTile& tile, const Split& split, size_t feature) {
  Tile<kRows, kGroups> sums;
  if (split.uneven) {
    YOKE_UNROLL(8)
    for (size_t r = 0; r < kRows; ++r) {
      YOKE_UNROLL(16)
      for (size_t i = 0; i < sums.kVectors; ++i) sums.acc[r][i] = load(tile.o + r * tile.value_dim() + feature + i * kLanes);
    }
  }
  for (size_t t = split.common_first, next = 0; t < split.common_last; t = next) {
    next = std::min(split.common_last, (t / kBlock + 1) * kBlock);
    const float* v = split.kv->values[t / kBlock] + t % kBlock * tile.value_dim() + feature;
    TileWeights<kGroups> values{.columns = {}, .step = tile.value_dim()};
    for (size_t g = 0; g < kGroups; ++g) values.columns[g] = v + g * kPanel;
    sums.multiply(values, {.x = tile.scores + t, .row_step = kSplit, .column_step = 1}, next - t);
  }
  YOKE_UNROLL(8)
  for (size_t r = 0; r < kRows; ++r) {
    YOKE_UNROLL(16)
    for (size_t i = 0; i < sums.kVectors; ++i) store(sums.acc[r][i], tile.o + r * tile.value_dim() + feature + i * kLanes);
  }
}

// One query's o from feature `feature` on, going on with the positions `begin` .. `end` of the split.
inline void weigh_alone(const QueryTile& tile, const Split& split, size_t query, size_t feature, size_t begin, size_t end) {
  float* o = tile.o + query * tile.value_dim();
  for (size_t t = begin; t < end; ++t) {
    const float* v = split.kv->values[t / kBlock] + t % kBlock * tile.value_dim();
    const float weight = tile.scores[query * kSplit + t];
    size_t d = feature;
    for (; d + kLanes <= tile.value_dim(); d += kLanes) store(fma(broadcast(weight), load(v + d), load(o + d)), o + d);
    for (; d < tile.value_dim(); ++d) o[d] = std::fma(weight, v[d], o[d]);
  }
}

template <size_t kRows>
void weigh_values(const QueryTile& tile, const Split& split) {
  constexpr size_t kGroups = tile_groups(kRows);
  for (size_t r = 0; r < kRows && split.uneven; ++r) {
    std::fill_n(tile.o + r * tile.value_dim(), tile.value_dim(), 0.0f);
    weigh_alone(tile, split, r, 0, split.first[r], split.head_end(r));
  }
  size_t feature = 0;
  for (; feature + kGroups * kPanel <= tile.value_dim(); feature += kGroups * kPanel) {
    weigh_together<kRows, kGroups>(tile, split, feature);
  }
  for (; feature + kPanel <= tile.value_dim(); feature += kPanel) weigh_together<kRows, 1>(tile, split, feature);
  for (size_t r = 0; r < kRows; ++r) {
    if (!split.uneven) std::fill(tile.o + r * tile.value_dim() + feature, tile.o + (r + 1) * tile.value_dim(), 0.0f);
    weigh_alone(tile, split, r, feature, split.common_first, split.common_last);
    weigh_alone(tile, split, r, 0, split.common_last, split.last[r]);
  }
}

// total = total * keep + o * join, the first with fma.
inline void combine(QueryTile& tile, size_t query) {
  const float m = std::max(tile.total_m[query], tile.m[query]);
  const V keep = exp(broadcast(tile.total_m[query] - m));
  const V join = exp(broadcast(tile.m[query] - m));
  tile.total_m[query] = m;
  tile.total_l[query] = std::fma(tile.total_l[query], hn::GetLane(keep), tile.l[query] * hn::GetLane(join));
  float* total = tile.total + query * tile.value_dim();
  const float* o = tile.o + query * tile.value_dim();
  size_t d = 0;
  for (; d + kLanes <= tile.value_dim(); d += kLanes) {
    store(fma(load(total + d), keep, hn::Mul(load(o + d), join)), total + d);
  }
  for (; d < tile.value_dim(); ++d) total[d] = std::fma(total[d], hn::GetLane(keep), o[d] * hn::GetLane(join));
}

inline void start_or_combine(QueryTile& tile, size_t query) {
  if (tile.started[query]) return combine(tile, query);
  tile.started[query] = true;
  tile.total_m[query] = tile.m[query];
  tile.total_l[query] = tile.l[query];
  std::copy_n(tile.o + query * tile.value_dim(), tile.value_dim(), tile.total + query * tile.value_dim());
}

template <size_t kRows>
void attend_split(QueryTile& tile, const Split& split) {
  score<kRows>(tile, split);
  for (size_t r = 0; r < kRows; ++r) {
    if (split.sees(r)) tile.m[r] = exponentiate(tile.scores + r * kSplit, split.first[r], split.last[r]);
  }
  sum_weights<kRows>(tile, split);
  weigh_values<kRows>(tile, split);
  for (size_t r = 0; r < kRows; ++r) {
    if (split.sees(r)) start_or_combine(tile, r);
  }
}

// The split that begins at position `begin`.
inline void attend_split_any(QueryTile& tile, int64_t begin, const SplitKv& kv) {
  static_assert(kTileRows == 6);
  const Split split = split_at(tile, begin, kv);
  if (split.any_last == 0) return;
  switch (tile.count) {
    case 1: return attend_split<1>(tile, split);
    case 2: return attend_split<2>(tile, split);
    case 3: return attend_split<3>(tile, split);
    case 4: return attend_split<4>(tile, split);
    case 5: return attend_split<5>(tile, split);
    default: return attend_split<6>(tile, split);
  }
}

// A split of one score without a value.
inline void join_sink(QueryTile& tile, size_t query) {
  tile.m[query] = *tile.sink[query];
  tile.l[query] = 1.0f;
  std::fill_n(tile.o + query * tile.value_dim(), tile.value_dim(), 0.0f);
  combine(tile, query);
}

inline void write_out(QueryTile& tile) {
  const size_t width = tile.value_dim();
  for (size_t r = 0; r < tile.count; ++r) {
    if (!tile.started[r]) {  // it sees nothing
      std::fill_n(tile.out[r], width, 0.0f);
      continue;
    }
    if (tile.sink[r] != nullptr) join_sink(tile, r);
    for (size_t d = 0; d < width; ++d) tile.out[r][d] = tile.total[r * width + d] / tile.total_l[r];
  }
}

#endif  // HWY_SCALAR

}  // namespace yoke::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
