// The weights of one output as f32, bit for bit those of kernels/format/values.cpp. A format is a struct with
//   octet(place, k, v)   codes of stored columns k .. k + 7, k a multiple of 8
//   code(place, k)       of one stored column
//   kBlock               whether the scale lies with the codes: block_scale(place, group)
#pragma once

#include <cstdint>

#include "kernels/cuda/weight_params.h"

namespace yoke::kernels::cuda {

// Lane `lane` of a panel.
struct WeightPlace {
  const WeightParams& w;
  const unsigned char* data;   // the matrix
  const unsigned char* panel;
  int32_t panel_index;
  int32_t lane;
};

template <class T>
__device__ __forceinline__ T load_as(const unsigned char* at, int64_t index) {
  return __ldg(reinterpret_cast<const T*>(at) + index);
}

__device__ __forceinline__ float from_bf16_bits(uint32_t bits) { return __uint_as_float(bits << 16); }

__device__ __forceinline__ float from_f16_bits(uint32_t bits) {
  float value;
  asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(static_cast<unsigned short>(bits)));
  return value;
}

// e4m3's exponent and mantissa, read as those of an f16, are its value / 256; 0x7F is NaN.
__device__ __forceinline__ float from_e4m3_bits(uint32_t code) {
  const float value = from_f16_bits((code & 0x80u) << 8 | (code & 0x7Fu) << 7) * 256.0f;
  return (code & 0x7Fu) == 0x7Fu ? __uint_as_float(code << 24 | 0x7FC00000u) : value;
}
__device__ __forceinline__ float from_e5m2_bits(uint32_t code) { return from_f16_bits(code << 8); }

// 2^(code - 127): of 0 subnormal, of 255 NaN; both have the mantissa's upper bit.
__device__ __forceinline__ float from_e8m0_bits(uint32_t code) {
  return __uint_as_float(code << 23 | (code == 0 || code == 255 ? 0x00400000u : 0u));
}

// As the upper bits of an f32, a nibble without its sign is its value * 2^-126, in part a subnormal.
__device__ __forceinline__ float scaled_nibble(uint32_t nibble, float factor) {
  return __uint_as_float((nibble & 8u) << 28 | (nibble & 7u) << 22) * factor;
}
__device__ __forceinline__ float from_e2m1_bits(uint32_t nibble) { return scaled_nibble(nibble, 0x1p126f); }
// GGUF's: twice the value, code 8 is +0 (kernels/format/small_codes.h).
__device__ __forceinline__ float from_doubled_e2m1(uint32_t nibble) { return scaled_nibble(nibble, 0x1p127f) + 0.0f; }

__device__ __forceinline__ void nibbles_of(uint32_t word, float (&v)[8]) {
#pragma unroll
  for (int j = 0; j < 8; ++j) v[j] = from_e2m1_bits(word >> (4 * j) & 15u);
}
__device__ __forceinline__ void doubled_nibbles_of(uint32_t word, float (&v)[8]) {
#pragma unroll
  for (int j = 0; j < 8; ++j) v[j] = from_doubled_e2m1(word >> (4 * j) & 15u);
}

// Elements side by side, one a lane.
template <class T, float (*kValue)(T)>
struct PlainCodes {
  static constexpr bool kBlock = false;
  static __device__ __forceinline__ float code(const WeightPlace& at, int32_t k) {
    return kValue(load_as<T>(at.panel, int64_t{k} * 16 + at.lane));
  }
  static __device__ __forceinline__ void octet(const WeightPlace& at, int32_t k, float (&v)[8]) {
    T codes[8];
#pragma unroll
    for (int j = 0; j < 8; ++j) codes[j] = load_as<T>(at.panel, int64_t{k + j} * 16 + at.lane);
#pragma unroll
    for (int j = 0; j < 8; ++j) v[j] = kValue(codes[j]);
  }
};
__device__ __forceinline__ float f32_value(float x) { return x; }
__device__ __forceinline__ float f16_value(unsigned short x) { return from_f16_bits(x); }
__device__ __forceinline__ float bf16_value(unsigned short x) { return from_bf16_bits(x); }
__device__ __forceinline__ float e4m3_value(unsigned char x) { return from_e4m3_bits(x); }
__device__ __forceinline__ float e5m2_value(unsigned char x) { return from_e5m2_bits(x); }
using F32Codes = PlainCodes<float, f32_value>;
using F16Codes = PlainCodes<unsigned short, f16_value>;
using Bf16Codes = PlainCodes<unsigned short, bf16_value>;
using E4m3Codes = PlainCodes<unsigned char, e4m3_value>;
using E5m2Codes = PlainCodes<unsigned char, e5m2_value>;

struct E2m1Codes {
  static constexpr bool kBlock = false;
  static __device__ __forceinline__ uint32_t word(const WeightPlace& at, int32_t k) {
    return load_as<uint32_t>(at.panel, int64_t{k / 8} * 16 + at.lane);
  }
  static __device__ __forceinline__ float code(const WeightPlace& at, int32_t k) { return from_e2m1_bits(word(at, k) >> (k % 8 * 4) & 15u); }
  static __device__ __forceinline__ void octet(const WeightPlace& at, int32_t k, float (&v)[8]) { nibbles_of(word(at, k), v); }
};

// GGUF's blocks: kColumns of them in a unit, kFieldBytes scale bytes a lane in front of the words.
template <int kColumns, int kFieldBytes>
struct BlockCodes {
  static constexpr bool kBlock = true;
  static __device__ __forceinline__ const unsigned char* unit(const WeightPlace& at, int32_t k) {
    return at.panel + int64_t{k / kColumns} * 16 * (kFieldBytes + kColumns / 2);
  }
  static __device__ __forceinline__ uint32_t word(const WeightPlace& at, int32_t k) {
    return load_as<uint32_t>(unit(at, k) + 16 * kFieldBytes, k % kColumns / 8 * 16 + at.lane);
  }
  static __device__ __forceinline__ uint32_t field(const WeightPlace& at, int32_t k) {
    constexpr int32_t kSub = kColumns / kFieldBytes;
    return load_as<unsigned char>(unit(at, k), k % kColumns / kSub * 16 + at.lane);
  }
  static __device__ __forceinline__ float code(const WeightPlace& at, int32_t k) {
    return from_doubled_e2m1(word(at, k) >> (k % 8 * 4) & 15u);
  }
  static __device__ __forceinline__ void octet(const WeightPlace& at, int32_t k, float (&v)[8]) { doubled_nibbles_of(word(at, k), v); }
};
struct Mxfp4Codes : BlockCodes<32, 1> {
  static __device__ __forceinline__ float block_scale(const WeightPlace& at, int32_t group) {
    const uint32_t code = field(at, group * 32);
    return __uint_as_float(code < 2 ? 0x00200000u << code : (code - 1) << 23);
  }
};
struct Nvfp4Codes : BlockCodes<64, 4> {
  static __device__ __forceinline__ float block_scale(const WeightPlace& at, int32_t group) {
    const uint32_t code = field(at, group * 16) & 0x7Fu;
    return code == 0x7Fu ? 0.0f : 0.5f * from_e4m3_bits(code);
  }
};

// Packed forms (kernels/format/packed_form.h).
constexpr uint32_t kListed = 15;

// The byte of exception (column, lane) of the panel: its runs are linked, each ascending.
__device__ __forceinline__ uint32_t listed_byte(const WeightPlace& at, int32_t column) {
  const unsigned char* list = at.data + at.w.exceptions;
  const uint32_t wanted = static_cast<uint32_t>(column) * 16 + static_cast<uint32_t>(at.lane);
  for (uint32_t run = load_as<uint32_t>(at.data + at.w.links, at.panel_index); run != 0; run = load_as<uint32_t>(list, run)) {
    const uint32_t count = load_as<uint32_t>(list, run + 1);
    uint32_t begin = 0, end = count;
    while (begin < end) {
      const uint32_t middle = (begin + end) / 2;
      if (load_as<uint32_t>(list, run + 2 + middle) >> 8 < wanted) begin = middle + 1;
      else end = middle;
    }
    if (begin == count) continue;
    const uint32_t entry = load_as<uint32_t>(list, run + 2 + begin);
    if (entry >> 8 == wanted) return entry & 0xFFu;
  }
  return 0;
}

struct PackedBf16Codes {
  static constexpr bool kBlock = false;
  static __device__ __forceinline__ uint32_t with_exponent(uint32_t exponent) { return exponent << 23; }
  // Without its exponent where that is listed.
  static __device__ __forceinline__ uint32_t bits(const WeightPlace& at, uint32_t signed_mantissa, uint32_t index) {
    const uint32_t exponent = index == kListed ? 0u : load_as<unsigned char>(at.data + at.w.tables, int64_t{at.panel_index} * 16 + index);
    return (signed_mantissa & 0x80u) << 24 | with_exponent(exponent) | (signed_mantissa & 0x7Fu) << 16;
  }
  static __device__ __forceinline__ const unsigned char* unit(const WeightPlace& at, int32_t k) { return at.panel + int64_t{k / 8} * 192; }
  // Columns 2 pair and 2 pair + 1 of a half unit lie side by side.
  static __device__ __forceinline__ int32_t pair_byte(const WeightPlace& at, int32_t pair) {
    return at.lane / 4 * 16 + pair * 8 + at.lane % 4 * 2;
  }
  static __device__ __forceinline__ float code(const WeightPlace& at, int32_t k) {
    const int32_t half = k % 8 / 4, byte = pair_byte(at, k % 4 / 2) + k % 2;
    const uint32_t index = load_as<unsigned char>(unit(at, k), 128 + byte) >> (4 * half) & 15u;
    const uint32_t value = bits(at, load_as<unsigned char>(unit(at, k), half * 64 + byte), index);
    return __uint_as_float(index == kListed ? value | with_exponent(listed_byte(at, k)) : value);
  }
  static __device__ __forceinline__ void octet(const WeightPlace& at, int32_t k, float (&v)[8]) {
    const unsigned char* unit_at = unit(at, k);
    uint32_t listed = 0;
#pragma unroll
    for (int pair = 0; pair < 2; ++pair) {
      const int32_t byte = pair_byte(at, pair);
      const uint32_t indices = load_as<unsigned short>(unit_at + 128 + byte, 0);
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const uint32_t mantissas = load_as<unsigned short>(unit_at + half * 64 + byte, 0);
#pragma unroll
        for (int c = 0; c < 2; ++c) {
          const int j = 4 * half + 2 * pair + c;
          const uint32_t index = indices >> (8 * c + 4 * half) & 15u;
          v[j] = __uint_as_float(bits(at, mantissas >> (8 * c) & 0xFFu, index));
          listed |= index == kListed ? 1u << j : 0u;
        }
      }
    }
    // Rare, so one search in the code for all eight.
#pragma unroll 1
    for (int j = 0; listed >> j != 0; ++j) {
      if ((listed >> j & 1u) == 0) continue;
      const uint32_t exponent = with_exponent(listed_byte(at, k + j));
#pragma unroll
      for (int i = 0; i < 8; ++i) v[i] = i == j ? __uint_as_float(__float_as_uint(v[i]) | exponent) : v[i];
    }
  }
};

struct PackedNvfp4Codes : E2m1Codes {
  static __device__ __forceinline__ float group_scale(const WeightPlace& at, int32_t held) {
    const uint32_t both = load_as<unsigned char>(at.panel + at.w.scales_offset, int64_t{held} * 8 + at.lane % 8);
    const uint32_t offset = both >> (at.lane / 8 * 4) & 15u;
    if (offset == kListed) return from_e4m3_bits(listed_byte(at, held));
    const uint32_t base = ~static_cast<uint32_t>(load_as<unsigned char>(at.data + at.w.tables, int64_t{at.panel_index} * 16 + at.lane)) & 0xFFu;
    return from_e4m3_bits((base + offset) & 0xFFu);
  }
};

// What multiplies the codes of a group.
template <class Codes>
__device__ __forceinline__ float group_scale(const WeightPlace& at, int32_t group) {
  if constexpr (Codes::kBlock) {
    return Codes::block_scale(at, group);
  } else {
    const WeightParams& w = at.w;
    const int32_t held = group - w.first_group;
    const unsigned char* scales = at.panel + w.scales_offset;
    const int64_t index = int64_t{held} * 16 + at.lane;
    switch (w.scales) {
      case WeightScales::none: return 1.0f;
      case WeightScales::per_row: return load_as<float>(at.data + w.row_scales, int64_t{at.panel_index} * 16 + at.lane);
      case WeightScales::per_block: {
        const int32_t row = min(at.panel_index * 16 + at.lane, w.rows - 1);
        const int32_t square_row = (w.row_begin + row) / w.group_size - w.first_square_row;
        return load_as<float>(at.data + w.block_scales, int64_t{square_row} * w.square_columns + held);
      }
      case WeightScales::f32: return load_as<float>(scales, index);
      case WeightScales::f16: return from_f16_bits(load_as<unsigned short>(scales, index));
      case WeightScales::bf16: return from_bf16_bits(load_as<unsigned short>(scales, index));
      case WeightScales::e8m0: return from_e8m0_bits(load_as<unsigned char>(scales, index));
      case WeightScales::e4m3: break;
    }
    return from_e4m3_bits(load_as<unsigned char>(scales, index));
  }
}
template <>
__device__ __forceinline__ float group_scale<PackedNvfp4Codes>(const WeightPlace& at, int32_t group) {
  return PackedNvfp4Codes::group_scale(at, group - at.w.first_group);
}

__device__ __forceinline__ WeightPlace weight_place(const WeightParams& w, const unsigned char* data, int32_t panel, int32_t lane) {
  return {w, data, data + int64_t{panel} * w.panel_bytes, panel, lane};
}
__device__ __forceinline__ float global_scale(const WeightPlace& at) {
  return at.w.has_global ? load_as<float>(at.data + at.w.global, 0) : 1.0f;
}

// One weight: each product is rounded once, in this order.
template <class Codes>
__device__ __forceinline__ float weight_value(const WeightPlace& at, int32_t column, float global) {
  const float scale = group_scale<Codes>(at, (column + at.w.group_shift) / at.w.group_size);
  return Codes::code(at, at.w.stored + column) * scale * global;
}

}  // namespace yoke::kernels::cuda
