#include <cstring>

#include "core/error.h"
#include "kernels/format/kv_code.h"
#include "kernels/reference/reference_ops.h"

namespace yoke::kernels::reference {
namespace {

struct Token {
  const KvCacheView& cache;
  format::KvHeadBlock block;
  int64_t place;  // in the block
};

void append_key(const Token& token, const float* k) {
  const KvShape& shape = token.cache;
  float scale = 0;
  if (kv_has_scales(shape.type)) {
    scale = format::kv_scale(shape.type, {k, static_cast<size_t>(shape.key_dim)});
    token.block.key_scales[token.place] = scale;
  }
  for (int64_t d = 0; d < shape.key_dim; ++d) {
    format::put_kv_code(shape.type, k[d], scale, token.block.keys, d * kKvBlockTokens + token.place);
  }
}

void append_value(const Token& token, const float* v) {
  const KvShape& shape = token.cache;
  float scale = 0;
  if (kv_has_scales(shape.type)) {
    scale = format::kv_scale(shape.type, {v, static_cast<size_t>(shape.value_dim)});
    token.block.value_scales[token.place] = scale;
  }
  for (int64_t d = 0; d < shape.value_dim; ++d) {
    format::put_kv_code(shape.type, v[d], scale, token.block.values, token.place * shape.value_dim + d);
  }
}

}  // namespace

void kv_append(const KvAppend& p) {
  YOKE_ASSERT(!kv_type_name(p.cache.type).empty());
  for (size_t r = 0; r < p.rows.size(); ++r) {
    if (p.rows[r].end == 0) continue;
    const int64_t position = p.rows[r].position;
    const int64_t block = p.rows[r].block_table[position / kKvBlockTokens];
    for (int64_t h = 0; h < p.cache.kv_heads; ++h) {
      const Token token{p.cache, format::kv_head_block(p.cache, block, h), position % kKvBlockTokens};
      append_key(token, p.k + static_cast<int64_t>(r) * p.k_stride + h * p.cache.key_dim);
      append_value(token, p.v + static_cast<int64_t>(r) * p.v_stride + h * p.cache.value_dim);
    }
  }
}

}  // namespace yoke::kernels::reference
