#include "tests/kernels/random_weight.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "core/fp8.h"
#include "core/half.h"

namespace yoke::kernels::testing {
namespace {

constexpr Dtype kBlockTypes[] = {Dtype::q4_0, Dtype::q4_1, Dtype::q5_0, Dtype::q5_1,   Dtype::q8_0,   Dtype::q2_k,  Dtype::q3_k,
                                 Dtype::q4_k, Dtype::q5_k, Dtype::q6_k, Dtype::iq4_nl, Dtype::iq4_xs, Dtype::mxfp4, Dtype::nvfp4};

WeightFormat groups_of(Dtype codes, Dtype scales, int32_t group) {
  return {.codes = codes, .scales = Scales::per_group, .scale_dtype = scales, .group = group};
}

WeightFormat int4_groups(Dtype scales, int32_t group, int8_t bias = 0, bool listed = false) {
  WeightFormat format = groups_of(Dtype::int4, scales, group);
  format.zero_points = true;
  format.zero_bias = bias;
  format.listed_groups = listed;
  return format;
}

WeightFormat with_global(WeightFormat format) {
  format.global = true;
  return format;
}

WeightFormat packed(WeightFormat format) {
  format.packed = true;
  return format;
}

template <typename T>
T read(const std::vector<std::byte>& from, int64_t index) {
  T value;
  std::memcpy(&value, from.data() + static_cast<size_t>(index) * sizeof(T), sizeof(T));
  return value;
}

template <typename T>
void write(std::byte* at, T value) {
  std::memcpy(at, &value, sizeof(T));
}

// ldexp on the fields of a half: independent of core/half.h.
double half_value(uint16_t bits) {
  const int exponent = (bits >> 10) & 31;
  const double mantissa = bits & 1023;
  const double magnitude = exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(mantissa + 1024, exponent - 25);
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

double element(Dtype dtype, const std::vector<std::byte>& from, int64_t index) {
  switch (dtype) {
    case Dtype::f32: return read<float>(from, index);
    case Dtype::f16: return half_value(read<uint16_t>(from, index));
    case Dtype::bf16: return std::bit_cast<float>(static_cast<uint32_t>(read<uint16_t>(from, index)) << 16);
    case Dtype::f8_e4m3: return f8_e4m3_to_f32(read<uint8_t>(from, index));
    case Dtype::f8_e5m2: return half_value(static_cast<uint16_t>(read<uint8_t>(from, index) << 8));
    case Dtype::f8_e8m0: return std::ldexp(1.0, read<uint8_t>(from, index) - 127);
    default: ADD_FAILURE() << "not a float type"; return 0;
  }
}

void fill_elements(Random& random, Dtype dtype, float deviation, std::vector<std::byte>& to, int64_t count) {
  const size_t step = static_cast<size_t>(info(dtype).block_bytes);
  to.resize(static_cast<size_t>(count) * step);
  for (size_t at = 0; at < to.size(); at += step) {
    std::byte* place = to.data() + at;
    switch (dtype) {
      case Dtype::f32: write(place, random.normal(deviation)); break;
      case Dtype::f16: write(place, f32_to_f16(random.normal(deviation))); break;
      case Dtype::bf16: write(place, f32_to_bf16(random.normal(deviation))); break;
      case Dtype::f8_e4m3: write(place, static_cast<uint8_t>(random.between(0, 126) | random.between(0, 1) << 7)); break;
      case Dtype::f8_e5m2: write(place, static_cast<uint8_t>(random.between(0, 0x70) | random.between(0, 1) << 7)); break;
      default: write(place, static_cast<uint8_t>(random.between(115, 130))); break;  // e8m0
    }
  }
}

// Offsets of the f16 fields of GGUF's blocks.
std::vector<size_t> half_fields(Dtype codes) {
  switch (codes) {
    case Dtype::q4_1:
    case Dtype::q5_1:
    case Dtype::q4_k:
    case Dtype::q5_k: return {0, 2};
    case Dtype::q2_k: return {80, 82};
    case Dtype::q3_k: return {108};
    case Dtype::q6_k: return {208};
    case Dtype::mxfp4:
    case Dtype::nvfp4: return {};
    default: return {0};
  }
}

void fill_blocks(Random& random, WeightFile& file) {
  const Dtype codes = file.sample.format.codes;
  const size_t step = static_cast<size_t>(info(codes).block_bytes);
  file.codes.resize(static_cast<size_t>(file.rows) * row_bytes(codes, file.cols));
  for (std::byte& value : file.codes) value = static_cast<std::byte>(random.between(0, 255));
  for (size_t at = 0; at < file.codes.size(); at += step) {
    for (const size_t field : half_fields(codes)) write(file.codes.data() + at + field, f32_to_f16(random.normal(0.05f)));
    if (codes == Dtype::mxfp4) file.codes[at] = static_cast<std::byte>(random.between(115, 130));
  }
}

// Which output of its word of eight AWQ's nibble j holds.
constexpr std::array<int64_t, 8> kAwq = {0, 2, 4, 6, 1, 3, 5, 7};

// Nibbles [rows, cols] of value(row, col) into 32-bit words, 8 of them along rows (awq's order or plain) or along columns.
enum class WordsOf { columns, rows, rows_awq };
struct WordPlace {
  int64_t word;
  int nibble;
};
WordPlace place_in_words(WordsOf order, int64_t row, int64_t col) {
  if (order == WordsOf::columns) return {col / 8, static_cast<int>(col % 8)};
  if (order == WordsOf::rows) return {row / 8, static_cast<int>(row % 8)};
  return {row / 8, static_cast<int>(std::find(kAwq.begin(), kAwq.end(), row % 8) - kAwq.begin())};
}

void put_nibble(std::vector<std::byte>& words, int64_t word, int nibble, uint32_t value) {
  const uint32_t before = read<uint32_t>(words, word);
  write(words.data() + 4 * static_cast<size_t>(word), before | value << (4 * nibble));
}

void fill_int4(Random& random, WeightFile& file) {
  const CodeLayout layout = file.sample.layout;
  const int64_t words_along_rows = ceil_div(file.rows, 8);
  for (int64_t i = 0; i < file.rows * file.cols; ++i) file.nibbles.push_back(static_cast<uint8_t>(random.between(0, 15)));
  file.codes.resize(4 * static_cast<size_t>(layout == CodeLayout::awq ? words_along_rows * file.cols : file.rows * (file.cols / 8)));
  for (int64_t row = 0; row < file.rows; ++row) {
    for (int64_t col = 0; col < file.cols; ++col) {
      const WordPlace at = place_in_words(layout == CodeLayout::awq ? WordsOf::rows_awq : WordsOf::columns, row, col);
      int64_t word = row * (file.cols / 8) + at.word;                                 // rows
      if (layout == CodeLayout::gptq) word = at.word * file.rows + row;
      if (layout == CodeLayout::awq) word = col * words_along_rows + at.word;
      put_nibble(file.codes, word, at.nibble, file.nibbles[static_cast<size_t>(row * file.cols + col)]);
    }
  }
  if (!file.sample.format.zero_points) return;
  for (int64_t i = 0; i < file.rows * file.groups; ++i) file.zero_points.push_back(static_cast<uint8_t>(random.between(0, 15)));
  file.zeros.resize(4 * static_cast<size_t>(words_along_rows * file.groups));
  for (int64_t row = 0; row < file.rows; ++row) {
    for (int64_t g = 0; g < file.groups; ++g) {
      const WordPlace at = place_in_words(layout == CodeLayout::awq ? WordsOf::rows_awq : WordsOf::rows, row, 0);
      const int64_t word = layout == CodeLayout::rows ? at.word * file.groups + g : g * words_along_rows + at.word;
      put_nibble(file.zeros, word, at.nibble, file.zero_points[static_cast<size_t>(row * file.groups + g)]);
    }
  }
}

void fill_codes(Random& random, WeightFile& file) {
  const Dtype codes = file.sample.format.codes;
  if (codes == Dtype::int4) return fill_int4(random, file);
  if (info(codes).scale_elements > 0) return fill_blocks(random, file);
  if (codes == Dtype::e2m1) {
    file.codes.resize(static_cast<size_t>(file.rows * file.cols / 2));
    for (std::byte& both : file.codes) both = static_cast<std::byte>(random.between(0, 255));
    return;
  }
  const bool doubled = file.sample.layout == CodeLayout::columns && file.sample.apart;
  fill_elements(random, codes, 1.0f, file.codes, file.rows * file.cols * (doubled ? 2 : 1));
}

int64_t code_index(const WeightFile& file, int64_t row, int64_t col) {
  if (file.sample.layout != CodeLayout::columns) return row * file.cols + col;
  return (col * file.rows + row) * (file.sample.apart ? 2 : 1);
}

double simple_block_value(Dtype dtype, const std::byte* block, int64_t k) {
  uint16_t d, m;
  std::memcpy(&d, block, 2);
  std::memcpy(&m, block + 2, 2);
  if (dtype == Dtype::q8_0) return half_value(d) * static_cast<double>(std::to_integer<int8_t>(block[2 + k]));
  const int both = std::to_integer<int>(block[(dtype == Dtype::q4_1 ? 4 : 2) + k % 16]);
  const int q = k < 16 ? both % 16 : both / 16;
  return dtype == Dtype::q4_0 ? half_value(d) * (q - 8) : half_value(d) * q + half_value(m);
}

void pack_piece(const WeightFile& file, const PackedShape& shape, Range rows, Range cols, std::byte* matrix) {
  const Dtype codes = shape.format.codes;
  const uint64_t r = static_cast<uint64_t>(rows.begin), c = static_cast<uint64_t>(cols.begin);
  const uint64_t bytes = static_cast<uint64_t>(info(codes).block_bytes);
  PackCodes job{.shape = shape, .layout = file.sample.layout, .source = nullptr, .source_stride = 0, .rows = rows, .cols = cols,
                .matrix = matrix};
  uint64_t offset = 0;
  switch (job.layout) {
    case CodeLayout::rows:
      job.source_stride = row_bytes(codes, file.cols);
      offset = r * job.source_stride + row_bytes(codes, cols.begin);
      break;
    case CodeLayout::columns:
      job.output_step = file.sample.apart ? 2 : 1;
      job.source_stride = static_cast<uint64_t>(file.rows * job.output_step) * bytes;
      offset = c * job.source_stride + r * static_cast<uint64_t>(job.output_step) * bytes;
      break;
    case CodeLayout::gptq:
      job.source_stride = static_cast<uint64_t>(file.rows) * 4;
      offset = c / 8 * job.source_stride + 4 * r;
      break;
    case CodeLayout::awq:
      job.source_stride = static_cast<uint64_t>(ceil_div(file.rows, 8)) * 4;
      job.source_skip = static_cast<int>(r % 8);
      offset = c * job.source_stride + 4 * (r / 8);
      break;
  }
  job.source = file.codes.data() + offset;
  pack_codes(job);
}

void pack_groups(const WeightFile& file, const PackedShape& shape, Range rows, Range groups, std::byte* matrix) {
  if (shape.format.scales != Scales::per_group) return;
  const uint64_t bytes = static_cast<uint64_t>(info(shape.format.scale_dtype).block_bytes);
  const uint64_t r = static_cast<uint64_t>(rows.begin), g = static_cast<uint64_t>(groups.begin);
  const uint64_t stride = bytes * static_cast<uint64_t>(file.sample.apart ? file.rows : file.groups);
  pack_scales({.shape = shape, .transposed = file.sample.apart,
               .source = file.scales.data() + (file.sample.apart ? g * stride + r * bytes : r * stride + g * bytes),
               .source_stride = stride, .rows = rows, .groups = groups, .matrix = matrix});
  if (!shape.format.zero_points) return;
  const bool along = file.sample.layout == CodeLayout::rows;
  const uint64_t words = 4 * static_cast<uint64_t>(along ? file.groups : ceil_div(file.rows, 8));
  pack_zeros({.shape = shape, .along_outputs = along, .layout = file.sample.layout,
              .source = file.zeros.data() + (along ? r / 8 * words + 4 * g : g * words + 4 * (r / 8)), .source_stride = words,
              .source_skip = static_cast<int>(r % 8), .rows = rows, .groups = groups, .matrix = matrix});
}

void put_scales(const WeightFile& file, const PackedShape& shape, Range rows, Range cols, std::byte* matrix) {
  if (shape.format.scales == Scales::per_row) put_row_scales(shape, rows, file.row_scales.data() + rows.begin, matrix);
  if (shape.format.scales == Scales::per_block) {
    std::vector<float> squares;
    const int64_t across = ceil_div(file.cols, shape.format.group);
    for (int64_t r = shape.square_rows().begin; r < shape.square_rows().end; ++r) {
      const float* row = file.block_scales.data() + r * across;
      squares.insert(squares.end(), row + shape.square_cols().begin, row + shape.square_cols().end);
    }
    put_block_scales(shape, squares.data(), matrix);
  }
  if (shape.format.listed_groups) put_column_groups(shape, file.column_groups.data() + cols.begin, matrix);
  if (shape.format.global) put_global_scale(shape, file.global, matrix);
}

}  // namespace

// Scales of a packed form: an output's are alike, but for a few.
void fill_like_scales(Random& random, WeightFile& file) {
  std::vector<int64_t> base;
  for (int64_t row = 0; row < file.rows; ++row) base.push_back(random.between(0, 110));
  for (int64_t i = 0; i < file.rows * file.groups; ++i) {
    const int64_t row = file.sample.apart ? i % file.rows : i / file.groups;
    const int64_t code = random.chance(1) ? random.between(0, 254) : base[static_cast<size_t>(row)] + random.between(0, 14);
    file.scales[static_cast<size_t>(i)] = static_cast<std::byte>(code % 128 == 127 ? 0 : code);
  }
}

std::vector<FormatSample> format_samples() {
  const WeightFormat nvfp4 = with_global(groups_of(Dtype::e2m1, Dtype::f8_e4m3, 16));
  std::vector<FormatSample> samples = {
      {"F32", plain_format(Dtype::f32)},
      {"F16", plain_format(Dtype::f16)},
      {"BF16", plain_format(Dtype::bf16)},
      {"BF16_columns", plain_format(Dtype::bf16), CodeLayout::columns},
      {"BF16_every_second_column", plain_format(Dtype::bf16), CodeLayout::columns, true},
      {"BF16_global", with_global(plain_format(Dtype::bf16))},
      {"FP8_tensor", with_global(plain_format(Dtype::f8_e4m3))},
      {"FP8_E5M2", plain_format(Dtype::f8_e5m2)},
      {"FP8_row", {.codes = Dtype::f8_e4m3, .scales = Scales::per_row}},
      {"FP8_square_32", {.codes = Dtype::f8_e4m3, .scales = Scales::per_block, .group = 32}},
      {"FP8_square_24", {.codes = Dtype::f8_e4m3, .scales = Scales::per_block, .group = 24}},
      {"FP8_square_8", {.codes = Dtype::f8_e5m2, .scales = Scales::per_block, .group = 8}},
      {"NVFP4", nvfp4},
      {"BF16_packed", packed(plain_format(Dtype::bf16))},
      {"BF16_packed_columns", packed(plain_format(Dtype::bf16)), CodeLayout::columns},
      {"BF16_packed_every_second_column", packed(plain_format(Dtype::bf16)), CodeLayout::columns, true},
      {"NVFP4_packed", packed(nvfp4)},
      {"NVFP4_packed_transposed", packed(nvfp4), CodeLayout::rows, true},
      {"MXFP4", groups_of(Dtype::e2m1, Dtype::f8_e8m0, 32)},
      {"FP4_f32_scales", groups_of(Dtype::e2m1, Dtype::f32, 8), CodeLayout::rows, true},
      {"INT4", groups_of(Dtype::int4, Dtype::bf16, 32)},
      {"INT4_odd_group", groups_of(Dtype::int4, Dtype::f32, 20)},
      {"INT4_row", {.codes = Dtype::int4, .scales = Scales::per_row}},
      {"INT4_asymmetric", int4_groups(Dtype::f16, 32)},
      {"AWQ", int4_groups(Dtype::f16, 64), CodeLayout::awq, true},
      {"GPTQ", int4_groups(Dtype::f16, 32, 1), CodeLayout::gptq, true},
      {"GPTQ_act_order", int4_groups(Dtype::f16, 32, 1, true), CodeLayout::gptq, true},
  };
  for (const Dtype codes : kBlockTypes) samples.push_back({std::string(name(codes)) + "_block", plain_format(codes)});
  samples.push_back({"NVFP4_block_global", with_global(plain_format(Dtype::nvfp4))});
  samples.push_back({"Q4_0_block_global", with_global(plain_format(Dtype::q4_0))});
  return samples;
}

int64_t whole_columns(const WeightFormat& format, int64_t cols) { return round_up(cols, column_unit(format)); }

WeightFile random_file(Random& random, const FormatSample& sample, int64_t rows, int64_t cols) {
  WeightFile file{.sample = sample, .rows = rows, .cols = cols};
  const WeightFormat& f = sample.format;
  if (f.scales == Scales::per_group) {
    file.groups = ceil_div(cols, f.group);
    fill_elements(random, f.scale_dtype, 0.05f, file.scales, rows * file.groups);
    if (f.packed) fill_like_scales(random, file);
  }
  fill_codes(random, file);
  for (int64_t k = 0; f.listed_groups && k < cols; ++k) file.column_groups.push_back(static_cast<int32_t>(random.between(0, file.groups - 1)));
  if (f.scales == Scales::per_row) file.row_scales = random.normals(rows, 0.1f);
  if (f.scales == Scales::per_block) file.block_scales = random.normals(ceil_div(rows, f.group) * ceil_div(cols, f.group), 0.1f);
  if (f.global) file.global = random.normal(0.3f);
  return file;
}

bool WeightFile::has_formula() const {
  const WeightFormat& f = sample.format;
  if (info(f.codes).scale_elements == 0) return true;
  return !f.global && (f.codes == Dtype::q8_0 || f.codes == Dtype::q4_0 || f.codes == Dtype::q4_1);
}

double WeightFile::value(int64_t row, int64_t col) const {
  const WeightFormat& f = sample.format;
  double value = 0;
  if (info(f.codes).scale_elements > 0) {
    const size_t block = static_cast<size_t>(row) * row_bytes(f.codes, cols) + row_bytes(f.codes, col / 32 * 32);
    return simple_block_value(f.codes, codes.data() + block, col % 32);
  }
  int64_t group = f.group > 0 ? col / f.group : 0;
  if (f.listed_groups) group = column_groups[static_cast<size_t>(col)];
  const size_t element_at = static_cast<size_t>(row * cols + col);
  if (f.codes == Dtype::int4) {
    const int zero = f.zero_points ? zero_points[static_cast<size_t>(row * groups + group)] + f.zero_bias : 8;
    value = nibbles[element_at] - zero;
  } else if (f.codes == Dtype::e2m1) {
    value = e2m1_to_f32(static_cast<uint8_t>(std::to_integer<int>(codes[element_at / 2]) >> (4 * (element_at % 2))));
  } else {
    value = element(f.codes, codes, code_index(*this, row, col));
  }
  switch (f.scales) {
    case Scales::none: break;
    case Scales::per_row: value = static_cast<float>(value * row_scales[static_cast<size_t>(row)]); break;
    case Scales::per_block:
      value = static_cast<float>(value * block_scales[static_cast<size_t>(row / f.group * ceil_div(cols, f.group) + group)]);
      break;
    case Scales::per_group:
      value = static_cast<float>(value * element(f.scale_dtype, scales, sample.apart ? group * rows + row : row * groups + group));
      break;
  }
  return f.global ? static_cast<float>(value * static_cast<double>(global)) : value;
}

PackedPart WeightFile::pack(Range part_rows, Range part_cols, Random& pieces) const {
  PackedPart part{{.format = sample.format, .rows = part_rows.size(), .cols = part_cols.size(), .row_begin = part_rows.begin,
                   .col_begin = part_cols.begin, .groups = groups}, {}};
  // Room behind, which nobody may touch.
  const size_t bytes = static_cast<size_t>(part.shape.bytes());
  part.bytes.resize(bytes + 64);
  std::fill(part.bytes.begin() + static_cast<int64_t>(bytes), part.bytes.end(), std::byte{0xEE});
  std::byte* matrix = part.bytes.data();
  const Range stored{part.shape.stored_begin(), part.shape.stored_end()};
  // A packed form takes its tables from first pieces, which are whole rows or columns of the part: what a loader reads.
  const bool whole_rows = sample.format.packed && sample.layout == CodeLayout::rows;
  const bool whole_columns = sample.format.packed && !whole_rows;
  for (int64_t row = part_rows.begin, rows_end; row < part_rows.end; row = rows_end) {
    rows_end = whole_columns ? part_rows.end : std::min(part_rows.end, row + pieces.between(1, 40));
    for (int64_t col = stored.begin, cols_end; col < stored.end; col = cols_end) {
      cols_end = std::min(stored.end, col + round_up(pieces.between(1, 150), column_unit(sample.format)));
      if (whole_rows) cols_end = stored.end;
      pack_piece(*this, part.shape, {row, rows_end}, {col, cols_end}, matrix);
    }
    const Range held = part.shape.held_groups();
    const int64_t middle = sample.format.packed ? held.end : pieces.between(held.begin, held.end);
    pack_groups(*this, part.shape, {row, rows_end}, {held.begin, middle}, matrix);
    pack_groups(*this, part.shape, {row, rows_end}, {middle, held.end}, matrix);
  }
  put_scales(*this, part.shape, part_rows, part_cols, matrix);
  return part;
}

PackedPart WeightFile::pack() const {
  Random pieces(0);
  return pack({0, rows}, {0, cols}, pieces);
}

}  // namespace yoke::kernels::testing
