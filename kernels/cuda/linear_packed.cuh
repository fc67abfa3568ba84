// The packed forms of BF16 and NVFP4 (kernels/format/packed_form.h) as formats of the bf16 products.
#pragma once

#include <cstdint>

#include "kernels/cuda/linear_formats.cuh"

namespace yoke::kernels::cuda {

// Puts the exceptions of columns (or groups) first .. end - 1 of a panel at patch + place - 16 * first. All lanes; the
// patch may be read when it returns. A run is ascending: each step of the search asks 32 places of it at once.
__device__ inline void load_exceptions(const uint32_t* list, uint32_t run, uint32_t first, uint32_t end,
                                       uint32_t patch) {
  const uint32_t lane = lane_id(), least = 16 * first << 8, past = 16 * end << 8;
  __syncwarp();
  while (run != 0) {
    const uint32_t* words = list + run + 2;
    const uint32_t count = __ldg(list + run + 1);
    uint32_t low = 0, high = count;  // the first that is not below `least` lies there
    while (high - low > 32) {
      const uint32_t step = (high - low) / 33 + 1, at = low + (lane + 1) * step;
      const uint32_t below = __popc(__ballot_sync(~0u, at < high && __ldg(words + at) < least));
      high = min(high, low + (below + 1) * step);
      low = below == 0 ? low : low + below * step + 1;
    }
    for (bool more = true; more; low += 32) {
      const uint32_t word = low + lane < count ? __ldg(words + low + lane) : ~0u;
      if (word >= least && word < past) store_shared_8(patch + (word >> 8) - 16 * first, word & 0xff);
      more = __all_sync(~0u, word < past);
    }
    run = __ldg(list + run);
  }
  __syncwarp();
}

// Where exceptions of one panel are found.
struct ExceptionList {
  const uint32_t* list;
  uint32_t run, patch;
  uint32_t unit = ~0u;  // whose exceptions the patch holds

  __device__ void open(const LinearMatrix& m, const std::byte* w, uint32_t panel, uint32_t patch_memory) {
    list = reinterpret_cast<const uint32_t*>(w + m.exceptions);
    run = __ldg(reinterpret_cast<const uint32_t*>(w + m.links) + panel);
    patch = patch_memory;
  }
};

// A unit of 8 columns is three planes of 64 bytes; thread t takes unit t of a chunk. Two bytes of one output's
// neighbouring columns and two of the next output's make a word, so MMA row g is output 2 g, row g + 8 output 2 g + 1.
struct PackedBf16Format {
  static constexpr LinearRing kRing = kPackedBf16Ring;
  static constexpr uint32_t kStageBytes = kRing.unit_bytes;
  static constexpr Pairs kPairs = Pairs::neighbours;
  static constexpr bool kPairedOutputs = true, kMayEndEarly = false;
  static constexpr float kFactor = 1.0f;
  template <int kTiles>
  using Part = PlainPart<kTiles>;

  __device__ static void copy(const LinearMatrix& m, const std::byte* panel, uint32_t unit, uint32_t stage) {
#pragma unroll
    for (uint32_t i = 0; i < 3; ++i) {
      const uint32_t piece = 32 * i + lane_id();
      copy_chunk(stage + 16 * piece, panel, kStageBytes * unit + 16 * piece, m.code_bytes);
    }
  }

  uint4 exponents;
  ExceptionList exceptions;
  uint32_t offset;

  __device__ void open(const LinearMatrix& m, const std::byte* w, uint32_t panel, uint32_t patch) {
    const uint32_t* table = reinterpret_cast<const uint32_t*>(w + m.tables) + 4 * panel;  // of 4-byte alignment
    exponents = {__ldg(table), __ldg(table + 1), __ldg(table + 2), __ldg(table + 3)};
    exceptions.open(m, w, panel, patch);
    const uint32_t g = lane_id() / 4, t = lane_id() % 4;
    offset = 192 * t + 16 * (g / 2) + 4 * (g % 2);
  }

  // Of the low nibbles of four bytes.
  __device__ uint32_t looked_up(uint32_t indices) const {
    const uint32_t both = indices & 0x0f0f0f0f;
    const uint32_t selector = bytes_of(both | both >> 4, 0, 0x4420) & 0x7777;
    const uint32_t low = bytes_of(exponents.x, exponents.y, selector),
                   high = bytes_of(exponents.z, exponents.w, selector);
    const uint32_t takes_high = bytes_of(both << 4, 0, 0xba98);  // the sign of each byte, eight times
    return (low & ~takes_high) | (high & takes_high);
  }
  __device__ static uint32_t listed(uint32_t indices) {  // bit 8 i: nibble i is an exception
    return indices & indices >> 1 & indices >> 2 & indices >> 3 & 0x01010101;
  }

  // Columns `column` and `column` + 1 of a chunk's outputs 2 g and 2 g + 1.
  __device__ uint32_t patched(uint32_t bytes, uint32_t which, uint32_t column) const {
    const uint32_t output = 2 * (lane_id() / 4);
#pragma unroll
    for (uint32_t i = 0; i < 4; ++i) {
      if ((which >> 8 * i & 1) == 0) continue;
      const uint32_t exponent = load_shared_8(exceptions.patch + 16 * (column + i % 2) + output + i / 2);
      bytes = (bytes & ~(0xffu << 8 * i)) | exponent << 8 * i;
    }
    return bytes;
  }

  __device__ void fragments(const LinearMatrix&, uint32_t stage, uint32_t unit, uint32_t chunk, uint32_t (&a)[2][4]) {
    const uint32_t at = stage + 768 * chunk + offset;
    const uint32_t indices[2] = {load_shared_32(at + 128), load_shared_32(at + 136)};
    const bool any = __any_sync(
        ~0u, (listed(indices[0]) | listed(indices[0] >> 4) | listed(indices[1]) | listed(indices[1] >> 4)) != 0);
    if (any && exceptions.unit != unit) {
      load_exceptions(exceptions.list, exceptions.run, kLinearUnit * unit, kLinearUnit * (unit + 1), exceptions.patch);
      exceptions.unit = unit;
    }
#pragma unroll
    for (uint32_t q = 0; q < 4; ++q) {  // columns 2 q and 2 q + 1
      const uint32_t index = indices[q % 2] >> (q < 2 ? 0 : 4);
      const uint32_t codes = load_shared_32(at + 64 * (q / 2) + 8 * (q % 2));
      uint32_t e = looked_up(index);
      if (any) e = patched(e, listed(index), 32 * chunk + 8 * (lane_id() % 4) + 2 * q);
      const uint32_t high = (codes & 0x80808080) | (e >> 1 & 0x7f7f7f7f),
                     low = (codes & 0x7f7f7f7f) | (e << 7 & 0x80808080);
      a[q / 2][q % 2 * 2] = bytes_of(low, high, 0x5140);
      a[q / 2][q % 2 * 2 + 1] = bytes_of(low, high, 0x7362);
    }
  }
};

// Words as NVFP4's; a group's 16 scales in 8 bytes, outputs g and g + 8 in one. Panels of an odd number of groups lie
// at a multiple of 8 bytes.
struct PackedNvfp4Format : Fp4Format {
  static constexpr uint32_t kGroups = kLinearUnit / 16;
  static constexpr LinearRing kRing = kPackedNvfp4Ring;
  static_assert(kRing.unit_bytes >= kWordBytes + 8 * (kGroups + 1) && kRing.patch_bytes == 16 * (kGroups + 1));
  static constexpr float kFactor = 256.0f;

  __device__ static void copy(const LinearMatrix& m, const std::byte* panel, uint32_t unit, uint32_t stage) {
    if ((reinterpret_cast<uintptr_t>(panel) & 15) == 0) {
      copy_chunk(stage + 16 * word_place(lane_id()), panel, kWordBytes * unit + 16 * lane_id(), m.code_bytes);
    } else {
#pragma unroll
      for (uint32_t i = 0; i < 2; ++i) {
        const uint32_t piece = 16 * i + lane_id() / 2, part = lane_id() % 2 * 8;
        copy_8(stage + 16 * word_place(piece) + part, panel, kWordBytes * unit + 16 * piece + part, m.code_bytes);
      }
    }
    if (lane_id() < kGroups + (m.phase != 0 ? 1 : 0)) {
      copy_8(stage + kWordBytes + 8 * lane_id(), panel + m.code_bytes, 8 * (kGroups * unit + lane_id()), m.scale_bytes);
    }
  }
  __device__ static void copy_8(uint32_t to, const std::byte* from, uint32_t offset, uint32_t size) {
    copy_async_8(to, offset < size ? from + offset : from, offset < size ? 8 : 0);
  }

  uint32_t bases[2];
  ExceptionList exceptions;

  // 0 stands for an output that the matrix has not.
  __device__ static uint32_t base_of(uint32_t inverted) {
    return inverted == 0 ? 0 : ~inverted & 0xff;
  }
  // Groups behind the last have offset 0 of whatever base.
  __device__ static bool is_held(const LinearMatrix& m, uint32_t unit, uint32_t group) {
    return 8 * (kGroups * unit + group) < m.scale_bytes;
  }

  __device__ void open(const LinearMatrix& m, const std::byte* w, uint32_t panel, uint32_t patch) {
    words.open();
    const unsigned char* table = reinterpret_cast<const unsigned char*>(w + m.tables) + 16 * panel + lane_id() / 4;
    bases[0] = base_of(__ldg(table));
    bases[1] = base_of(__ldg(table + 8));
    exceptions.open(m, w, panel, patch);
  }

  __device__ void fragments(const LinearMatrix& m, uint32_t stage, uint32_t unit, uint32_t chunk, uint32_t (&a)[2][4]) {
    const uint32_t g = lane_id() / 4, group = (m.phase + 4 * chunk + lane_id() % 4) / 2;
    const uint32_t both = load_shared_8(stage + kWordBytes + 8 * group + g);
    const uint32_t offsets[2] = {both & 15, both >> 4};
    const bool any = __any_sync(~0u, offsets[0] == 15 || offsets[1] == 15);
    if (any && exceptions.unit != unit) {
      load_exceptions(exceptions.list, exceptions.run, kGroups * unit, kGroups * (unit + 1) + 1, exceptions.patch);
      exceptions.unit = unit;
    }
#pragma unroll
    for (uint32_t half = 0; half < 2; ++half) {
      uint32_t code = is_held(m, unit, group) ? bases[half] + offsets[half] : 0;
      if (offsets[half] == 15) code = load_shared_8(exceptions.patch + 16 * group + g + 8 * half);
      fp4_values(load_shared_32(stage + 256 * chunk + words.of[half]), scale_e4m3(code), half, a);
    }
  }

  // As GroupedFp4Format's.
  __device__ uint32_t operand_scales(const LinearMatrix& m, uint32_t stage, uint32_t unit) {
    const uint32_t g = lane_id() / 4, half = lane_id() % 2, base = half == 0 ? bases[0] : bases[1];
    uint32_t codes = 0, listed = 0;
#pragma unroll
    for (uint32_t j = 0; j < kGroups; ++j) {
      const uint32_t offset = load_shared_8(stage + kWordBytes + 8 * j + g) >> 4 * half & 15;
      if (is_held(m, unit, j)) codes |= (base + offset & 0xff) << 8 * j;
      if (offset == 15) listed |= 0xffu << 8 * j;
    }
    if (!__any_sync(~0u, listed != 0)) return codes;
    load_exceptions(exceptions.list, exceptions.run, kGroups * unit, kGroups * (unit + 1), exceptions.patch);
#pragma unroll
    for (uint32_t j = 0; j < kGroups; ++j) {
      if ((listed >> 8 * j & 1) == 0) continue;
      const uint32_t code = load_shared_8(exceptions.patch + 16 * j + g + 8 * half);
      codes = (codes & ~(0xffu << 8 * j)) | code << 8 * j;
    }
    return codes;
  }
};

}  // namespace yoke::kernels::cuda
