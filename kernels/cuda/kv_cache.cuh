// Elements of the paged cache: where they lie (kernels/format/kv_block.h), what they are worth and how a value becomes one
// (kernels/format/kv_code.h), bit for bit.
#pragma once

#include <cstdint>

#include "kernels/cuda/kv_params.h"
#include "kernels/cuda/weight_codes.cuh"

namespace yoke::kernels::cuda {

constexpr int32_t kBlockTokens = 16;

constexpr bool has_scales(KvType type) { return type == KvType::e4m3 || type == KvType::i8; }
constexpr int32_t element_bytes(KvType type) { return type == KvType::f32 ? 4 : has_scales(type) ? 1 : 2; }

struct KvHead {
  unsigned char* keys;
  unsigned char* values;
  float* key_scales;
  float* value_scales;
};

template <KvType kType>
__device__ __forceinline__ KvHead kv_head_of(const KvParams& cache, int64_t block, int32_t head) {
  const int64_t key_bytes = int64_t{cache.key_dim} * kBlockTokens * element_bytes(kType);
  const int64_t value_bytes = int64_t{cache.value_dim} * kBlockTokens * element_bytes(kType);
  unsigned char* keys = cache.data + block * cache.block_bytes;
  unsigned char* values = keys + cache.kv_heads * key_bytes;
  KvHead at{keys + head * key_bytes, values + head * value_bytes, nullptr, nullptr};
  if constexpr (has_scales(kType)) {
    at.key_scales = reinterpret_cast<float*>(values + cache.kv_heads * value_bytes) + head * kBlockTokens;
    at.value_scales = at.key_scales + cache.kv_heads * kBlockTokens;
  }
  return at;
}

// Without its scale.
template <KvType kType>
__device__ __forceinline__ float kv_code(const unsigned char* codes, int64_t index) {
  if constexpr (kType == KvType::f32) return reinterpret_cast<const float*>(codes)[index];
  if constexpr (kType == KvType::bf16) return from_bf16_bits(reinterpret_cast<const unsigned short*>(codes)[index]);
  if constexpr (kType == KvType::f16) return from_f16_bits(reinterpret_cast<const unsigned short*>(codes)[index]);
  if constexpr (kType == KvType::e4m3) return from_e4m3_bits(codes[index]);
  return static_cast<float>(reinterpret_cast<const signed char*>(codes)[index]);
}

__device__ __forceinline__ uint32_t to_bf16_bits(float value) {
  const uint32_t bits = __float_as_uint(value);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return (bits >> 16) | 0x40u;
  return (bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16;
}

// By adding, below the smallest normal number, what leaves the multiple of its last place in the mantissa (core/half.h).
__device__ __forceinline__ uint32_t to_f16_bits(float value) {
  const uint32_t bits = __float_as_uint(value), sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7FFFFFFFu;
  if (magnitude > 0x7F800000u) return sign | 0x7E00u;
  if (magnitude >= 0x477FF000u) return sign | 0x7C00u;
  if (magnitude < 0x38800000u) return sign | (__float_as_uint(__uint_as_float(magnitude) + 0.5f) - 0x3F000000u);
  return sign | (magnitude + 0xFFFu + ((magnitude >> 13) & 1u) - 0x38000000u) >> 13;
}

__device__ __forceinline__ uint32_t to_e4m3_bits(float value) {
  const uint32_t bits = __float_as_uint(value), sign = bits >> 24 & 0x80u, magnitude = bits & 0x7FFFFFFFu;
  if (magnitude > 0x7F800000u) return sign | 0x7Fu;
  if (magnitude >= 0x43E00000u) return sign | 0x7Eu;
  if (magnitude < 0x3C800000u) return sign | (__float_as_uint(__uint_as_float(magnitude) + 0x1p14f) - 0x46800000u);
  return sign | (magnitude + 0x7FFFFu + ((magnitude >> 20) & 1u) - 0x3C000000u) >> 20;
}

__device__ __forceinline__ int32_t to_i8(float quotient) {
  if (!(fabsf(quotient) <= 127.0f)) return quotient > 0 ? 127 : quotient < 0 ? -127 : 0;
  return static_cast<int32_t>((quotient + 0x1.8p23f) - 0x1.8p23f);
}

__device__ __forceinline__ void put_kv_code(KvType type, float value, float scale, unsigned char* codes, int64_t index) {
  const float quotient = scale == 0.0f ? 0.0f : value / scale;
  switch (type) {
    case KvType::f32: reinterpret_cast<float*>(codes)[index] = value; return;
    case KvType::bf16: reinterpret_cast<unsigned short*>(codes)[index] = static_cast<unsigned short>(to_bf16_bits(value)); return;
    case KvType::f16: reinterpret_cast<unsigned short*>(codes)[index] = static_cast<unsigned short>(to_f16_bits(value)); return;
    case KvType::e4m3: codes[index] = static_cast<unsigned char>(to_e4m3_bits(quotient)); return;
    case KvType::i8: codes[index] = static_cast<unsigned char>(to_i8(quotient)); return;
  }
}

}  // namespace yoke::kernels::cuda
