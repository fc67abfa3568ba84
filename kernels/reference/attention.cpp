#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/elementary.h"
#include "kernels/format/kv_block.h"
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
  int64_t kv_head;
};

float score(const Attention& p, const Query& query, int64_t position) {
  const int64_t block = query.place->block_table[position / kKvBlockTokens];
  const float* k = format::key_block(p.cache, block, query.kv_head) + position % kKvBlockTokens;
  float sum = 0;
  for (int64_t d = 0; d < p.cache.head_dim; ++d) sum = std::fma(query.q[d], k[d * kKvBlockTokens], sum);
  return sum * p.scale;
}

Partial attend(const Attention& p, const Query& query, int64_t begin, int64_t end) {
  std::vector<float> scores;
  for (int64_t t = begin; t < end; ++t) scores.push_back(score(p, query, t));
  Partial part{.m = *std::max_element(scores.begin(), scores.end()),
               .o = std::vector<float>(static_cast<size_t>(p.cache.head_dim), 0.0f)};
  for (int64_t t = begin; t < end; ++t) {
    const float weight = exp_f32(scores[static_cast<size_t>(t - begin)] - part.m);
    const int64_t block = query.place->block_table[t / kKvBlockTokens];
    const float* v = format::value_block(p.cache, block, query.kv_head) + t % kKvBlockTokens * p.cache.head_dim;
    part.l = part.l + weight;
    for (size_t d = 0; d < part.o.size(); ++d) part.o[d] = std::fma(weight, v[d], part.o[d]);
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

void attend_all(const Attention& p, const Query& query, float* out) {
  const int64_t end = query.place->position + 1;
  Partial total = attend(p, query, 0, std::min(end, kAttentionSplit));
  for (int64_t begin = kAttentionSplit; begin < end; begin += kAttentionSplit) {
    combine(total, attend(p, query, begin, std::min(end, begin + kAttentionSplit)));
  }
  for (size_t d = 0; d < total.o.size(); ++d) out[d] = total.o[d] / total.l;
}

}  // namespace

void kv_append(const KvAppend& p) {
  const int64_t head_dim = p.cache.head_dim;
  for (size_t r = 0; r < p.rows.size(); ++r) {
    const int64_t block = p.rows[r].block_table[p.rows[r].position / kKvBlockTokens];
    const int64_t token = p.rows[r].position % kKvBlockTokens;
    for (int64_t h = 0; h < p.cache.kv_heads; ++h) {
      const int64_t source = static_cast<int64_t>(r) * p.stride + h * head_dim;
      float* keys = format::key_block(p.cache, block, h) + token;
      float* values = format::value_block(p.cache, block, h) + token * head_dim;
      for (int64_t d = 0; d < head_dim; ++d) keys[d * kKvBlockTokens] = p.k[source + d];
      std::memcpy(values, p.v + source, static_cast<size_t>(head_dim) * sizeof(float));
    }
  }
}

void attention(const Attention& p, Range kv_heads) {
  const int64_t head_dim = p.cache.head_dim;
  for (size_t r = 0; r < p.rows.size(); ++r) {
    for (int64_t h = kv_heads.begin * p.heads_per_kv; h < kv_heads.end * p.heads_per_kv; ++h) {
      const Query query{p.q + static_cast<int64_t>(r) * p.q_stride + h * head_dim, &p.rows[r], h / p.heads_per_kv};
      attend_all(p, query, p.out + static_cast<int64_t>(r) * p.out_stride + h * head_dim);
    }
  }
}

}  // namespace yoke::kernels::reference
