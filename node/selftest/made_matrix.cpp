#include "node/selftest/made_matrix.h"

#include <cmath>
#include <cstring>

#include "core/error.h"
#include "core/half.h"

namespace yoke::node::selftest {
namespace {

constexpr WeightFormat groups(Dtype scales, int32_t group, bool global = false, bool packed = false) {
  return {.codes = Dtype::e2m1, .scales = Scales::per_group, .scale_dtype = scales, .group = group, .global = global, .packed = packed};
}

constexpr NamedFormat kFormats[] = {
    {"F32", {.codes = Dtype::f32}},
    {"F16", {.codes = Dtype::f16}},
    {"BF16", {.codes = Dtype::bf16}},
    {"BF16 packed", {.codes = Dtype::bf16, .packed = true}},
    {"FP8", {.codes = Dtype::f8_e4m3}},
    {"FP8 tensor", {.codes = Dtype::f8_e4m3, .global = true}},
    {"FP8 channel", {.codes = Dtype::f8_e4m3, .scales = Scales::per_row}},
    {"FP8 128x128", {.codes = Dtype::f8_e4m3, .scales = Scales::per_block, .group = 128}},
    {"NVFP4", groups(Dtype::f8_e4m3, 16, true)},
    {"NVFP4 packed", groups(Dtype::f8_e4m3, 16, true, true)},
    {"MXFP4", groups(Dtype::f8_e8m0, 32)},
    {"MXFP4 (GGUF)", {.codes = Dtype::mxfp4}},
    {"NVFP4 (GGUF)", {.codes = Dtype::nvfp4}},
    {"NVFP4 (GGUF) global", {.codes = Dtype::nvfp4, .global = true}},
};

// A file's codes and scales of the whole weight, row-major.
struct File {
  std::vector<std::byte> codes, scales;
  std::vector<float> row_scales, block_scales;
  float global = 1;
};

template <typename T>
void put(std::byte* at, T value) {
  std::memcpy(at, &value, sizeof(T));
}

uint8_t e4m3(Numbers& numbers, int64_t low, int64_t high) { return static_cast<uint8_t>(numbers.between(low, high)); }

// One value in 400 is tiny: an exponent that no table of a packed form has.
float weight(Numbers& numbers) { return numbers.real(-1, 1) * (numbers.between(0, 399) == 0 ? 0x1p-40f : 1.0f); }

void fill_element(Numbers& numbers, Dtype dtype, std::byte* at) {
  switch (dtype) {
    case Dtype::f32: return put(at, weight(numbers));
    case Dtype::f16: return put(at, f32_to_f16(weight(numbers)));
    case Dtype::bf16: return put(at, f32_to_bf16(weight(numbers)));
    case Dtype::f8_e4m3: return put(at, static_cast<uint8_t>(e4m3(numbers, 0, 0x7E) | (numbers.bits() & 0x80)));  // all but NaN
    default: return put(at, static_cast<uint8_t>(numbers.bits()));                                                // two of e2m1
  }
}

void fill_block(Numbers& numbers, Dtype dtype, std::byte* at, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) at[i] = static_cast<std::byte>(numbers.bits());
  if (dtype == Dtype::mxfp4) at[0] = static_cast<std::byte>(numbers.between(115, 130));  // e8m0: 2^-12 to 2^3
  if (dtype == Dtype::nvfp4) {
    for (size_t i = 0; i < 4; ++i) at[i] = static_cast<std::byte>(e4m3(numbers, 0x10, 0x4F));
  }
}

void fill_codes(Numbers& numbers, const WeightFormat& f, Part part, File& file) {
  const DtypeInfo& row = info(f.codes);
  const size_t step = static_cast<size_t>(row.block_bytes);
  file.codes.resize(static_cast<size_t>(part.rows) * row_bytes(f.codes, part.cols));
  for (size_t at = 0; at < file.codes.size(); at += step) {
    if (row.scale_elements > 0) fill_block(numbers, f.codes, file.codes.data() + at, step);
    else fill_element(numbers, f.codes, file.codes.data() + at);
  }
}

// E4M3: an output's scales are alike, as a packed form expects, but for one in 100.
void fill_group_scales(Numbers& numbers, const WeightFormat& f, Part part, File& file) {
  const int64_t across = ceil_div(part.cols, f.group);
  for (int64_t row = 0; row < part.rows; ++row) {
    const int64_t base = f.scale_dtype == Dtype::f8_e4m3 ? numbers.between(0x20, 0x38) : 115;
    for (int64_t g = 0; g < across; ++g) {
      const bool odd = f.scale_dtype == Dtype::f8_e4m3 && numbers.between(0, 99) == 0;
      file.scales.push_back(static_cast<std::byte>(odd ? numbers.between(0, 0x7E) : base + numbers.between(0, 14)));
    }
  }
}

File make_file(const WeightFormat& f, Part part, uint64_t seed) {
  Numbers numbers(seed);
  File file;
  fill_codes(numbers, f, part, file);
  if (f.scales == Scales::per_group) fill_group_scales(numbers, f, part, file);
  if (f.scales == Scales::per_row) file.row_scales = numbers.reals(part.rows, 0.01f, 0.1f);
  if (f.scales == Scales::per_block)
    file.block_scales = numbers.reals(ceil_div(part.rows, f.group) * ceil_div(part.cols, f.group), 0.01f, 0.1f);
  if (f.global) file.global = numbers.real(0.1f, 0.4f);
  return file;
}

std::vector<float> squares_of(const PackedShape& shape, const File& file, int64_t cols) {
  std::vector<float> squares;
  const int64_t across = ceil_div(cols, shape.format.group);
  for (int64_t r = shape.square_rows().begin; r < shape.square_rows().end; ++r) {
    const float* row = file.block_scales.data() + r * across;
    squares.insert(squares.end(), row + shape.square_cols().begin, row + shape.square_cols().end);
  }
  return squares;
}

void pack(const File& file, Part part, const PackedShape& shape, std::byte* matrix) {
  const WeightFormat& f = shape.format;
  const Range rows = part.part_rows, stored{shape.stored_begin(), shape.stored_end()}, held = shape.held_groups();
  const uint64_t stride = row_bytes(f.codes, part.cols);
  kernels::pack_codes(
      {.shape = shape,
       .source = file.codes.data() + static_cast<uint64_t>(rows.begin) * stride + row_bytes(f.codes, stored.begin),
       .source_stride = stride,
       .rows = rows,
       .cols = stored,
       .matrix = matrix});
  if (f.scales == Scales::per_group) {
    const uint64_t across = static_cast<uint64_t>(ceil_div(part.cols, f.group));
    kernels::pack_scales({.shape = shape, .source = file.scales.data() + static_cast<uint64_t>(rows.begin) * across + held.begin,
                          .source_stride = across, .rows = rows, .groups = held, .matrix = matrix});
  }
  if (f.scales == Scales::per_row) kernels::put_row_scales(shape, rows, file.row_scales.data() + rows.begin, matrix);
  if (f.scales == Scales::per_block) kernels::put_block_scales(shape, squares_of(shape, file, part.cols).data(), matrix);
  if (f.global) kernels::put_global_scale(shape, file.global, matrix);
}

}  // namespace

uint64_t Numbers::bits() {
  uint64_t z = state_ += 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

int64_t Numbers::between(int64_t low, int64_t high) { return low + static_cast<int64_t>(bits() % static_cast<uint64_t>(high - low + 1)); }
float Numbers::real(float low, float high) { return low + (high - low) * (static_cast<float>(bits() >> 40) * 0x1p-24f); }

std::vector<float> Numbers::reals(int64_t count, float low, float high) {
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = real(low, high);
  return values;
}

std::span<const NamedFormat> formats() { return kFormats; }

MadeMatrix make_matrix(const WeightFormat& format, Part part, uint64_t seed) {
  part.cols = round_up(part.cols, column_unit(format));
  if (part.part_rows.empty()) part.part_rows = {0, part.rows};
  if (part.part_cols.empty()) part.part_cols = {0, part.cols};
  YOKE_ASSERT(part.part_rows.end <= part.rows && part.part_cols.end <= part.cols);
  MadeMatrix made{.shape = {.format = format,
                            .rows = part.part_rows.size(),
                            .cols = part.part_cols.size(),
                            .row_begin = part.part_rows.begin,
                            .col_begin = part.part_cols.begin}};
  made.bytes.resize(static_cast<size_t>(made.shape.bytes()));
  pack(make_file(format, part, seed), part, made.shape, made.bytes.data());
  return made;
}

}  // namespace yoke::node::selftest
