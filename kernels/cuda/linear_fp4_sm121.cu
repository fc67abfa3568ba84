// Products of mode `fp4` (kernels/cuda/linear_fp4_params.h) and what quantises their activations. For sm_121a alone:
// block-scaled MMAs.
#include "kernels/cuda/linear_formats.cuh"
#include "kernels/cuda/linear_fp4_params.h"
#include "kernels/cuda/linear_kernel.cuh"
#include "kernels/cuda/linear_packed.cuh"
#include "kernels/cuda/linear_tile.cuh"

namespace yoke::kernels::cuda {
namespace {

// ---- Quantisation ----

__device__ uint32_t e4m3_of(float value) {
  uint16_t pair;
  asm("cvt.rn.satfinite.e4m3x2.f32 %0, %1, %2;" : "=h"(pair) : "f"(0.0f), "f"(value));
  return pair;
}
// The low nibble is `low`.
__device__ uint32_t e2m1_pair(float low, float high) {
  uint32_t pair;
  asm("{ .reg .b8 codes; cvt.rn.satfinite.e2m1x2.f32 codes, %1, %2; mov.b32 %0, {codes, 0, 0, 0}; }"
      : "=r"(pair)
      : "f"(high), "f"(low));
  return pair;
}
__device__ float e4m3_value(uint32_t code) {  // not negative, not NaN
  return __uint_as_float(code << 20) * 0x1p120f;
}

// The scale of a block as a code and as what divides its values.
struct BlockScale {
  uint32_t code;
  float value;
};
template <uint32_t kGroup>
__device__ BlockScale block_scale(float greatest, float row_scale) {
  if constexpr (kGroup == 16) {
    const uint32_t code = row_scale == 0.0f ? 0 : e4m3_of(__fdiv_rn(__fdiv_rn(greatest, row_scale), 6.0f));
    return {code, __fmul_rn(e4m3_value(code), row_scale)};
  } else {
    const uint32_t exponent = __float_as_uint(greatest) >> 23;  // of 2^(exponent - 127)
    const uint32_t code = exponent < 2 ? 0 : exponent - 2;
    return {code, __uint_as_float(code == 0 ? 0x00400000u : code << 23)};
  }
}

__device__ float greatest_of(const float (&x)[8]) {
  float greatest = 0.0f;
#pragma unroll
  for (int i = 0; i < 8; ++i) greatest = fmaxf(greatest, fabsf(x[i]));
  return greatest;
}

// Over the block.
__device__ float greatest_of_row(float mine) {
  __shared__ float of_warps[kLinearWarps];
  for (uint32_t step = 16; step > 0; step /= 2) mine = fmaxf(mine, __shfl_xor_sync(~0u, mine, step));
  if (threadIdx.x % 32 == 0) of_warps[threadIdx.x / 32] = mine;
  __syncthreads();
  float greatest = of_warps[0];
#pragma unroll
  for (uint32_t i = 1; i < kLinearWarps; ++i) greatest = fmaxf(greatest, of_warps[i]);
  return greatest;
}

// A thread takes words of 8 columns; neighbouring threads share a block.
template <uint32_t kGroup>
__device__ void quantise(const QuantiseParams& p) {
  constexpr uint32_t kThreads = 32 * kLinearWarps, kSharers = kGroup / 8;
  const uint32_t row = blockIdx.x, words = 8 * p.units;
  const float* x = row < p.rows ? p.x + row * p.x_stride : nullptr;
  LinearMatrix shape{};
  shape.cols = p.cols;
  float row_scale = 1.0f;
  if constexpr (kGroup == 16) {
    float greatest = 0.0f;
    for (uint32_t word = threadIdx.x; word < words; word += kThreads) {
      float values[8];
      load_x(shape, x, 8 * word, values);
      greatest = fmaxf(greatest, greatest_of(values));
    }
    row_scale = __fdiv_rn(greatest_of_row(greatest), 2688.0f);
  }
  if (threadIdx.x == 0) p.row_scales[row] = row_scale;

  std::byte* records = p.records + uint64_t{row / 8} * p.units * kFp4RecordBytes;
  for (uint32_t first = 0; first < words; first += kThreads) {
    const uint32_t word = first + threadIdx.x;  // whole groups of sharers are inside or outside
    float values[8];
    load_x(shape, word < words ? x : nullptr, 8 * word, values);
    float greatest = greatest_of(values);
#pragma unroll
    for (uint32_t step = 1; step < kSharers; step *= 2)
      greatest = fmaxf(greatest, __shfl_xor_sync(~0u, greatest, step));
    if (word >= words) continue;
    const BlockScale scale = block_scale<kGroup>(greatest, row_scale);
    uint32_t codes = 0;
#pragma unroll
    for (int i = 0; i < 4 && scale.value != 0.0f; ++i) {
      codes |= e2m1_pair(__fdiv_rn(values[2 * i], scale.value), __fdiv_rn(values[2 * i + 1], scale.value)) << 8 * i;
    }
    std::byte* record = records + word / 8 * kFp4RecordBytes;
    const uint32_t in_unit = word % 8;
    reinterpret_cast<uint32_t*>(record)[8 * (row % 8) + 2 * (in_unit % 4) + in_unit / 4] = codes;
    if (in_unit % kSharers == 0) {
      reinterpret_cast<unsigned char*>(record)[8 * (kLinearUnit / 2) + 4 * (row % 8) + in_unit / kSharers] =
          static_cast<unsigned char>(scale.code);
    }
  }
}

// ---- Products ----

template <uint32_t kGroup>
__device__ void mma_fp4(float (&c)[4], const uint32_t (&a)[4], uint2 b, uint32_t scale_a, uint32_t scale_b) {
  constexpr uint16_t kNone = 0;
  if constexpr (kGroup == 16) {
    asm volatile(
        "mma.sync.aligned.kind::mxf4nvf4.block_scale.scale_vec::4X.m16n8k64.row.col.f32.e2m1.e2m1.f32.ue4m3 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3}, %10, {%12, %12}, %11, {%12, %12};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b.x), "r"(b.y), "r"(scale_a), "r"(scale_b), "h"(kNone));
  } else {
    asm volatile(
        "mma.sync.aligned.kind::mxf4.block_scale.scale_vec::2X.m16n8k64.row.col.f32.e2m1.e2m1.f32.ue8m0 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3}, %10, {%12, %12}, %11, {%12, %12};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b.x), "r"(b.y), "r"(scale_a), "r"(scale_b), "h"(kNone));
  }
}

// Weights come and lie as in mode bf16; words are operands as they are. Row g's scales are lane 4 g's, row g + 8's lane
// 4 g + 1's; column g's are lane 4 g's.
template <class Format, int kTiles>
class Fp4Chain {
 public:
  static constexpr uint32_t kGroup = kLinearUnit / Format::kGroups;

  __device__ void open(const LinearParams& p, const LinearTile& tile, const Fp4X& x, uint32_t panel, uint32_t patch) {
    const LinearMatrix& m = tile.problem->matrix;
    units_ = m.units;
    if (units_ != 0) format_.open(m, tile.w, panel, patch);
#pragma unroll
    for (int i = 0; i < kTiles; ++i) {
      const uint32_t row = 8 * i + threadIdx.x % 32 / 4;
      records_[i] = nullptr;
      if (row >= tile.rows) continue;
      const int64_t from = source_row(p, tile, row);
      records_[i] = x.records + from / 8 * units_ * kFp4RecordBytes;
      in_record_[i] = static_cast<uint32_t>(from % 8);
    }
  }
  __device__ static int64_t source_row(const LinearParams& p, const LinearTile& tile, uint32_t row) {
    const int64_t position = tile.y_row + tile.row + row;
    if (p.groups.offsets == nullptr || !p.groups.by_token) return position;
    return p.groups.slots[position] / static_cast<int32_t>(p.groups.top_k);
  }

  __device__ void add(const LinearMatrix& m, uint32_t stage, uint32_t unit, Sums<kTiles>& sums) {
    const uint32_t t = threadIdx.x % 4;
    uint2 b[kTiles];
    uint32_t scale_b[kTiles];
#pragma unroll
    for (int i = 0; i < kTiles; ++i) {
      b[i] = {0, 0};
      scale_b[i] = 0;
      if (records_[i] == nullptr) continue;
      const std::byte* record = records_[i] + uint64_t{unit} * kFp4RecordBytes;
      b[i] = __ldg(reinterpret_cast<const uint2*>(record) + 4 * in_record_[i] + t);
      scale_b[i] = __ldg(reinterpret_cast<const uint32_t*>(record + 8 * (kLinearUnit / 2)) + in_record_[i]);
    }
    uint32_t a[4] = {load_shared_32(stage + format_.words.of[0]), load_shared_32(stage + format_.words.of[1]),
                     load_shared_32(stage + 256 + format_.words.of[0]),
                     load_shared_32(stage + 256 + format_.words.of[1])};
    uint32_t scale_a = format_.operand_scales(m, stage, unit);
    if (kGroup == 16 && __any_sync(~0u, (scale_a & 0x80808080) != 0)) move_signs(a, scale_a);
#pragma unroll
    for (int i = 0; i < kTiles; ++i) mma_fp4<kGroup>(sums.value[i], a, b[i], scale_a, scale_b[i]);
  }

 private:
  // The MMA takes scales without a sign: a negative one, which hardly anybody writes, turns its codes instead.
  __device__ static void move_signs(uint32_t (&a)[4], uint32_t& scale_a) {
    const uint32_t lane = threadIdx.x % 32, group = lane % 4 / 2;
    const uint32_t scales[2] = {__shfl_sync(~0u, scale_a, lane & ~3u),
                                __shfl_sync(~0u, scale_a, (lane & ~3u) + 1)};  // of rows g, g + 8
#pragma unroll
    for (uint32_t q = 0; q < 4; ++q) {
      const bool negative = scales[q % 2] >> (8 * (group + 2 * (q / 2)) + 7) & 1;
      a[q] ^= negative ? 0x88888888 : 0;
    }
    scale_a &= 0x7f7f7f7f;
  }

  uint32_t units_;
  Format format_;
  const std::byte* records_[kTiles];
  uint32_t in_record_[kTiles];
};

__device__ float finished(const LinearTile& tile, float x_scale, uint32_t output, float total) {
  const LinearMatrix& m = tile.problem->matrix;
  float y = total * x_scale;
  if (m.global != 0) y = y * __ldg(reinterpret_cast<const float*>(tile.w + m.global));
  if (tile.bias != nullptr) y = y + __ldg(tile.bias + output);
  return y;
}

// Few rows: each warp of a block sums one part for one panel.
template <class Format, int kTiles>
__device__ void split(const LinearFp4Params& params) {
  extern __shared__ __align__(128) std::byte shared[];
  using Chain = Fp4Chain<Format, kTiles>;
  using Ring = WeightRing<Format>;
  const LinearParams& p = params.linear;
  LinearTile tile;
  if (!find_tile(p, 1, 8 * kTiles, tile)) return;
  const LinearProblem& problem = *tile.problem;
  const LinearMatrix& m = problem.matrix;
  const Fp4X& x = params.x[tile.problem - p.problems];
  const uint32_t lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const uint32_t begin = part_begin(m, warp), end = part_begin(m, warp + 1);
  Ring ring{.memory = shared_address(shared) + warp * Ring::kBytes};
  ring.open(m, tile.w + tile.panel * m.panel_bytes, begin, end);
  Chain chain;
  chain.open(p, tile, x, tile.panel, ring.patch());
  Sums<kTiles> part;
  part.clear();
  for (uint32_t unit = begin; unit < end; ++unit) chain.add(m, ring.pop(m), unit, part);

  // [row][output] of each part where its ring was.
  constexpr uint32_t kSums = 8 * kTiles * 16, kStride = Ring::kBytes / sizeof(float);
  static_assert(kStride >= kSums);
  float* sums = reinterpret_cast<float*>(shared);
  __syncwarp();
#pragma unroll
  for (int j = 0; j < kTiles; ++j) {
#pragma unroll
    for (uint32_t q = 0; q < 4; ++q)
      sums[warp * kStride + 16 * (8 * j + 2 * (lane % 4) + q % 2) + lane / 4 + 8 * (q / 2)] = part.value[j][q];
  }
  __syncthreads();
  for (uint32_t at = threadIdx.x; at < kSums; at += blockDim.x) {
    const uint32_t row = at / 16, output = 16 * tile.panel + at % 16;
    if (row >= tile.rows || output >= problem.outputs_end) continue;
    float total = sums[at];
#pragma unroll
    for (uint32_t i = 1; i < kLinearParts; ++i) total = total + sums[i * kStride + at];
    const float x_scale = __ldg(x.row_scales + Chain::source_row(p, tile, row));
    y_row(tile, row)[output - problem.outputs_begin] = finished(tile, x_scale, output, total);
  }
}

// Many rows: each warp makes a panel, one part after another. All read the same rows of x, from the nearest cache.
template <class Format, int kTiles>
__device__ void tile_rows(const LinearFp4Params& params) {
  extern __shared__ __align__(128) std::byte shared[];
  using Chain = Fp4Chain<Format, kTiles>;
  using Ring = WeightRing<Format>;
  const LinearParams& p = params.linear;
  LinearTile tile;
  if (!find_tile(p, kLinearWarps, 8 * kTiles, tile)) return;
  const LinearProblem& problem = *tile.problem;
  const LinearMatrix& m = problem.matrix;
  const Fp4X& x = params.x[tile.problem - p.problems];
  const uint32_t lane = threadIdx.x % 32, warp = threadIdx.x / 32, panel = tile.panel + warp;
  if (panel >= problem.panel_end) return;
  Ring ring{.memory = shared_address(shared) + warp * Ring::kBytes};
  ring.open(m, tile.w + panel * m.panel_bytes, 0, m.units);
  Chain chain;
  chain.open(p, tile, x, panel, ring.patch());
  Sums<kTiles> total;
  for (uint32_t at = 0; at < kLinearParts; ++at) {
    Sums<kTiles> part;
    part.clear();
    for (uint32_t unit = part_begin(m, at); unit < part_begin(m, at + 1); ++unit) chain.add(m, ring.pop(m), unit, part);
    if (at == 0)
      total = part;
    else
      total.add(part);
  }
#pragma unroll
  for (int j = 0; j < kTiles; ++j) {
#pragma unroll
    for (uint32_t q = 0; q < 4; ++q) {
      const uint32_t row = 8 * j + 2 * (lane % 4) + q % 2, output = 16 * panel + lane / 4 + 8 * (q / 2);
      if (row >= tile.rows || output >= problem.outputs_end) continue;
      const float x_scale = __ldg(x.row_scales + Chain::source_row(p, tile, row));
      y_row(tile, row)[output - problem.outputs_begin] = finished(tile, x_scale, output, total.value[j][q]);
    }
  }
}

}  // namespace
}  // namespace yoke::kernels::cuda

#define YOKE_FP4_KERNEL(NAME, PARAMS, BODY)                                            \
  extern "C" __global__ void __launch_bounds__(32 * yoke::kernels::cuda::kLinearWarps) \
      NAME(const __grid_constant__ yoke::kernels::cuda::PARAMS params) {               \
    using namespace yoke::kernels::cuda;                                               \
    BODY(params);                                                                      \
  }

// FORMAT last: it may have commas.
#define YOKE_FP4_KERNELS(NAME, ...)                                        \
  YOKE_FP4_KERNEL(NAME##_8, LinearFp4Params, (split<__VA_ARGS__, 1>))      \
  YOKE_FP4_KERNEL(NAME##_16, LinearFp4Params, (split<__VA_ARGS__, 2>))     \
  YOKE_FP4_KERNEL(NAME##_32, LinearFp4Params, (tile_rows<__VA_ARGS__, 4>)) \
  YOKE_FP4_KERNEL(NAME##_64, LinearFp4Params, (tile_rows<__VA_ARGS__, 8>))

YOKE_FP4_KERNEL(quantise_nvfp4, QuantiseParams, quantise<16>)
YOKE_FP4_KERNEL(quantise_mxfp4, QuantiseParams, quantise<32>)
YOKE_FP4_KERNELS(linear_fp4_nvfp4, GroupedFp4Format<16>)
YOKE_FP4_KERNELS(linear_fp4_mxfp4, GroupedFp4Format<32>)
YOKE_FP4_KERNELS(linear_fp4_gguf_nvfp4, BlockFp4Format<16>)
YOKE_FP4_KERNELS(linear_fp4_gguf_mxfp4, BlockFp4Format<32>)
YOKE_FP4_KERNELS(linear_fp4_packed_nvfp4, PackedNvfp4Format)
