// What one element of the paged cache is worth, and how a value becomes one (kernels/ops.h states the rules).
#pragma once

#include <cstring>
#include <span>

#include "core/fp8.h"
#include "core/half.h"
#include "kernels/format/kv_block.h"

namespace yoke::kernels::format {

// Element `index` of a block's keys or values, without its scale.
inline float kv_code(Dtype type, const std::byte* codes, int64_t index) {
  if (type == Dtype::f8_e4m3) return f8_e4m3_to_f32(std::to_integer<uint8_t>(codes[index]));
  if (type == Dtype::i8) return static_cast<float>(std::to_integer<int8_t>(codes[index]));
  if (type == Dtype::f32) {
    float value;
    std::memcpy(&value, codes + index * 4, sizeof(value));
    return value;
  }
  uint16_t bits;
  std::memcpy(&bits, codes + index * 2, sizeof(bits));
  return type == Dtype::bf16 ? bf16_to_f32(bits) : f16_to_f32(bits);
}

inline float kv_key(const KvCacheView& cache, const KvHeadBlock& block, int64_t token, int64_t d) {
  const float code = kv_code(cache.type, block.keys, d * kKvBlockTokens + token);
  return block.key_scales != nullptr ? code * block.key_scales[token] : code;
}

inline float kv_value(const KvCacheView& cache, const KvHeadBlock& block, int64_t token, int64_t d) {
  const float code = kv_code(cache.type, block.values, token * cache.value_dim + d);
  return block.value_scales != nullptr ? code * block.value_scales[token] : code;
}

// The scale of one token's key or value. 0 where all of it is 0; NaN where some of it is, so that it is seen.
float kv_scale(Dtype type, std::span<const float> x);

// Writes `value` (of a token whose scale is `scale`) as element `index`.
void put_kv_code(Dtype type, float value, float scale, std::byte* codes, int64_t index);

}  // namespace yoke::kernels::format
