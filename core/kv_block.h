// What a block of the paged KV cache takes, by the cache's element type. Ledger, pool and kernels read the same numbers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/dtype.h"
#include "core/units.h"

namespace yoke {

// f32, bf16, f16: the value. f8_e4m3 and i8: code * scale, one f32 scale a token and KV head for the key, one for the value
// (docs/bits.md rule 5).
constexpr bool kv_has_scales(Dtype type) { return type == Dtype::f8_e4m3 || type == Dtype::i8; }

// As --kv names them.
struct KvTypeName {
  Dtype type;
  std::string_view name;
};
inline constexpr KvTypeName kKvTypes[] = {
    {Dtype::f32, "f32"}, {Dtype::bf16, "bf16"}, {Dtype::f16, "f16"}, {Dtype::f8_e4m3, "fp8"}, {Dtype::i8, "int8"}};

constexpr std::string_view kv_type_name(Dtype type) {
  for (const KvTypeName& row : kKvTypes) {
    if (row.type == type) return row.name;
  }
  return {};
}

std::vector<std::string> kv_type_names();
// Error{invalid_argument} lists the names.
Dtype kv_type_named(std::string_view name);

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
