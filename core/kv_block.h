// What a block of the paged KV cache takes, by the cache's element type. Ledger, pool and kernels read the same numbers.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "core/units.h"

namespace yoke {

// f32, bf16, f16: the value. f8_e4m3 and i8: code * scale, one f32 scale a token and KV head for the key, one for the value
// (docs/bits.md rule 5).
constexpr bool is_kv_dtype(Dtype type) {
  return type == Dtype::f32 || type == Dtype::bf16 || type == Dtype::f16 || type == Dtype::f8_e4m3 || type == Dtype::i8;
}
constexpr bool kv_has_scales(Dtype type) { return type == Dtype::f8_e4m3 || type == Dtype::i8; }

struct KvShape {
  Dtype type = Dtype::f32;
  int64_t kv_heads = 0;
  int64_t key_dim = 0;
  int64_t value_dim = 0;

  // Bytes of kKvBlockTokens tokens of one KV head, of all of them.
  constexpr int64_t key_bytes() const { return key_dim * kKvBlockTokens * info(type).block_bytes; }
  constexpr int64_t value_bytes() const { return value_dim * kKvBlockTokens * info(type).block_bytes; }
  constexpr int64_t scale_bytes() const { return kv_has_scales(type) ? kKvBlockTokens * 4 : 0; }
  constexpr int64_t block_bytes() const { return round_up(kv_heads * (key_bytes() + value_bytes() + 2 * scale_bytes()), 64); }
};

}  // namespace yoke
