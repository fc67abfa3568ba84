// A register tile: up to 6 rows of activations times 16 or more outputs, accumulated in registers. Linear's prefill, scores
// (rows are queries, outputs are tokens) and the weighted sum of values (rows are queries, outputs are features) share it.
#include <hwy/highway.h>

#include "kernels/cpu/lanes-inl.h"
#include "kernels/cpu/unroll.h"

#if defined(YOKE_KERNELS_CPU_TILE_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef YOKE_KERNELS_CPU_TILE_INL
#undef YOKE_KERNELS_CPU_TILE_INL
#else
#define YOKE_KERNELS_CPU_TILE_INL
#endif

HWY_BEFORE_NAMESPACE();
namespace yoke::kernels::cpu::HWY_NAMESPACE {

// 6 rows x 2 vectors are 12 of AVX2's 16 registers; two weights, one broadcast of x and one spare are the others.
inline constexpr size_t kTileRows = 6;

// How many groups of 16 outputs a tile of `rows` takes, so that its chains of fma fill the pipes and fit the registers:
// 8 chains or more for few rows, 12 (on NEON, with vectors of 4 lanes, 24) for many.
constexpr size_t tile_groups(size_t rows) {
  const size_t wide = kPanelVectors == 1 ? 2 : 1;  // AVX-512 holds a group in one vector
  return wide * (rows == 1 ? 4 : rows <= 3 ? 2 : 1);
}

// Outputs in groups of 16; column k of group g is the 16 floats at columns[g] + k * step.
template <size_t kGroups>
struct TileWeights {
  const float* columns[kGroups];
  size_t step;
};

// Activations: element k of row r at x[r * row_step + k * column_step].
struct TileInputs {
  const float* x;
  size_t row_step;
  size_t column_step;
};

template <size_t kRows, size_t kGroups>
struct Tile {
  static constexpr size_t kVectors = kGroups * kPanelVectors;
  V acc[kRows][kVectors];

  // Starts at +0. Written out, because an implicit constructor would not carry the instruction set's attributes.
  HWY_ATTR HWY_INLINE Tile() {
    YOKE_UNROLL(8)
    for (size_t r = 0; r < kRows; ++r) {
      YOKE_UNROLL(16)
      for (size_t v = 0; v < kVectors; ++v) acc[r][v] = zero();
    }
  }

  // acc = fma(w[k], x[k], acc) for k = 0 .. columns - 1.
  HWY_ATTR HWY_INLINE void multiply(const TileWeights<kGroups>& w, const TileInputs& in, size_t columns) {
    for (size_t k = 0; k < columns; ++k) {
      V weights[kVectors];
      YOKE_UNROLL(16)
      for (size_t v = 0; v < kVectors; ++v) {
        weights[v] = load(w.columns[v / kPanelVectors] + k * w.step + v % kPanelVectors * kLanes);
      }
      YOKE_UNROLL(8)
      for (size_t r = 0; r < kRows; ++r) {
        const V x = broadcast(in.x[r * in.row_step + k * in.column_step]);
        YOKE_UNROLL(16)
        for (size_t v = 0; v < kVectors; ++v) acc[r][v] = fma(weights[v], x, acc[r][v]);
      }
    }
  }
};

}  // namespace yoke::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
