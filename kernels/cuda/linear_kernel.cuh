// The two shapes of a bf16 product, for every format (a class as in linear_formats.cuh). Both give a row the same bits.
//
//   split  few rows: 8 warps of a block each sum one part of K for the same panels; the parts meet in shared memory
//   tile   many rows: 8 warps each make a panel for the block's rows, one part after another; x is staged once for all
//   of them
//
// A warp streams its weights by cp.async through a ring of its own in (dynamic) shared memory.
#pragma once

#include <cstdint>

#include "kernels/cuda/linear_sums.cuh"
#include "kernels/cuda/linear_tile.cuh"

namespace yoke::kernels::cuda {

// The rings of an SM should hold several times what the memory's latency and rate demand: 255 GB/s x 0.8 us / 48 = 4.3
// KB.
template <class Format>
struct WeightRing {
  static constexpr uint32_t kUnitBytes = Format::kRing.unit_bytes;
  static constexpr uint32_t kStages = Format::kRing.units;
  static constexpr uint32_t kBytes = Format::kRing.bytes();  // of a warp

  uint32_t memory;  // shared address
  uint32_t next, end, fill;
  const std::byte* panel;

  // Units first .. past - 1.
  __device__ void open(const LinearMatrix& m, const std::byte* of_panel, uint32_t first, uint32_t past) {
    next = first;
    end = past;
    fill = 0;
    panel = of_panel;
    for (uint32_t i = 0; i + 1 < kStages; ++i) push(m);
  }

  __device__ void push(const LinearMatrix& m) {
    if (next < end) Format::copy(m, panel, next++, memory + fill * kUnitBytes);
    commit_copies();
    fill = fill + 1 == kStages ? 0 : fill + 1;
  }

  // The oldest unit is there; the stage of the one before it is free and is filled.
  __device__ uint32_t pop(const LinearMatrix& m) {
    wait_copies<kStages - 2>();
    __syncwarp();
    const uint32_t oldest = fill + 1 == kStages ? 0 : fill + 1;
    push(m);
    return memory + oldest * kUnitBytes;
  }

  __device__ uint32_t patch() const { return memory + kStages * kUnitBytes; }
};

template <class Format, int kTiles>
__device__ void linear_split(const LinearParams& p) {
  extern __shared__ __align__(128) std::byte shared[];
  using Ring = WeightRing<Format>;
  using Part = typename Format::template Part<kTiles>;
  LinearTile tile;
  if (!find_tile(p, 1, 8 * kTiles, tile)) return;
  const LinearProblem& problem = *tile.problem;
  const LinearMatrix& m = problem.matrix;
  const uint32_t lane = threadIdx.x % 32, warp = threadIdx.x / 32;

  const uint32_t begin = part_begin(m, warp), end = part_begin(m, warp + 1);
  Ring ring{.memory = shared_address(shared) + warp * Ring::kBytes};
  ring.open(m, tile.w + tile.panel * m.panel_bytes, begin, end);

  const float* x[kTiles];
#pragma unroll
  for (int i = 0; i < kTiles; ++i) {
    const uint32_t row = 8 * i + lane / 4;
    x[i] = row < tile.rows ? x_row(p, tile, row) : nullptr;
  }
  const uint32_t outputs[2] = {output_of<Format::kPairedOutputs>(lane, 0),
                               output_of<Format::kPairedOutputs>(lane, 1)};  // of the panel
  Format format;
  if (m.units != 0) format.open(m, tile.w, tile.panel, ring.patch());
  Part part;
  part.open(m, tile.w, 16 * tile.panel + outputs[0], 16 * tile.panel + outputs[1]);

  for (uint32_t unit = begin; unit < end; ++unit) {
    const uint32_t weights = ring.pop(m);
#pragma unroll
    for (uint32_t chunk = 0; chunk < 2; ++chunk) {
      const uint32_t stored = kLinearUnit * unit + 32 * chunk;
      if (Format::kMayEndEarly && stored >= m.cols) break;
      uint4 b[kTiles];
#pragma unroll
      for (int i = 0; i < kTiles; ++i) {
        float values[8];
        load_x(m, x[i], stored + 8 * (lane % 4), values);
        b[i] = x_pairs<Format::kPairs>(values);
      }
      uint32_t a[2][4];
      format.fragments(m, weights, unit, chunk, a);
      part.add(m, stored, a, b);
    }
  }

  // [row][output] of each part where its ring was.
  static_assert(Ring::kBytes >= 8 * kTiles * 16 * sizeof(float) && Ring::kBytes % sizeof(float) == 0);
  constexpr uint32_t kSums = 8 * kTiles * 16, kStride = Ring::kBytes / sizeof(float);
  float* sums = reinterpret_cast<float*>(shared);
  const Sums<kTiles>& mine = part.close();
  __syncwarp();
#pragma unroll
  for (int j = 0; j < kTiles; ++j) {
#pragma unroll
    for (uint32_t q = 0; q < 4; ++q)
      sums[warp * kStride + 16 * (8 * j + 2 * (lane % 4) + q % 2) + outputs[q / 2]] = mine.value[j][q];
  }
  __syncthreads();
  for (uint32_t at = threadIdx.x; at < kSums; at += blockDim.x) {
    const uint32_t row = at / 16, output = 16 * tile.panel + at % 16;
    if (row >= tile.rows || output >= problem.outputs_end) continue;
    float total = sums[at];
#pragma unroll
    for (uint32_t i = 1; i < kLinearParts; ++i) total = total + sums[i * kStride + at];
    y_row(tile, row)[output - problem.outputs_begin] = finished<Format>(problem, tile.w, tile.bias, output, total);
  }
}

// A thread's share of a unit of x: so many times eight columns.
template <int kTiles>
struct XShare {
  static constexpr uint32_t kSlots = kTiles * 2 * 32 / (32 * kLinearWarps);
  float values[kSlots][8];
};

template <class Format, int kTiles>
struct XStage {
  static constexpr uint32_t kBytes = kTiles * 2 * 32 * 16;  // [tile][chunk][lane] of 16 bytes
  static constexpr uint32_t kSlots = XShare<kTiles>::kSlots;
  static_assert(kSlots * kLinearWarps * 32 == kTiles * 64);

  const float* rows[kSlots];

  __device__ void open(const LinearParams& p, const LinearTile& tile) {
#pragma unroll
    for (uint32_t i = 0; i < kSlots; ++i) {
      const uint32_t slot = threadIdx.x + i * 32 * kLinearWarps, row = slot / 64 * 8 + slot % 32 / 4;
      rows[i] = row < tile.rows ? x_row(p, tile, row) : nullptr;
    }
  }
  __device__ void load(const LinearMatrix& m, uint32_t unit, XShare<kTiles>& share) const {
#pragma unroll
    for (uint32_t i = 0; i < kSlots; ++i) {
      const uint32_t slot = threadIdx.x + i * 32 * kLinearWarps;
      load_x(m, rows[i], kLinearUnit * unit + slot % 64 / 32 * 32 + slot % 4 * 8, share.values[i]);
    }
  }
  __device__ static void store(const XShare<kTiles>& share, uint32_t memory) {
#pragma unroll
    for (uint32_t i = 0; i < kSlots; ++i) {
      const uint32_t slot = threadIdx.x + i * 32 * kLinearWarps;
      store_shared_128(memory + 16 * slot, x_pairs<Format::kPairs>(share.values[i]));
    }
  }
};

template <class Format, int kTiles>
__device__ void linear_tile(const LinearParams& p) {
  extern __shared__ __align__(128) std::byte shared[];
  using Ring = WeightRing<Format>;
  using Part = typename Format::template Part<kTiles>;
  using Stage = XStage<Format, kTiles>;
  LinearTile tile;
  if (!find_tile(p, kLinearWarps, 8 * kTiles, tile)) return;
  const LinearProblem& problem = *tile.problem;
  const LinearMatrix& m = problem.matrix;
  const uint32_t lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const bool works = tile.panel + warp < problem.panel_end;  // the others stage x
  const uint32_t panel = works ? tile.panel + warp : tile.panel;

  const uint32_t x_memory = shared_address(shared) + kLinearWarps * Ring::kBytes;
  Ring ring{.memory = shared_address(shared) + warp * Ring::kBytes};
  ring.open(m, tile.w + panel * m.panel_bytes, 0, works ? m.units : 0);
  Stage stage;
  stage.open(p, tile);
  XShare<kTiles> share;
  stage.load(m, 0, share);
  stage.store(share, x_memory);

  Format format;
  if (m.units != 0) format.open(m, tile.w, panel, ring.patch());
  Part part;
  Sums<kTiles> total;
  const uint32_t output0 = 16 * panel + output_of<Format::kPairedOutputs>(lane, 0),
                 output1 = 16 * panel + output_of<Format::kPairedOutputs>(lane, 1);
  part.open(m, tile.w, output0, output1);
  uint32_t at = 0;  // the part
  for (uint32_t unit = 0; unit < m.units; ++unit) {
    __syncthreads();  // x of this unit is there, the other stage free
    if (unit + 1 < m.units) stage.load(m, unit + 1, share);
    for (; works && part_begin(m, at + 1) <= unit; ++at) {
      if (at == 0)
        total = part.close();
      else
        total.add(part.close());
      part.open(m, tile.w, output0, output1);
    }
    if (works) {
      const uint32_t weights = ring.pop(m), x = x_memory + unit % 2 * Stage::kBytes;
#pragma unroll
      for (uint32_t chunk = 0; chunk < 2; ++chunk) {
        const uint32_t stored = kLinearUnit * unit + 32 * chunk;
        if (Format::kMayEndEarly && stored >= m.cols) break;
        uint32_t a[2][4];
        format.fragments(m, weights, unit, chunk, a);
        uint4 b[kTiles];
#pragma unroll
        for (int i = 0; i < kTiles; ++i) b[i] = load_shared_128(x + 16 * (64 * i + 32 * chunk + lane));
        part.add(m, stored, a, b);
      }
    }
    if (unit + 1 < m.units) Stage::store(share, x_memory + (unit + 1) % 2 * Stage::kBytes);
  }
  if (!works) return;
  for (; at < kLinearParts; ++at) {
    if (at == 0)
      total = part.close();
    else
      total.add(part.close());
    part.open(m, tile.w, output0, output1);
  }

#pragma unroll
  for (int j = 0; j < kTiles; ++j) {
#pragma unroll
    for (uint32_t q = 0; q < 4; ++q) {
      const uint32_t row = 8 * j + 2 * (lane % 4) + q % 2, output = q / 2 == 0 ? output0 : output1;
      if (row >= tile.rows || output >= problem.outputs_end) continue;
      y_row(tile, row)[output - problem.outputs_begin] =
          finished<Format>(problem, tile.w, tile.bias, output, total.value[j][q]);
    }
  }
}

}  // namespace yoke::kernels::cuda
