// The formats of the bf16 products: how a unit of 64 columns of a panel comes into shared memory, and how it becomes
// the A operands of MMAs, 16 outputs x 32 columns (a chunk) at a time. kernels/format/panel.h states the layouts.
// Conversions are exact.
//
// A format is a class with
//   kRing                     its ring in shared memory
//   kPairs, kPairedOutputs    which two columns a register holds; which outputs are MMA rows g and g + 8
//   kFactor                   multiplies the sum
//   kMayEndEarly              chunks behind the last column are left out
//   Part<tiles>               the sum of a part of K
//   copy                      of one unit, by one warp; zero behind the panel's end
//   open, fragments           for one panel and the lane of this thread
#pragma once

#include <cstdint>
#include <type_traits>

#include "kernels/cuda/linear_params.h"
#include "kernels/cuda/linear_sums.cuh"
#include "kernels/cuda/mma_bf16.cuh"

namespace yoke::kernels::cuda {

// Bytes `offset` .. `offset` + 15 of `size` at `from`.
__device__ inline void copy_chunk(uint32_t to, const std::byte* from, uint32_t offset, uint32_t size) {
  const uint32_t valid = offset < size ? min(size - offset, 16u) : 0u;
  copy_async_16(to, valid != 0 ? from + offset : from, valid);
}

__device__ inline uint32_t lane_id() {
  return threadIdx.x % 32;
}

// ---- BF16: a column is 32 bytes, its 16 outputs ----
//
// ldmatrix hands thread (g, t) rows 2 t and 2 t + 1 of eight rows of 16 bytes; row r of matrix q is column 8 (r / 2) +
// 2 q + r % 2 of the chunk, so that thread t gets columns 8 t .. 8 t + 7. Pieces of 16 bytes are stored where the eight
// rows of a matrix lie in different banks.
struct Bf16Format {
  static constexpr LinearRing kRing = kBf16Ring;
  static constexpr uint32_t kStageBytes = kRing.unit_bytes;
  static constexpr Pairs kPairs = Pairs::neighbours;
  static constexpr bool kPairedOutputs = false, kMayEndEarly = false;
  static constexpr float kFactor = 1.0f;
  template <int kTiles>
  using Part = PlainPart<kTiles>;

  __device__ static uint32_t place(uint32_t piece) { return piece ^ (piece >> 4 & 1) ^ (piece >> 5 & 1) << 2; }

  __device__ static void copy(const LinearMatrix& m, const std::byte* panel, uint32_t unit, uint32_t stage) {
#pragma unroll
    for (uint32_t i = 0; i < 4; ++i) {
      const uint32_t piece = 32 * i + lane_id();
      copy_chunk(stage + 16 * place(piece), panel, kStageBytes * unit + 16 * piece, m.code_bytes);
    }
  }

  uint32_t offsets[2];  // of this lane's row for each MMA of a chunk

  __device__ void open(const LinearMatrix&, const std::byte*, uint32_t, uint32_t) {
    const uint32_t row = lane_id() % 8, half = lane_id() / 8 % 2, q = lane_id() / 16;
#pragma unroll
    for (uint32_t i = 0; i < 2; ++i) offsets[i] = 16 * place(2 * (8 * (row / 2) + 2 * (2 * i + q) + row % 2) + half);
  }
  __device__ void fragments(const LinearMatrix&, uint32_t stage, uint32_t, uint32_t chunk, uint32_t (&a)[2][4]) {
#pragma unroll
    for (uint32_t i = 0; i < 2; ++i) load_matrices_transposed(stage + 1024 * chunk + offsets[i], a[i]);
  }
};

// ---- FP8 (e4m3): a column is 16 bytes ----
//
// ldmatrix sees pairs of outputs: MMA row g is output 2 g, row g + 8 output 2 g + 1. Columns and banks as above.
template <bool kBlocks>
struct Fp8Format {
  static constexpr LinearRing kRing = kFp8Ring;
  static constexpr uint32_t kStageBytes = kRing.unit_bytes;
  static constexpr Pairs kPairs = Pairs::neighbours;
  static constexpr bool kPairedOutputs = true, kMayEndEarly = true;
  static constexpr float kFactor = 1.0f;
  template <int kTiles>
  using Part = std::conditional_t<kBlocks, BlockScaledPart<kTiles>, PlainPart<kTiles>>;

  __device__ static uint32_t place(uint32_t piece) { return piece ^ (piece >> 3 & 3) << 1; }

  __device__ static void copy(const LinearMatrix& m, const std::byte* panel, uint32_t unit, uint32_t stage) {
#pragma unroll
    for (uint32_t i = 0; i < 2; ++i) {
      const uint32_t piece = 32 * i + lane_id();
      copy_chunk(stage + 16 * place(piece), panel, kStageBytes * unit + 16 * piece, m.code_bytes);
    }
  }

  uint32_t offset;

  __device__ void open(const LinearMatrix&, const std::byte*, uint32_t, uint32_t) {
    const uint32_t row = lane_id() % 8, q = lane_id() / 8;
    offset = 16 * place(8 * (row / 2) + 2 * q + row % 2);
  }

  // Codes in the high bytes of both halves. As bf16 an e4m3's exponent and mantissa are its value * 2^-120. NaN counts
  // as 480.
  __device__ static uint32_t values(uint32_t codes) {
    return multiply_bf16_pairs((codes & 0x80008000) | (codes >> 4 & 0x07f007f0), 0x7b807b80);
  }
  __device__ void fragments(const LinearMatrix&, uint32_t stage, uint32_t, uint32_t chunk, uint32_t (&a)[2][4]) {
    uint32_t pairs[4];  // bytes: outputs 2 g and 2 g + 1 of a column, and of the next
    load_matrices_transposed(stage + 512 * chunk + offset, pairs);
#pragma unroll
    for (uint32_t q = 0; q < 4; ++q) {
      a[q / 2][q % 2 * 2] = values(pairs[q] << 8);
      a[q / 2][q % 2 * 2 + 1] = values(pairs[q]);
    }
  }
};

// ---- FP4: words of 8 columns, 16 outputs a word; scales of 16 bytes a group ----

// Where words lie in a stage: a piece holds 4 outputs of a word. Words 2 and 3 of four lie such that one load of a warp
// hits each bank once.
__device__ inline uint32_t word_place(uint32_t piece) {
  return piece ^ (piece >> 3 & 1) << 1;
}

constexpr uint32_t kWordBytes = 8 * kLinearUnit;  // of a unit

// What thread (g, t) takes: word t of a chunk of outputs g and g + 8.
struct WordOffsets {
  uint32_t of[2];
  __device__ void open() {
    const uint32_t g = lane_id() / 4, t = lane_id() % 4;
#pragma unroll
    for (uint32_t half = 0; half < 2; ++half) of[half] = 16 * word_place(4 * t + g / 4 + 2 * half) + 4 * (g % 4);
  }
};

// Columns i and i + 4 of a word: an e2m1's exponent and mantissa where a bf16 has them, its value * 2^-126.
template <int kColumn>
__device__ inline uint32_t fp4_pair(uint32_t word) {
  constexpr int kMagnitude = 6 - 4 * kColumn, kSign = 12 - 4 * kColumn;
  const uint32_t magnitude =
      kMagnitude >= 0 ? word << (kMagnitude >= 0 ? kMagnitude : 0) : word >> (kMagnitude >= 0 ? 0 : -kMagnitude);
  return (magnitude & 0x01c001c0) | (word << kSign & 0x80008000);
}

// Both halves of a register.
__device__ inline uint32_t twice(float value) {
  return bytes_of(__float_as_uint(value), 0, 0x3232);
}

// e4m3 * 2^118 as bf16, in both halves: times an e2m1 * 2^-126 that is the weight * 2^-8.
__device__ inline uint32_t scale_e4m3(uint32_t code) {
  const float magnitude = __uint_as_float((code & 0x7f) << 20) * 0x1p120f;
  const float value = (code & 0x7f) == 0x7f ? __uint_as_float(0x7fc00000) : magnitude * 0x1p118f;
  return twice(__uint_as_float(__float_as_uint(value) | (code & 0x80) << 24));
}
// As GGUF's blocks have it: no sign, 0x7f is 0.
__device__ inline uint32_t scale_unsigned_e4m3(uint32_t code) {
  const uint32_t magnitude = code & 0x7f;
  return scale_e4m3(magnitude == 0x7f ? 0 : magnitude);
}
// e8m0 / 2 as bf16: of twice the weight.
__device__ inline uint32_t scale_e8m0(uint32_t code) {
  const uint32_t half = code < 2 ? 0x20u << code : (code - 1) << 7;
  return half | half << 16;
}

__device__ inline void fp4_values(uint32_t word, uint32_t scale, uint32_t half, uint32_t (&a)[2][4]) {
  a[0][half] = multiply_bf16_pairs(fp4_pair<0>(word), scale);
  a[0][2 + half] = multiply_bf16_pairs(fp4_pair<1>(word), scale);
  a[1][half] = multiply_bf16_pairs(fp4_pair<2>(word), scale);
  a[1][2 + half] = multiply_bf16_pairs(fp4_pair<3>(word), scale);
}
// In two steps: a power of two may be too small or too large for one.
__device__ inline void fp4_values_of_power(uint32_t word, uint32_t scale, uint32_t half, uint32_t (&a)[2][4]) {
  constexpr uint32_t kTwo127 = 0x7f007f00;
  a[0][half] = multiply_bf16_pairs(multiply_bf16_pairs(fp4_pair<0>(word), kTwo127), scale);
  a[0][2 + half] = multiply_bf16_pairs(multiply_bf16_pairs(fp4_pair<1>(word), kTwo127), scale);
  a[1][half] = multiply_bf16_pairs(multiply_bf16_pairs(fp4_pair<2>(word), kTwo127), scale);
  a[1][2 + half] = multiply_bf16_pairs(multiply_bf16_pairs(fp4_pair<3>(word), kTwo127), scale);
}

struct Fp4Format {
  static constexpr Pairs kPairs = Pairs::halves;
  static constexpr bool kPairedOutputs = false, kMayEndEarly = false;
  template <int kTiles>
  using Part = PlainPart<kTiles>;

  WordOffsets words;
};

// kGroup 16 with e4m3 scales (NVFP4) or 32 with e8m0 (MXFP4): all words of a panel, then the scales of its groups. A
// group may begin in front of the first stored column, so a unit touches one group more than it holds.
template <uint32_t kGroup>
struct GroupedFp4Format : Fp4Format {
  static constexpr bool kE4m3 = kGroup == 16;
  static constexpr uint32_t kGroups = kLinearUnit / kGroup;
  static constexpr LinearRing kRing = kE4m3 ? kNvfp4Ring : kMxfp4Ring;
  static_assert(kRing.unit_bytes == kWordBytes + 16 * (kGroups + 1));
  static constexpr float kFactor = kE4m3 ? 256.0f : 1.0f;

  __device__ static void copy(const LinearMatrix& m, const std::byte* panel, uint32_t unit, uint32_t stage) {
    copy_chunk(stage + 16 * word_place(lane_id()), panel, kWordBytes * unit + 16 * lane_id(), m.code_bytes);
    if (lane_id() < kGroups + (m.phase != 0 ? 1 : 0)) {
      copy_chunk(stage + kWordBytes + 16 * lane_id(), panel + m.code_bytes, 16 * (kGroups * unit + lane_id()),
                 m.scale_bytes);
    }
  }

  __device__ void open(const LinearMatrix&, const std::byte*, uint32_t, uint32_t) { words.open(); }

  __device__ void fragments(const LinearMatrix& m, uint32_t stage, uint32_t, uint32_t chunk, uint32_t (&a)[2][4]) {
    const uint32_t g = lane_id() / 4, group = (m.phase + 4 * chunk + lane_id() % 4) / (kGroup / 8);
#pragma unroll
    for (uint32_t half = 0; half < 2; ++half) {
      const uint32_t word = load_shared_32(stage + 256 * chunk + words.of[half]);
      const uint32_t code = load_shared_8(stage + kWordBytes + 16 * group + g + 8 * half);
      if constexpr (kE4m3) {
        fp4_values(word, scale_e4m3(code), half, a);
      } else {
        // 255 is NaN.
        fp4_values_of_power(word, code == 255 ? 0x7fc07fc0 : scale_e8m0(code), half, a);
      }
    }
  }

  // Of mode fp4: the scales of a unit as the MMA's register of this lane, for row g (even t) or g + 8; the part begins
  // at a group.
  __device__ uint32_t operand_scales(const LinearMatrix&, uint32_t stage, uint32_t) const {
    const uint32_t from = stage + kWordBytes + lane_id() / 4 + 8 * (lane_id() % 2);
    uint32_t codes = 0;
#pragma unroll
    for (uint32_t j = 0; j < kGroups; ++j) codes |= load_shared_8(from + 16 * j) << 8 * j;
    return codes;
  }
};

// GGUF's blocks: kGroup 32 (mxfp4) a block of 32 columns, one scale and four words; 16 (nvfp4) one of 64, four scales
// and eight words. Scales come first; in a stage they lie behind the words.
template <uint32_t kGroup>
struct BlockFp4Format : Fp4Format {
  static constexpr bool kE4m3 = kGroup == 16;
  static constexpr uint32_t kGroups = kLinearUnit / kGroup;
  static constexpr LinearRing kRing = kE4m3 ? kGgufNvfp4Ring : kGgufMxfp4Ring;
  static_assert(kRing.unit_bytes == kWordBytes + 16 * kGroups);
  static constexpr float kFactor = kE4m3 ? 256.0f : 1.0f;
  static constexpr uint32_t kBlocks = kE4m3 ? 1 : 2;  // of a unit
  static constexpr uint32_t kBlockPieces = 32 / kBlocks, kBlockScales = kGroups / kBlocks,
                            kBlockBytes = 16 * (kBlockPieces + kBlockScales);

  __device__ static void copy(const LinearMatrix& m, const std::byte* panel, uint32_t unit, uint32_t stage) {
    const uint32_t first = kBlocks * unit;
    const uint32_t word_from =
        kBlockBytes * (first + lane_id() / kBlockPieces) + 16 * (kBlockScales + lane_id() % kBlockPieces);
    copy_chunk(stage + 16 * word_place(lane_id()), panel, word_from, m.code_bytes);
    if (lane_id() < kGroups) {
      const uint32_t scale_from = kBlockBytes * (first + lane_id() / kBlockScales) + 16 * (lane_id() % kBlockScales);
      copy_chunk(stage + kWordBytes + 16 * lane_id(), panel, scale_from, m.code_bytes);
    }
  }

  __device__ void open(const LinearMatrix&, const std::byte*, uint32_t, uint32_t) { words.open(); }

  __device__ void fragments(const LinearMatrix&, uint32_t stage, uint32_t, uint32_t chunk, uint32_t (&a)[2][4]) {
    const uint32_t g = lane_id() / 4, group = (4 * chunk + lane_id() % 4) / (kGroup / 8);
#pragma unroll
    for (uint32_t half = 0; half < 2; ++half) {
      const uint32_t word = load_shared_32(stage + 256 * chunk + words.of[half]);
      const uint32_t code = load_shared_8(stage + kWordBytes + 16 * group + g + 8 * half);
      if constexpr (kE4m3)
        fp4_values(word, scale_unsigned_e4m3(code), half, a);
      else
        fp4_values_of_power(word, scale_e8m0(code), half, a);
    }
  }

  // As GroupedFp4Format's.
  __device__ uint32_t operand_scales(const LinearMatrix&, uint32_t stage, uint32_t) const {
    const uint32_t from = stage + kWordBytes + lane_id() / 4 + 8 * (lane_id() % 2);
    uint32_t codes = 0;
#pragma unroll
    for (uint32_t j = 0; j < kGroups; ++j) {
      const uint32_t code = load_shared_8(from + 16 * j), magnitude = code & 0x7f;
      codes |= (!kE4m3 ? code : magnitude == 0x7f ? 0 : magnitude) << 8 * j;
    }
    return codes;
  }
};

}  // namespace yoke::kernels::cuda
