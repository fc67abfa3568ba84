// Which piece of a launch a block makes: a problem's (or an expert's) range of panels and up to so many of its rows.
#pragma once

#include <cstdint>

#include "kernels/cuda/linear_params.h"

namespace yoke::kernels::cuda {

struct LinearTile {
  const LinearProblem* problem;
  const std::byte* w;
  const float* bias;
  uint32_t panel;     // the first of the block's
  int64_t row, rows;  // the first of the block's, and those from it on that exist (may be more than a block makes)
  int64_t y_row;      // grouped: row counts within an expert, whose first position this is
};

// Blocks that run at about the same time should read the same: with 48 multiprocessors and f32 activations four tiles
// of rows beside twelve ranges of panels of 4-bit weights ask the memory for least. So blocks go through four tiles of
// rows of a range, then the next range, then the next four.
constexpr uint32_t kRowTilesTogether = 4;

// Which of `row_tiles` and of `ranges` of panels a problem's block makes.
struct BlockPlace {
  uint32_t row_tile, range;
};
__device__ inline BlockPlace place_of_block(uint32_t block, uint32_t row_tiles, uint32_t ranges) {
  const uint32_t first = block / (kRowTilesTogether * ranges) * kRowTilesTogether;
  const uint32_t within = block - first * ranges, together = min(kRowTilesTogether, row_tiles - first);
  return {first + within % together, within / together};
}

// The expert and the tile of its rows that the `tile`-th of all tiles is; false: there are not so many. All lanes take
// part.
__device__ inline bool find_group(const LinearGroups& groups, uint32_t tile, uint32_t rows, uint32_t* expert,
                                  uint32_t* tile_of_expert) {
  const uint32_t lane = threadIdx.x % 32;
  uint32_t before = 0;  // tiles of the experts before
  for (uint32_t first = 0; first < groups.experts; first += 32) {
    const uint32_t e = first + lane;
    uint32_t tiles = 0;
    if (e < groups.experts)
      tiles = (static_cast<uint32_t>(groups.offsets[e + 1] - groups.offsets[e]) + rows - 1) / rows;
    uint32_t sum = tiles;  // of this lane's and those below
    for (uint32_t step = 1; step < 32; step *= 2) {
      const uint32_t other = __shfl_up_sync(~0u, sum, step);
      if (lane >= step) sum += other;
    }
    const uint32_t above = __ballot_sync(~0u, tile < before + sum);
    if (above != 0) {
      const uint32_t found = __ffs(above) - 1;
      *expert = first + found;
      *tile_of_expert = tile - (before + __shfl_sync(~0u, sum - tiles, found));
      return true;
    }
    before += __shfl_sync(~0u, sum, 31);
  }
  return false;
}

// For kernels of so many panels and rows a block. False: nothing to do. The same for all threads.
__device__ inline bool find_tile(const LinearParams& p, uint32_t panels, uint32_t rows, LinearTile& tile) {
  uint32_t index = 0;
  while (index + 1 < p.count && blockIdx.x >= p.problems[index + 1].first_block) ++index;
  const LinearProblem& problem = p.problems[index];
  const uint32_t block = blockIdx.x - problem.first_block;
  tile.problem = &problem;
  if (p.groups.offsets == nullptr) {
    const uint32_t row_tiles = (problem.rows + rows - 1) / rows;
    tile.w = problem.w;
    tile.bias = problem.bias;
    const uint32_t ranges = (problem.panel_end - problem.panel_begin + panels - 1) / panels;
    const BlockPlace place = place_of_block(block, row_tiles, ranges);
    tile.panel = problem.panel_begin + place.range * panels;
    tile.row = int64_t{place.row_tile} * rows;
    tile.rows = problem.rows - tile.row;
    tile.y_row = 0;
    return true;
  }
  uint32_t expert, of_expert;
  if (!find_group(p.groups, block % p.groups.tiles, rows, &expert, &of_expert)) return false;
  const uint32_t entry = index * p.groups.experts + expert;
  const int64_t begin = p.groups.offsets[expert], end = p.groups.offsets[expert + 1];
  tile.w = p.groups.matrices[entry];
  tile.bias = p.groups.biases != nullptr ? p.groups.biases[entry] : nullptr;
  tile.panel = problem.panel_begin + block / p.groups.tiles * panels;
  tile.row = int64_t{of_expert} * rows;
  tile.rows = end - begin - tile.row;
  tile.y_row = begin;
  return true;
}

// Of the tile's row i, i < rows.
__device__ inline const float* x_row(const LinearParams& p, const LinearTile& tile, int64_t i) {
  int64_t row = tile.y_row + tile.row + i;
  if (p.groups.offsets != nullptr && p.groups.by_token)
    row = p.groups.slots[row] / static_cast<int32_t>(p.groups.top_k);
  return tile.problem->x + row * tile.problem->x_stride;
}
__device__ inline float* y_row(const LinearTile& tile, int64_t i) {
  return tile.problem->y + (tile.y_row + tile.row + i) * tile.problem->y_stride;
}

__device__ inline uint32_t part_begin(const LinearMatrix& m, uint32_t part) {
  return static_cast<uint32_t>(uint64_t{m.units} * part / kLinearParts);
}

}  // namespace yoke::kernels::cuda
