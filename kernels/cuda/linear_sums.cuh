// The x side of the bf16 products and their sums.
//
// A chunk is half a unit, 32 columns: in it thread (g, t) = (lane / 4, lane % 4) takes columns 8 t .. 8 t + 7, for two
// MMAs, of token g of each tile of 8 tokens. Which two columns make a register is the format's choice; both operands
// make the same one.
#pragma once

#include <cstdint>

#include "kernels/cuda/linear_params.h"
#include "kernels/cuda/mma_bf16.cuh"

namespace yoke::kernels::cuda {

// How 8 columns lie in the four registers of two MMAs: (0,1) (2,3) (4,5) (6,7), or (0,4) (1,5) (2,6) (3,7), as words of
// nibbles unpack.
enum class Pairs { neighbours, halves };

template <Pairs kPairs>
__device__ inline uint4 x_pairs(const float (&x)[8]) {
  if constexpr (kPairs == Pairs::neighbours) {
    return {bf16_pair(x[0], x[1]), bf16_pair(x[2], x[3]), bf16_pair(x[4], x[5]), bf16_pair(x[6], x[7])};
  } else {
    return {bf16_pair(x[0], x[4]), bf16_pair(x[1], x[5]), bf16_pair(x[2], x[6]), bf16_pair(x[3], x[7])};
  }
}

// Eight columns of a row from stored column `stored` on; zero outside the part. `row` null: zeros.
__device__ inline void load_x(const LinearMatrix& m, const float* row, uint32_t stored, float (&x)[8]) {
  const int64_t first = int64_t{stored} - m.shift;
  const float* from = row + first;
  if (row != nullptr && first >= 0 && first + 8 <= m.cols && (reinterpret_cast<uintptr_t>(from) & 15) == 0) {
    const float4 a = __ldg(reinterpret_cast<const float4*>(from)), b = __ldg(reinterpret_cast<const float4*>(from + 4));
    x[0] = a.x, x[1] = a.y, x[2] = a.z, x[3] = a.w, x[4] = b.x, x[5] = b.y, x[6] = b.z, x[7] = b.w;
    return;
  }
#pragma unroll
  for (int i = 0; i < 8; ++i) {
    const bool inside = row != nullptr && first + i >= 0 && first + i < m.cols;
    x[i] = inside ? __ldg(from + i) : 0.0f;
  }
}

// The output of MMA row g (half 0) or g + 8 (half 1).
template <bool kPairedOutputs>
__device__ inline uint32_t output_of(uint32_t lane, uint32_t half) {
  return kPairedOutputs ? 2 * (lane / 4) + half : lane / 4 + 8 * half;
}

template <int kTiles>
struct Sums {
  float value[kTiles][4];

  __device__ void clear() {
#pragma unroll
    for (int i = 0; i < kTiles; ++i) {
#pragma unroll
      for (int j = 0; j < 4; ++j) value[i][j] = 0.0f;
    }
  }
  __device__ void add(const Sums& other) {
#pragma unroll
    for (int i = 0; i < kTiles; ++i) {
#pragma unroll
      for (int j = 0; j < 4; ++j) value[i][j] += other.value[i][j];
    }
  }
  __device__ void multiply(const uint32_t (&a)[2][4], const uint4 (&b)[kTiles]) {
#pragma unroll
    for (int i = 0; i < kTiles; ++i) {
      mma_bf16(value[i], a[0], b[i].x, b[i].y);
      mma_bf16(value[i], a[1], b[i].z, b[i].w);
    }
  }
};

// The sum of one part.
template <int kTiles>
class PlainPart {
 public:
  __device__ void open(const LinearMatrix&, const std::byte*, uint32_t, uint32_t) { sums_.clear(); }
  __device__ void add(const LinearMatrix&, uint32_t, const uint32_t (&a)[2][4], const uint4 (&b)[kTiles]) {
    sums_.multiply(a, b);
  }
  __device__ const Sums<kTiles>& close() { return sums_; }

 private:
  Sums<kTiles> sums_;
};

// With a scale a square of weights: a chain a square, which joins the part by fma.
template <int kTiles>
class BlockScaledPart {
 public:
  // `outputs`: of the part's first row, this lane's two.
  __device__ void open(const LinearMatrix& m, const std::byte* w, uint32_t output0, uint32_t output1) {
    sums_.clear();
    chain_.clear();
    square_ = ~0u;
    if (m.units == 0) return;
    const float* scales = reinterpret_cast<const float*>(w + m.block_scales);
    const auto square_row = [&](uint32_t output) {
      return min((m.block_row + output) / m.group, m.block_rows - 1);
    };  // a panel's rows may not exist
    scales_[0] = scales + uint64_t{square_row(output0)} * m.block_stride;
    scales_[1] = scales + uint64_t{square_row(output1)} * m.block_stride;
  }

  __device__ void add(const LinearMatrix& m, uint32_t stored, const uint32_t (&a)[2][4], const uint4 (&b)[kTiles]) {
    const uint32_t column = stored;  // codes of one byte: no columns are held in front
    const uint32_t last = min(column + 31, m.cols - 1);
    const uint32_t first_square = (m.block_col + column) / m.group, last_square = (m.block_col + last) / m.group;
    for (uint32_t square = first_square; square <= last_square; ++square) {
      if (square != square_) join();
      square_ = square;
      if (first_square == last_square) {
        chain_.multiply(a, b);
      } else {
        uint4 within[kTiles];
        const uint32_t mine = m.block_col + column + 8 * (threadIdx.x % 4);
        mask(m, mine, square, b, within);
        chain_.multiply(a, within);
      }
    }
  }

  __device__ const Sums<kTiles>& close() {
    join();
    square_ = ~0u;
    return sums_;
  }

 private:
  __device__ void join() {
    if (square_ == ~0u) return;
    const float scale[2] = {__ldg(scales_[0] + square_), __ldg(scales_[1] + square_)};
#pragma unroll
    for (int i = 0; i < kTiles; ++i) {
#pragma unroll
      for (int j = 0; j < 4; ++j) sums_.value[i][j] = fmaf(scale[j / 2], chain_.value[i][j], sums_.value[i][j]);
    }
    chain_.clear();
  }

  // Only the columns of one square. Neighbours make a pair here.
  __device__ static void mask(const LinearMatrix& m, uint32_t column, uint32_t square, const uint4 (&b)[kTiles],
                              uint4 (&within)[kTiles]) {
    uint32_t keep[4];
#pragma unroll
    for (uint32_t q = 0; q < 4; ++q) {
      keep[q] = ((column + 2 * q) / m.group == square ? 0xffffu : 0u) |
                ((column + 2 * q + 1) / m.group == square ? 0xffff0000u : 0u);
    }
#pragma unroll
    for (int i = 0; i < kTiles; ++i)
      within[i] = {b[i].x & keep[0], b[i].y & keep[1], b[i].z & keep[2], b[i].w & keep[3]};
  }

  Sums<kTiles> sums_, chain_;
  const float* scales_[2];
  uint32_t square_;
};

// A whole sum into y.
template <class Format>
__device__ inline float finished(const LinearProblem& problem, const std::byte* w, const float* bias, uint32_t output,
                                 float total) {
  const LinearMatrix& m = problem.matrix;
  float y = total * Format::kFactor;
  if (m.row_scales != 0) y = y * __ldg(reinterpret_cast<const float*>(w + m.row_scales) + output);
  if (m.global != 0) y = y * __ldg(reinterpret_cast<const float*>(w + m.global));
  if (bias != nullptr) y = y + __ldg(bias + output);
  return y;
}

}  // namespace yoke::kernels::cuda
