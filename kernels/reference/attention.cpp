#include <algorithm>
#include <cmath>
#include <vector>

#include "core/error.h"
#include "kernels/elementary.h"
#include "kernels/format/kv_code.h"
#include "kernels/reference/reference_ops.h"

namespace yoke::kernels::reference {
namespace {

// What a stretch of the context contributes to one query: maximum of its scores, sum of exp, weighted sum of values.
struct Partial {
  float m = 0;
  float l = 0;
  std::vector<float> o;
};

struct Query {
  const float* q;
  const RowPlace* place;
  int64_t head;
  int64_t kv_head;
};

format::KvHeadBlock block_at(const Attention& p, const Query& query, int64_t position) {
  return format::kv_head_block(p.cache, query.place->block_table[position / kKvBlockTokens], query.kv_head);
}

float score(const Attention& p, const Query& query, int64_t position) {
  const format::KvHeadBlock block = block_at(p, query, position);
  float sum = 0;
  for (int64_t d = 0; d < p.cache.key_dim; ++d) {
    sum = std::fma(query.q[d], format::kv_key(p.cache, block, position % kKvBlockTokens, d), sum);
  }
  return sum * p.scale;
}

Partial attend(const Attention& p, const Query& query, Range positions) {
  std::vector<float> scores;
  for (int64_t t = positions.begin; t < positions.end; ++t) scores.push_back(score(p, query, t));
  Partial part{.m = *std::max_element(scores.begin(), scores.end()),
               .o = std::vector<float>(static_cast<size_t>(p.cache.value_dim), 0.0f)};
  for (int64_t t = positions.begin; t < positions.end; ++t) {
    const float weight = exp_f32(scores[static_cast<size_t>(t - positions.begin)] - part.m);
    const format::KvHeadBlock block = block_at(p, query, t);
    part.l = part.l + weight;
    for (int64_t d = 0; d < p.cache.value_dim; ++d) {
      float& o = part.o[static_cast<size_t>(d)];
      o = std::fma(weight, format::kv_value(p.cache, block, t % kKvBlockTokens, d), o);
    }
  }
  return part;
}

void combine(Partial& left, const Partial& right) {
  const float m = std::max(left.m, right.m);
  const float keep = exp_f32(left.m - m);
  const float join = exp_f32(right.m - m);
  left.m = m;
  left.l = std::fma(left.l, keep, right.l * join);
  for (size_t d = 0; d < left.o.size(); ++d) left.o[d] = std::fma(left.o[d], keep, right.o[d] * join);
}

// A row that sees nothing is +0.
void attend_all(const Attention& p, const Query& query, float* out) {
  const Range visible = format::visible_positions(*query.place, p.window);
  std::fill_n(out, p.cache.value_dim, 0.0f);
  if (visible.empty()) return;
  Partial total;
  for (int64_t begin = visible.begin, end; begin < visible.end; begin = end) {
    end = std::min(visible.end, (begin / kAttentionSplit + 1) * kAttentionSplit);
    Partial part = attend(p, query, {begin, end});
    if (begin == visible.begin) {
      total = std::move(part);
    } else {
      combine(total, part);
    }
  }
  if (p.sinks != nullptr) combine(total, {p.sinks[query.head], 1.0f, std::vector<float>(total.o.size(), 0.0f)});
  for (size_t d = 0; d < total.o.size(); ++d) out[d] = total.o[d] / total.l;
}

}  // namespace

void attention(const Attention& p, Range heads) {
  YOKE_ASSERT(!kv_type_name(p.cache.type).empty());
  for (size_t r = 0; r < p.rows.size(); ++r) {
    for (int64_t h = heads.begin; h < heads.end; ++h) {
      const Query query{p.q + static_cast<int64_t>(r) * p.q_stride + h * p.cache.key_dim, &p.rows[r], h, h / p.heads_per_kv};
      attend_all(p, query, p.out + static_cast<int64_t>(r) * p.out_stride + h * p.cache.value_dim);
    }
  }
}

}  // namespace yoke::kernels::reference
