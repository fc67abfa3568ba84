// The paged cache and the rows of a batch as kernels take them (kernels/ops.h: KvCacheView, RowPlace).
#pragma once

#include <cstdint>

namespace yoke::kernels::cuda {

enum class KvType : uint8_t { f32, bf16, f16, e4m3, i8 };

struct KvParams {
  unsigned char* data;
  int64_t block_bytes;
  int32_t kv_heads, key_dim, value_dim;
  KvType type;
};

struct RowPlaceData {  // laid out as RowPlace
  const int32_t* block_table;
  int64_t position, end;
};

}  // namespace yoke::kernels::cuda
