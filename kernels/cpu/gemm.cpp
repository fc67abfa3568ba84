// Several rows of activations times a packed matrix. Each chunk of a pair of panels is decoded once into f32 codes that stay
// in L1 and serve all rows of a block; a register tile runs over them. The order of operations of one output is gemv's.
#include "kernels/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/gemm.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>

#include "core/error.h"
#include "kernels/cpu/codes-inl.h"
#include "kernels/cpu/decode.h"
#include "kernels/cpu/kernels.h"
#include "kernels/cpu/tile-inl.h"
#include "kernels/cpu/unroll.h"
#include "kernels/reference/reference_ops.h"

HWY_BEFORE_NAMESPACE();
namespace yoke::kernels::cpu::HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR
void run_gemm(const Linear& p, Range panels, Workspace& /*workspace*/) { reference::linear(p, panels); }
#else

// Blocks: 96 rows x 512 columns of f32 are 196 kB, less than half of a small L2; the sums of 96 rows x 32 outputs (12 KiB), their
// chunk of x (12 KiB) and the codes of two panels (4 KiB) share an L1 of 32 KiB. Whole spans, so that none is left open at the edge.
inline constexpr int64_t kBlockRows = 96;
inline constexpr int64_t kBlockColumns = 2 * kSpan;
inline constexpr size_t kGroupPanels = 2;
inline constexpr size_t kGroupOutputs = kGroupPanels * kPanel;

struct Block {
  int64_t first_row, rows;
  int64_t first_column, columns;
  int64_t tiles() const { return ceil_div(rows, static_cast<int64_t>(kTileRows)); }
  // Rows are dealt out evenly, because a tile of one row would waste the pipes: 7 rows are 4 + 3.
  int64_t tile_begin(int64_t tile) const { return rows * tile / tiles(); }
  int64_t chunks() const { return ceil_div(columns, kChunk); }
};

// The activations of a block as tiles read them: for each tile, for each column, its rows. Sums: [chunk][row].
struct BlockInputs {
  const float* x;
  const float* sums;  // q4_1 only
};

// One (panel group, chunk), decoded.
struct Codes {
  alignas(64) float values[kGroupPanels][static_cast<size_t>(kChunk) * kPanel];
  alignas(64) float scales[kGroupOutputs];
  alignas(64) float minima[kGroupOutputs];
};

void pack_tile(const Linear& p, const Block& block, int64_t tile, float* packed) {
  const int64_t begin = block.tile_begin(tile);
  const int64_t rows = block.tile_begin(tile + 1) - begin;
  const float* from = p.x + (block.first_row + begin) * p.x_stride + block.first_column;
  for (int64_t k = 0; k < block.columns; ++k) {
    for (int64_t r = 0; r < rows; ++r) *packed++ = from[r * p.x_stride + k];
  }
}

// Each row's sum over each chunk, in ascending order; the rows of a tile side by side, because one sum is a chain.
void sum_tile(const Block& block, int64_t tile, const float* packed, float* sums) {
  const int64_t begin = block.tile_begin(tile);
  const int64_t rows = block.tile_begin(tile + 1) - begin;
  for (int64_t c = 0; c < block.chunks(); ++c) {
    float sum[kTileRows] = {};
    for (int64_t k = c * kChunk; k < std::min((c + 1) * kChunk, block.columns); ++k) {
      for (int64_t r = 0; r < rows; ++r) sum[r] += packed[k * rows + r];
    }
    std::copy_n(sum, rows, sums + c * block.rows + begin);
  }
}

BlockInputs prepare_inputs(const Linear& p, const Block& block, Workspace& workspace) {
  const bool with_sums = format::scales_chunks(p.w.shape) && p.w.shape.format.codes == Dtype::q4_1;
  workspace.inputs.resize(static_cast<size_t>(block.rows * block.columns));
  workspace.sums.resize(with_sums ? static_cast<size_t>(block.chunks() * block.rows) : 0);
  for (int64_t tile = 0; tile < block.tiles(); ++tile) {
    float* packed = workspace.inputs.data() + block.tile_begin(tile) * block.columns;
    pack_tile(p, block, tile, packed);
    if (with_sums) sum_tile(block, tile, packed, workspace.sums.data());
  }
  return {workspace.inputs.data(), with_sums ? workspace.sums.data() : nullptr};
}

template <class Format>
void decode_chunk(const std::byte* chunk, size_t columns, size_t panel, Codes& codes) {
  const std::byte* packed = chunk + format::codes_offset(Format::kDtype);
  for (size_t lane = 0; lane < kPanel; lane += kLanes) {
    float* to = codes.values[panel] + lane;
    const auto column = [&](size_t k) HWY_ATTR { store(Format::load(packed, k, lane), to + k * kPanel); };
    size_t k = 0;
    for (; k + 8 <= columns; k += 8) {
      YOKE_UNROLL(8)
      for (size_t j = 0; j < 8; ++j) column(k + j);
    }
    for (; k < columns; ++k) column(k);
    if constexpr (kIsBlockFormat<Format>) store(load_f16(chunk, lane), codes.scales + panel * kPanel + lane);
    if constexpr (kHasMinimum<Format>) store(load_f16(chunk, kPanel + lane), codes.minima + panel * kPanel + lane);
  }
}

// How a chunk's product joins its total: with the others of its span, times d, or that and then m times the sum of x.
enum class Join { plain, scaled, scaled_with_minimum };

// The rows of one tile: totals and, of an open span, what it has summed, each [rows, kGroupOutputs].
struct TileSums {
  float* totals;
  float* span;
  bool span_ends;
  const float* x_sums;  // q4_1 only
};

// The products of one chunk go on with the sum of their span.
template <size_t kRows>
void join_span(const Codes& codes, const float* x, size_t columns, const TileSums& sums) {
  constexpr size_t kGroups = std::min(tile_groups(kRows), kGroupPanels);
  for (size_t panel = 0; panel < kGroupPanels; panel += kGroups) {
    TileWeights<kGroups> weights{.columns = {}, .step = kPanel};
    for (size_t g = 0; g < kGroups; ++g) weights.columns[g] = codes.values[panel + g];
    Tile<kRows, kGroups> tile;
    const auto each = [&](auto&& act) HWY_ATTR {
      YOKE_UNROLL(8)
      for (size_t r = 0; r < kRows; ++r) {
        YOKE_UNROLL(16)
        for (size_t v = 0; v < tile.kVectors; ++v) act(tile.acc[r][v], r * kGroupOutputs + panel * kPanel + v * kLanes);
      }
    };
    each([&](V& acc, size_t at) HWY_ATTR { acc = load(sums.span + at); });
    tile.multiply(weights, {.x = x, .row_step = 1, .column_step = kRows}, columns);
    if (!sums.span_ends) {
      each([&](V& acc, size_t at) HWY_ATTR { store(acc, sums.span + at); });
      continue;
    }
    each([&](V& acc, size_t at) HWY_ATTR {
      store(hn::Add(load(sums.totals + at), acc), sums.totals + at);
      store(zero(), sums.span + at);
    });
  }
}

// The products of one chunk for one tile of rows, joined to its totals.
template <Join kJoin, size_t kRows>
void join_tile(const Codes& codes, const float* x, size_t columns, const TileSums& sums) {
  if constexpr (kJoin == Join::plain) return join_span<kRows>(codes, x, columns, sums);
  constexpr size_t kGroups = std::min(tile_groups(kRows), kGroupPanels);
  for (size_t panel = 0; panel < kGroupPanels; panel += kGroups) {
    TileWeights<kGroups> weights{.columns = {}, .step = kPanel};
    for (size_t g = 0; g < kGroups; ++g) weights.columns[g] = codes.values[panel + g];
    Tile<kRows, kGroups> tile;
    tile.multiply(weights, {.x = x, .row_step = 1, .column_step = kRows}, columns);
    YOKE_UNROLL(8)
    for (size_t r = 0; r < kRows; ++r) {
      YOKE_UNROLL(16)
      for (size_t v = 0; v < tile.kVectors; ++v) {
        const size_t output = panel * kPanel + v * kLanes;
        float* total = sums.totals + r * kGroupOutputs + output;
        V sum = fma(load(codes.scales + output), tile.acc[r][v], load(total));
        if constexpr (kJoin == Join::scaled_with_minimum) sum = fma(load(codes.minima + output), broadcast(sums.x_sums[r]), sum);
        store(sum, total);
      }
    }
  }
}

template <Join kJoin>
void join_rows(size_t rows, const Codes& codes, const float* x, size_t columns, const TileSums& sums) {
  static_assert(kTileRows == 6);
  switch (rows) {
    case 1: return join_tile<kJoin, 1>(codes, x, columns, sums);
    case 2: return join_tile<kJoin, 2>(codes, x, columns, sums);
    case 3: return join_tile<kJoin, 3>(codes, x, columns, sums);
    case 4: return join_tile<kJoin, 4>(codes, x, columns, sums);
    case 5: return join_tile<kJoin, 5>(codes, x, columns, sums);
    default: return join_tile<kJoin, 6>(codes, x, columns, sums);
  }
}

// How many outputs of a group of panels there are.
int64_t outputs_of(const Linear& p, Range group) { return std::min(group.end * kPanelRows, p.w.rows()) - group.begin * kPanelRows; }

// y holds the totals between two blocks of columns.
void fetch_totals(const Linear& p, const Block& block, Range group, float* totals) {
  std::fill_n(totals, static_cast<size_t>(block.rows) * kGroupOutputs, 0.0f);
  if (block.first_column == 0) return;
  const int64_t first = group.begin * kPanelRows, count = outputs_of(p, group);
  for (int64_t r = 0; r < block.rows; ++r) {
    std::copy_n(p.y + (block.first_row + r) * p.y_stride + first, count, totals + static_cast<size_t>(r) * kGroupOutputs);
  }
}

void write_totals(const Linear& p, const Block& block, Range group, const float* totals) {
  const int64_t first = group.begin * kPanelRows, count = outputs_of(p, group);
  const bool with_bias = p.bias != nullptr && block.first_column + block.columns == p.w.cols();
  for (int64_t r = 0; r < block.rows; ++r) {
    const float* total = totals + static_cast<size_t>(r) * kGroupOutputs;
    float* y = p.y + (block.first_row + r) * p.y_stride + first;
    for (int64_t i = 0; i < count; ++i) y[i] = with_bias ? total[i] + p.bias[first + i] : total[i];
  }
}

// What a weight's format decides, so that the walk over blocks is compiled once for all formats.
struct FormatSteps {
  void (*decode_chunk)(const std::byte* chunk, size_t columns, size_t panel, Codes& codes);
  void (*join_rows)(size_t rows, const Codes& codes, const float* x, size_t columns, const TileSums& sums);
};

template <class Format>
constexpr FormatSteps steps_of() {
  if (kHasMinimum<Format>) return {decode_chunk<Format>, join_rows<Join::scaled_with_minimum>};
  return {decode_chunk<Format>, kIsBlockFormat<Format> ? join_rows<Join::scaled> : join_rows<Join::plain>};
}

// Formats that are multiplied by value: the decoder takes the place of decode_chunk.
constexpr FormatSteps kValueSteps{nullptr, join_rows<Join::plain>};

FormatSteps steps_of(const PackedShape& shape) {
  if (!format::multiplies_codes(shape)) return kValueSteps;
  switch (shape.format.codes) {
    case Dtype::f32: return steps_of<F32>();
    case Dtype::f16: return steps_of<F16>();
    case Dtype::bf16: return steps_of<Bf16>();
    case Dtype::q8_0: return steps_of<Q8_0>();
    case Dtype::q4_0: return steps_of<Q4_0>();
    case Dtype::q4_1: return steps_of<Q4_1>();
    default: break;
  }
  assertion_failed("a format whose codes are multiplied", __FILE__, __LINE__);
}

struct Product {
  const Linear& p;
  FormatSteps steps;
  PanelDecoder weights;
};

void multiply_group(const Product& product, const Block& block, const BlockInputs& in, Range group) {
  const Linear& p = product.p;
  const FormatSteps& steps = product.steps;
  alignas(64) float totals[static_cast<size_t>(kBlockRows) * kGroupOutputs];
  alignas(64) float spans[static_cast<size_t>(kBlockRows) * kGroupOutputs];
  std::fill_n(spans, static_cast<size_t>(block.rows) * kGroupOutputs, 0.0f);
  const size_t panels = static_cast<size_t>(group.size());
  Codes codes{};  // a panel that the matrix lacks stays zero
  fetch_totals(p, block, group, totals);
  for (int64_t c = 0; c < block.chunks(); ++c) {
    const size_t columns = static_cast<size_t>(std::min(kChunk, block.columns - c * kChunk));
    for (size_t i = 0; i < panels; ++i) {
      const int64_t panel = group.begin + static_cast<int64_t>(i);
      if (steps.decode_chunk != nullptr) {
        steps.decode_chunk(format::chunk_at(p.w, panel, block.first_column / kChunk + c), columns, i, codes);
      } else {
        const int64_t first = block.first_column + c * kChunk;
        product.weights.decode(panel, first, static_cast<int64_t>(columns), codes.values[i]);
      }
    }
    for (int64_t tile = 0; tile < block.tiles(); ++tile) {
      const int64_t begin = block.tile_begin(tile);
      const int64_t rows = block.tile_begin(tile + 1) - begin;
      const float* x = in.x + begin * block.columns + c * kChunk * rows;
      const size_t at = static_cast<size_t>(begin) * kGroupOutputs;
      const TileSums sums{.totals = totals + at,
                          .span = spans + at,
                          .span_ends = (c + 1) * kChunk % kSpan == 0 || c + 1 == block.chunks(),
                          .x_sums = in.sums != nullptr ? in.sums + c * block.rows + begin : nullptr};
      steps.join_rows(static_cast<size_t>(rows), codes, x, columns, sums);
    }
  }
  write_totals(p, block, group, totals);
}

void run_gemm(const Linear& p, Range panels, Workspace& workspace) {
  const Product product{p, steps_of(p.w.shape), PanelDecoder(p.w)};
  for (int64_t row = 0; row < p.rows; row += kBlockRows) {
    // At least one block of columns, so that K = 0 writes zeros.
    for (int64_t column = 0; column == 0 || column < p.w.cols(); column += kBlockColumns) {
      const Block block{row, std::min(kBlockRows, p.rows - row), column, std::min(kBlockColumns, p.w.cols() - column)};
      const BlockInputs in = prepare_inputs(p, block, workspace);
      for (int64_t panel = panels.begin; panel < panels.end; panel += kGroupPanels) {
        multiply_group(product, block, in, {panel, std::min<int64_t>(panel + kGroupPanels, panels.end)});
      }
    }
  }
}

#endif  // HWY_SCALAR

}  // namespace yoke::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace yoke::kernels::cpu {

HWY_EXPORT(run_gemm);

void gemm(const Linear& p, Range panels, Workspace& workspace) { HWY_DYNAMIC_DISPATCH(run_gemm)(p, panels, workspace); }

}  // namespace yoke::kernels::cpu
#endif
