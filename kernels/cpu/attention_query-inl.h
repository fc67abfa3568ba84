// A tile of queries and what each of them sees of one split of the context.
#include <hwy/highway.h>

#include <algorithm>

#include "kernels/cpu/attention_split-inl.h"
#include "kernels/cpu/tile-inl.h"

#if defined(YOKE_KERNELS_CPU_ATTENTION_QUERY_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef YOKE_KERNELS_CPU_ATTENTION_QUERY_INL
#undef YOKE_KERNELS_CPU_ATTENTION_QUERY_INL
#else
#define YOKE_KERNELS_CPU_ATTENTION_QUERY_INL
#endif

HWY_BEFORE_NAMESPACE();
namespace yoke::kernels::cpu::HWY_NAMESPACE {

#if HWY_TARGET != HWY_SCALAR

// Up to kTileRows queries of one KV head over one block table, and what they have gathered so far.
struct QueryTile {
  const Attention* p;
  size_t count = 0;
  Range visible[kTileRows];  // positions that query i sees
  const float* sink[kTileRows];  // null: none
  float* out[kTileRows];
  float* q;       // [key_dim, count]
  float* scores;  // [count, 256]; later exp(score - m)
  float* o;       // [count, value_dim]: of the split at hand
  float* total;   // [count, value_dim]: of all splits before it
  float m[kTileRows], l[kTileRows];
  float total_m[kTileRows], total_l[kTileRows];
  bool started[kTileRows];  // whether any split came before

  size_t key_dim() const { return static_cast<size_t>(p->cache.key_dim); }
  size_t value_dim() const { return static_cast<size_t>(p->cache.value_dim); }
};

// One split: its positions are counted from its begin. Query i sees first[i] .. last[i] - 1: those before common_first alone, then
// up to common_last together with all others, then the rest alone.
struct Split {
  const SplitKv* kv;
  size_t first[kTileRows], last[kTileRows];
  size_t common_first = 0, common_last = kSplit;  // both kSplit where no position is common
  size_t any_first = kSplit, any_last = 0;        // what at least one of them sees
  bool uneven = false;                            // somebody sees a position before common_first

  bool sees(size_t query) const { return first[query] < last[query]; }
  size_t head_end(size_t query) const { return std::min(common_first, last[query]); }
};

inline Split split_at(const QueryTile& tile, int64_t begin, const SplitKv& kv) {
  Split split{.kv = &kv, .first = {}, .last = {}};
  for (size_t i = 0; i < tile.count; ++i) {
    split.first[i] = static_cast<size_t>(std::clamp<int64_t>(tile.visible[i].begin - begin, 0, kAttentionSplit));
    split.last[i] = static_cast<size_t>(std::clamp<int64_t>(tile.visible[i].end - begin, 0, kAttentionSplit));
    split.common_first = std::max(split.common_first, split.first[i]);
    split.common_last = std::min(split.common_last, split.last[i]);
    if (!split.sees(i)) continue;
    split.any_first = std::min(split.any_first, split.first[i]);
    split.any_last = std::max(split.any_last, split.last[i]);
  }
  if (split.common_first >= split.common_last) split.common_first = split.common_last = kSplit;
  for (size_t i = 0; i < tile.count; ++i) split.uneven = split.uneven || split.first[i] < split.head_end(i);
  return split;
}

#endif  // HWY_SCALAR

}  // namespace yoke::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
