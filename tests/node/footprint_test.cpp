// The bytes that a piece changes are those that its footprint says: all others stay as they were, and none of its own stays out.
#include <gtest/gtest.h>

#include <cstring>

#include "kernels/format/panel.h"
#include "node/footprint.h"
#include "node/put_part.h"

namespace yoke::node {
namespace {

using model::TensorInfo;
using model::Weight;
using parallel::Form;
using parallel::Slice;

TensorInfo tensor(Dtype dtype, std::vector<int64_t> shape) {
  TensorInfo info{.name = "w", .dtype = dtype, .shape = std::move(shape)};
  uint64_t elements = 1;
  for (const int64_t n : info.shape) elements *= static_cast<uint64_t>(n);
  info.bytes = elements * static_cast<uint64_t>(yoke::info(dtype).block_bytes);
  return info;
}

// Bytes of `region` that the footprint names.
std::vector<bool> named(const Footprint& print, uint64_t bytes) {
  std::vector<bool> in(bytes, false);
  for (uint64_t run = 0; run < print.bytes.count; ++run) {
    for (uint64_t i = 0; i < print.bytes.width; ++i) in.at(print.bytes.begin + run * print.bytes.pitch + i) = true;
  }
  return in;
}

// Every piece of `step` indices, put into zeros and into ones: a byte that differs from both backgrounds' own was written.
void expect_exact(const Slice& slice, int64_t step) {
  const uint64_t bytes = slice.pool_bytes();
  const uint64_t state = slice.packed ? kernels::format::tail_offsets(slice.shape()).tables : bytes;
  for (const TensorPart& part : parts_of(slice)) {
    std::vector<bool> covered(bytes, false);
    for (int64_t begin = part.index.begin; begin < part.index.end; begin += part.whole ? part.index.size() : step) {
      const Range index{begin, part.whole ? part.index.end : std::min(begin + step, part.index.end)};
      const std::vector<std::byte> lines(static_cast<size_t>((index.size() - 1) * part.step + 1) * part.line_bytes, std::byte{0x3C});
      const Footprint print = footprint(part, index);
      const std::vector<bool> in = named(print, bytes);
      std::vector<std::byte> region(bytes, std::byte{0});
      put({.part = part, .index = index, .line = lines.data(), .region = region.data()});
      for (uint64_t i = 0; i < state; ++i) ASSERT_TRUE(region[i] == std::byte{0} || in[i]) << static_cast<int>(part.feed) << " wrote byte " << i;
      EXPECT_EQ(print.leaves_state, slice.packed && (part.feed == Feed::scales || slice.weight->format.codes == Dtype::bf16));
      for (uint64_t i = 0; i < bytes; ++i) {
        ASSERT_TRUE(!in[i] || !covered[i] || print.shares) << static_cast<int>(part.feed) << " byte " << i << " twice";
        covered[i] = covered[i] || in[i];
      }
    }
  }
}

void expect_exact_in_cuts(const Weight& weight, bool packed = false) {
  for (const Range rows : {Range{0, weight.rows}, Range{16, weight.rows}, Range{21, weight.rows - 3}}) {
    for (const Range cols : {Range{0, weight.cols}, Range{64, weight.cols}, Range{0, 96}}) {
      const Slice slice{.weight = &weight, .form = Form::packed, .rows = rows, .cols = cols, .packed = packed};
      for (const int64_t step : {16, 24, 64, 1000}) {
        SCOPED_TRACE(testing::Message() << "rows " << rows.begin << " to " << rows.end << ", columns " << cols.begin << " to " << cols.end << ", pieces of " << step);
        ASSERT_NO_FATAL_FAILURE(expect_exact(slice, step));
      }
    }
  }
}

TEST(Footprint, OfPlainRowsAndColumns) {
  const TensorInfo rows = tensor(Dtype::bf16, {72, 192}), columns = tensor(Dtype::bf16, {192, 72});
  Weight weight{.role = model::Role::gate, .rows = 72, .cols = 192, .format = plain_format(Dtype::bf16), .codes = &rows};
  expect_exact_in_cuts(weight);
  expect_exact_in_cuts(weight, true);
  weight.codes = &columns;
  weight.layout = CodeLayout::columns;
  expect_exact_in_cuts(weight);
  expect_exact_in_cuts(weight, true);
}

TEST(Footprint, OfScalesInGroupsRowsAndSquares) {
  const TensorInfo nibbles = tensor(Dtype::u8, {72, 96}), e4m3 = tensor(Dtype::f8_e4m3, {72, 12}), one = tensor(Dtype::f32, {1});
  const WeightFormat nvfp4{.codes = Dtype::e2m1, .scales = Scales::per_group, .scale_dtype = Dtype::f8_e4m3, .group = 16, .global = true};
  const Weight fp4{.role = model::Role::gate, .rows = 72, .cols = 192, .format = nvfp4, .codes = &nibbles, .scales = &e4m3, .global = &one};
  expect_exact_in_cuts(fp4);
  expect_exact_in_cuts(fp4, true);

  const TensorInfo bytes = tensor(Dtype::f8_e4m3, {72, 192}), of_rows = tensor(Dtype::f32, {72, 1}), squares = tensor(Dtype::f32, {5, 12});
  Weight fp8{.role = model::Role::gate, .rows = 72, .cols = 192, .format = {.codes = Dtype::f8_e4m3, .scales = Scales::per_row}, .codes = &bytes, .scales = &of_rows};
  expect_exact_in_cuts(fp8);
  fp8.format = {.codes = Dtype::f8_e4m3, .scales = Scales::per_block, .group = 16};
  fp8.scales = &squares;
  expect_exact_in_cuts(fp8);
}

TEST(Footprint, OfWordsOfInt4AndTheirZeroPoints) {
  const TensorInfo gptq = tensor(Dtype::i32, {24, 72}), awq = tensor(Dtype::i32, {192, 9}), rows = tensor(Dtype::i32, {72, 24});
  const TensorInfo scales = tensor(Dtype::f16, {6, 72}), zeros = tensor(Dtype::i32, {6, 9});
  const TensorInfo of_rows = tensor(Dtype::f16, {72, 6}), along = tensor(Dtype::i32, {9, 6});
  const WeightFormat int4{.codes = Dtype::int4, .scales = Scales::per_group, .scale_dtype = Dtype::f16, .group = 32, .zero_points = true};
  Weight weight{.role = model::Role::gate, .rows = 72, .cols = 192, .format = int4, .layout = CodeLayout::gptq, .codes = &gptq, .scales = &scales, .zeros = &zeros};
  expect_exact_in_cuts(weight);
  weight.layout = CodeLayout::awq;
  weight.codes = &awq;
  expect_exact_in_cuts(weight);
  weight.layout = CodeLayout::rows;
  weight.codes = &rows, weight.scales = &of_rows, weight.zeros = &along;
  expect_exact_in_cuts(weight);
}

TEST(Footprint, OfAVector) {
  const TensorInfo values = tensor(Dtype::bf16, {100});
  const Weight weight{.role = model::Role::gate, .cols = 100, .vector = true, .format = plain_format(Dtype::bf16), .codes = &values};
  expect_exact({.weight = &weight, .form = Form::vector_f32, .rows = {0, 1}, .cols = {10, 90}}, 7);
}

}  // namespace
}  // namespace yoke::node
