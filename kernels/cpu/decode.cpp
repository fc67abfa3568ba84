#include "kernels/cpu/decode.h"

#include "kernels/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/decode.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "kernels/cpu/block_codes-inl.h"
#include "kernels/cpu/packed_bf16-inl.h"
#include "kernels/cpu/unroll.h"
#include "kernels/format/values.h"

HWY_BEFORE_NAMESPACE();
namespace yoke::kernels::cpu::HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR

void decode_rows(const PanelDecoder& from, int64_t panel, int64_t first, int64_t count, float* values) {
  const int64_t rows = std::min(kPanelRows, from.w.rows() - panel * kPanelRows);
  std::fill_n(values, count * kPanelRows, 0.0f);
  for (int64_t k = 0; k < count; ++k) {
    for (int64_t l = 0; l < rows; ++l) values[k * kPanelRows + l] = format::weight(from.w, panel * kPanelRows + l, first + k);
  }
}

PanelDecoder::Run decoder_of(const WeightFormat& /*format*/) { return decode_rows; }

#else

// What 16 outputs have in common over a run of columns.
struct RunScales {
  alignas(64) float step[kPanel];
  alignas(64) float zero[kPanel];
};

HWY_INLINE V group_scale(Dtype dtype, const std::byte* scales, size_t index) {
  switch (dtype) {
    case Dtype::f32: return F32::load(scales, 0, index);
    case Dtype::f16: return load_f16(scales, index);
    case Dtype::bf16: return Bf16::load(scales, 0, index);
    case Dtype::f8_e4m3: return from_e4m3(byte_halves(scales, index));
    case Dtype::f8_e8m0: return from_e8m0(hn::PromoteTo(Words(), load_narrow<uint8_t>(scales, index)));
    default: break;
  }
  assertion_failed("a scale's type", __FILE__, __LINE__);
}

// A group's scales as they were before packing.
void unpack_scales(const PanelDecoder& from, int64_t panel, size_t group, std::byte* codes) {
  constexpr uint64_t kNibbles = 0x0F0F0F0F0F0F0F0Fu, kOnes = 0x0101010101010101u;
  const std::byte* scales = from.w.data + static_cast<size_t>(panel) * from.panel_bytes + from.panel_offsets.scales + group * kPanel / 2;
  uint64_t both, bases[2];
  std::memcpy(&both, scales, sizeof(both));
  std::memcpy(bases, from.w.data + from.tail.tables + static_cast<size_t>(panel) * kPanel, sizeof(bases));
  const uint64_t offsets[2] = {both & kNibbles, both >> 4 & kNibbles};
  const uint64_t sums[2] = {~bases[0] + offsets[0], ~bases[1] + offsets[1]};  // a base and 15 stay in their byte
  std::memcpy(codes, sums, sizeof(sums));
  if ((((offsets[0] + kOnes) | (offsets[1] + kOnes)) & kOnes << 4) == 0) return;
  from.exceptions.visit(panel, group, group + 1, [&](size_t place, uint8_t code) { codes[place % kPanel] = std::byte{code}; });
}

void load_group(const PanelDecoder& from, int64_t index, size_t group, RunScales& to) {
  const WeightFormat& f = from.w.shape.format;
  const std::byte* panel = from.w.data + static_cast<size_t>(index) * from.panel_bytes;
  const std::byte* scales = panel + from.panel_offsets.scales;
  size_t first = group * kPanel;
  std::byte unpacked[kPanel];
  if (f.packed) {
    unpack_scales(from, index, group, unpacked);
    scales = unpacked, first = 0;
  }
  for (size_t lane = 0; lane < kPanel; lane += kLanes) store(group_scale(f.scale_dtype, scales, first + lane), to.step + lane);
  if (!f.zero_points) return;
  const std::byte* zeros = panel + from.panel_offsets.zeros + group * kPanel / 2;
  for (size_t lane = 0; lane < kPanel; lane += 2) {
    const int both = std::to_integer<int>(zeros[lane / 2]);
    to.zero[lane] = static_cast<float>((both & 15) + f.zero_bias);
    to.zero[lane + 1] = static_cast<float>((both >> 4) + f.zero_bias);
  }
}

// The square that each output lies in, of those in square column `square`.
void load_squares(const PanelDecoder& from, int64_t panel, int64_t square, RunScales& to) {
  const PackedShape& s = from.w.shape;
  const std::byte* scales = from.w.data + from.tail.block_scales;
  int64_t row = s.row_begin + panel * kPanelRows;
  int64_t square_row = row / s.format.group - s.row_begin / s.format.group;
  for (size_t lane = 0; lane < kPanel; ++lane, ++row) {
    if (lane > 0 && row % s.format.group == 0) ++square_row;
    const int64_t held = std::min(square_row, s.square_rows().size() - 1);  // an output past the last may lie in none
    std::memcpy(to.step + lane, scales + sizeof(float) * static_cast<size_t>(held * from.square_cols.size() + square), sizeof(float));
  }
}

// Loads the scales of column `col` of the part; how many columns from it on have the same.
int64_t load_scales(const PanelDecoder& from, int64_t panel, int64_t col, int64_t count, RunScales& to) {
  const WeightFormat& f = from.w.shape.format;
  const int64_t whole_col = from.w.shape.col_begin + col;
  switch (f.scales) {
    case Scales::none: std::fill_n(to.step, kPanel, 1.0f); return count;
    case Scales::per_row:
      std::memcpy(to.step, from.w.data + from.tail.row_scales + sizeof(to.step) * static_cast<size_t>(panel), sizeof(to.step));
      return count;
    case Scales::per_block: {
      const int64_t square = whole_col / f.group;
      load_squares(from, panel, square - from.square_cols.begin, to);
      return std::min(count, (square + 1) * f.group - whole_col);
    }
    case Scales::per_group: break;
  }
  if (f.listed_groups) {
    int32_t group;
    std::memcpy(&group, from.w.data + from.tail.column_groups + sizeof(group) * static_cast<size_t>(col), sizeof(group));
    load_group(from, panel, static_cast<size_t>(group), to);
    return 1;
  }
  const int64_t group = whole_col / f.group;
  load_group(from, panel, static_cast<size_t>(group - from.first_group), to);
  return std::min(count, (group + 1) * f.group - whole_col);
}

struct Factors {
  V step, offset, global;
};

template <class Format>
HWY_INLINE V value_of(V code, const Factors& by) {
  if constexpr (Format::kOffset == Offset::zero) code = hn::Sub(code, by.offset);
  V value = hn::Mul(code, by.step);
  if constexpr (Format::kOffset == Offset::minimum) value = hn::Sub(value, by.offset);
  return hn::Mul(value, by.global);
}

// Stored columns k .. end - 1 for the outputs from `lane` on.
template <class Format>
HWY_INLINE void decode_run(const std::byte* codes, size_t k, size_t end, size_t lane, const Factors& by, float* values) {
  while (k < end) {
    const std::byte* unit = codes + k / Format::kBlock * kPanel * Format::kUnitBytes;
    const auto octet = Format::octet(unit, k % Format::kBlock / 8, lane);
    if (HWY_UNLIKELY(k % 8 != 0 || k + 8 > end)) {
      store(value_of<Format>(Format::code(octet, k % 8, lane), by), values + lane);
      ++k, values += kPanel;
      continue;
    }
    YOKE_UNROLL(8)
    for (size_t j = 0; j < 8; ++j) store(value_of<Format>(Format::code(octet, j, lane), by), values + j * kPanel + lane);
    k += 8, values += 8 * kPanel;
  }
}

template <class Format>
void decode(const PanelDecoder& from, int64_t panel, int64_t first, int64_t count, float* values) {
  const std::byte* codes = from.w.data + static_cast<size_t>(panel) * from.panel_bytes;
  RunScales scales;
  std::fill_n(scales.zero, kPanel, 8.0f);
  for (int64_t col = first; col < first + count;) {
    const size_t k = static_cast<size_t>(col + from.stored_before);
    int64_t run = first + count - col;
    if constexpr (Format::kSub == 0) {
      run = load_scales(from, panel, col, run, scales);
    } else {
      run = std::min(run, static_cast<int64_t>(Format::kSub - k % Format::kSub));
    }
    for (size_t lane = 0; lane < kPanel; lane += kLanes) {
      Factors by{zero(), zero(), broadcast(from.global)};
      if constexpr (Format::kSub == 0) {
        by.step = load(scales.step + lane);
        by.offset = load(scales.zero + lane);
      } else {
        const std::byte* unit = codes + k / Format::kBlock * kPanel * Format::kUnitBytes;
        by.step = Format::step(unit, k % Format::kBlock / Format::kSub, lane);
        if constexpr (Format::kOffset == Offset::minimum) by.offset = Format::minimum(unit, k % Format::kBlock / Format::kSub, lane);
      }
      decode_run<Format>(codes, k, k + static_cast<size_t>(run), lane, by, values);
    }
    values += run * kPanelRows;
    col += run;
  }
}

// A listed exponent takes the place of that which the table gave.
void mend(const PanelDecoder& from, int64_t panel, size_t begin, size_t end, float* values) {
  from.exceptions.visit(panel, begin, end, [&](size_t place, uint8_t exponent) {
    std::byte* const value = reinterpret_cast<std::byte*>(values + place - begin * kPanel);
    uint32_t bits;
    std::memcpy(&bits, value, sizeof(bits));
    bits = (bits & 0x807FFFFFu) | uint32_t{exponent} << 23;
    std::memcpy(value, &bits, sizeof(bits));
  });
}

void decode_packed_bf16(const PanelDecoder& from, int64_t panel, int64_t first, int64_t count, float* values) {
  const std::byte* codes = from.w.data + static_cast<size_t>(panel) * from.panel_bytes;
  const ExponentTable table(from.w.data + from.tail.tables + static_cast<size_t>(panel) * kPanel);
  const size_t begin = static_cast<size_t>(first + from.stored_before), end = begin + static_cast<size_t>(count);
  VBytes most = hn::Zero(Bytes());
  alignas(64) float edge[format::kPackedColumns * kPanel];
  for (size_t k = begin; k < end;) {
    const size_t skip = k % format::kPackedColumns, columns = std::min(format::kPackedColumns - skip, end - k);
    float* const to = columns == format::kPackedColumns ? values : edge;
    for (size_t lane = 0; lane < kPanel; lane += kLanes) {
      visit_unit(table, codes + k / format::kPackedColumns * format::kPackedUnitBytes, lane, most,
                 [&](size_t column, V value) HWY_ATTR { store(value, to + column * kPanel + lane); });
    }
    if (to == edge) std::copy_n(edge + skip * kPanel, columns * kPanel, values);
    k += columns, values += columns * kPanel;
  }
  if (has_exception(most)) mend(from, panel, begin, end, values - (end - begin) * kPanel);
}

PanelDecoder::Run decoder_of(const WeightFormat& format) {
  if (format.packed && format.codes == Dtype::bf16) return decode_packed_bf16;
  switch (format.codes) {
    case Dtype::f32: return decode<PlainCodes<F32>>;
    case Dtype::f16: return decode<PlainCodes<F16>>;
    case Dtype::bf16: return decode<PlainCodes<Bf16>>;
    case Dtype::f8_e4m3: return decode<E4m3Codes>;
    case Dtype::f8_e5m2: return decode<E5m2Codes>;
    case Dtype::e2m1: return decode<E2m1Codes>;
    case Dtype::int4: return decode<Int4Codes>;
    case Dtype::q4_0: return decode<Q4_0Block>;
    case Dtype::q4_1: return decode<Q4_1Block>;
    case Dtype::q5_0: return decode<Q5_0Block>;
    case Dtype::q5_1: return decode<Q5_1Block>;
    case Dtype::q8_0: return decode<Q8_0Block>;
    case Dtype::q2_k: return decode<Q2_KBlock>;
    case Dtype::q3_k: return decode<Q3_KBlock>;
    case Dtype::q4_k: return decode<Q4_KBlock>;
    case Dtype::q5_k: return decode<Q5_KBlock>;
    case Dtype::q6_k: return decode<Q6_KBlock>;
    case Dtype::iq4_nl: return decode<Iq4NlBlock>;
    case Dtype::iq4_xs: return decode<Iq4XsBlock>;
    case Dtype::mxfp4: return decode<Mxfp4Block>;
    case Dtype::nvfp4: return decode<Nvfp4Block>;
    default: break;
  }
  assertion_failed("a weight's type", __FILE__, __LINE__);
}

#endif  // HWY_SCALAR

}  // namespace yoke::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace yoke::kernels::cpu {

HWY_EXPORT(decoder_of);

PanelDecoder::PanelDecoder(const PackedMatrix& matrix)
    : w(matrix), panel_bytes(static_cast<size_t>(w.shape.panel_bytes())), panel_offsets(format::panel_offsets(w.shape)),
      tail(format::tail_offsets(w.shape)), exceptions(w.data + tail.links, w.data + tail.exceptions), stored_before(w.shape.col_begin - w.shape.stored_begin()),
      first_group(w.shape.held_groups().begin), square_cols(w.shape.square_cols()),
      run_(HWY_DYNAMIC_DISPATCH(decoder_of)(w.shape.format)) {
  if (w.shape.format.global && w.rows() > 0 && w.cols() > 0) std::memcpy(&global, w.data + tail.global, sizeof(global));
}

}  // namespace yoke::kernels::cpu
#endif
