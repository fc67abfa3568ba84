// Every layout of a checkpoint, cut at awkward places, read in many small pieces by several threads: each weight in the pool is the
// one that its file's bytes say.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "copied_memory.h"
#include "kernels/format/values.h"
#include "made_up_checkpoint.h"
#include "node/loader.h"
#include "stored_weight.h"

namespace yoke::node {
namespace {

using model::Role;
using model::Weight;
using parallel::Form;
using parallel::Slice;

struct Made {
  MadeUpCheckpoint file;
  std::vector<Weight> weights;  // whose tensors the file has
};

WeightFormat int4_format(Dtype scales, int32_t group) {
  return {.codes = Dtype::int4, .scales = Scales::per_group, .scale_dtype = scales, .group = group};
}

using Make = void (*)(Made&);
struct Layout {
  const char* name;
  Make make;
  int64_t row_cut, col_cut;
};

void make_plain(Made& m, Dtype dtype) {
  m.weights.push_back({.role = Role::gate, .rows = 72, .cols = 200, .format = plain_format(dtype), .codes = m.file.add(dtype, {72, 200})});
}

void make_fused(Made& m) {
  const auto* qkv = m.file.add(Dtype::bf16, {100, 96});
  for (const auto& [role, first, rows] : {std::tuple(Role::q, 0, 60), {Role::k, 60, 20}, {Role::v, 80, 20}}) {
    m.weights.push_back({.role = role, .rows = rows, .cols = 96, .format = plain_format(Dtype::bf16), .codes = qkv, .first_row = first});
  }
}

// gpt-oss: gate and up alternate in merged experts, with their biases.
void make_interleaved(Made& m) {
  const WeightFormat mxfp4{.codes = Dtype::e2m1, .scales = Scales::per_group, .scale_dtype = Dtype::f8_e8m0, .group = 32};
  const auto* blocks = m.file.add(Dtype::u8, {3, 144, 6, 16});
  const auto* scales = m.file.add(Dtype::f8_e8m0, {3, 144, 6});
  const auto* biases = m.file.add(Dtype::bf16, {3, 144});
  for (int expert = 0; expert < 3; ++expert) {
    for (const bool up : {false, true}) {
      m.weights.push_back({.role = up ? Role::expert_up : Role::expert_gate, .layer = 1, .expert = expert, .rows = 72, .cols = 192,
                           .format = mxfp4, .codes = blocks, .scales = scales, .plane = expert, .first_row = up, .row_step = 2});
      m.weights.push_back({.role = up ? Role::expert_up_bias : Role::expert_gate_bias, .layer = 1, .expert = expert, .cols = 72, .vector = true,
                           .format = plain_format(Dtype::bf16), .codes = biases, .plane = expert, .first_row = up, .row_step = 2});
    }
  }
}

void make_columns(Made& m) {
  const auto* merged = m.file.add(Dtype::bf16, {2, 200, 144});
  for (int expert = 0; expert < 2; ++expert) {
    for (const bool up : {false, true}) {
      m.weights.push_back({.role = up ? Role::expert_up : Role::expert_gate, .layer = 0, .expert = expert, .rows = 72, .cols = 200,
                           .format = plain_format(Dtype::bf16), .layout = CodeLayout::columns, .codes = merged, .plane = expert,
                           .first_row = up, .row_step = 2});
    }
  }
}

void make_int4_words(Made& m, CodeLayout layout, bool act_order) {
  WeightFormat format = int4_format(Dtype::f16, 32);
  format.zero_points = true;
  format.zero_bias = layout == CodeLayout::gptq;
  format.listed_groups = act_order;
  const bool gptq = layout == CodeLayout::gptq;
  m.weights.push_back({.role = Role::gate, .rows = 72, .cols = 288, .format = format, .layout = layout,
                       .codes = gptq ? m.file.add(Dtype::i32, {36, 72}) : m.file.add(Dtype::i32, {288, 9}),
                       .scales = m.file.add(Dtype::f16, {9, 72}), .zeros = m.file.add(Dtype::i32, {9, 9}),
                       .groups = act_order ? m.file.add_groups(288, 9) : nullptr});
}

void make_int4(Made& m, bool asymmetric) {
  WeightFormat format = int4_format(Dtype::bf16, 32);
  format.zero_points = asymmetric;
  m.weights.push_back({.role = Role::gate, .rows = 72, .cols = 288, .format = format, .codes = m.file.add(Dtype::i32, {72, 36}),
                       .scales = m.file.add(Dtype::bf16, {72, 9}), .zeros = asymmetric ? m.file.add(Dtype::i32, {9, 9}) : nullptr});
}

void make_nvfp4(Made& m, bool divides) {
  const WeightFormat nvfp4{.codes = Dtype::e2m1, .scales = Scales::per_group, .scale_dtype = Dtype::f8_e4m3, .group = 16, .global = true};
  m.weights.push_back({.role = Role::gate, .rows = 72, .cols = 192, .format = nvfp4, .codes = m.file.add(Dtype::u8, {72, 96}),
                       .scales = m.file.add(Dtype::f8_e4m3, {72, 12}), .global = m.file.add(Dtype::f32, {1}), .global_divides = divides});
}

void make_fp8(Made& m, Scales scales) {
  const WeightFormat format{.codes = Dtype::f8_e4m3, .scales = scales, .group = scales == Scales::per_block ? 128 : 0, .global = scales == Scales::none};
  Weight weight{.role = Role::gate, .rows = 200, .cols = 300, .format = format, .codes = m.file.add(Dtype::f8_e4m3, {200, 300})};
  if (scales == Scales::per_block) weight.scales = m.file.add(Dtype::f32, {2, 3});
  if (scales == Scales::per_row) weight.scales = m.file.add(Dtype::bf16, {200, 1});
  if (format.global) weight.global = m.file.add(Dtype::f32, {});
  m.weights.push_back(weight);
}

void make_blocks(Made& m, Dtype dtype) {
  m.weights.push_back({.role = Role::gate, .rows = 72, .cols = 768, .format = plain_format(dtype), .codes = m.file.add_blocks(dtype, 72, 768)});
}

constexpr Layout kLayouts[] = {
    {"f32", [](Made& m) { make_plain(m, Dtype::f32); }, 32, 96},
    {"bf16", [](Made& m) { make_plain(m, Dtype::bf16); }, 20, 50},
    {"fused_qkv", make_fused, 20, 48},
    {"interleaved_mxfp4", make_interleaved, 32, 96},
    {"interleaved_mxfp4_inside_a_group", make_interleaved, 21, 48},
    {"columns", make_columns, 32, 64},
    {"columns_anywhere", make_columns, 21, 100},
    {"gptq", [](Made& m) { make_int4_words(m, CodeLayout::gptq, false); }, 32, 128},
    {"gptq_act_order", [](Made& m) { make_int4_words(m, CodeLayout::gptq, true); }, 20, 144},
    {"gptq_inside_a_word", [](Made& m) { make_int4_words(m, CodeLayout::gptq, true); }, 20, 140},
    {"awq", [](Made& m) { make_int4_words(m, CodeLayout::awq, false); }, 32, 128},
    {"awq_inside_a_word", [](Made& m) { make_int4_words(m, CodeLayout::awq, false); }, 21, 140},
    {"int4", [](Made& m) { make_int4(m, false); }, 32, 96},
    {"int4_asymmetric", [](Made& m) { make_int4(m, true); }, 21, 140},
    {"nvfp4", [](Made& m) { make_nvfp4(m, false); }, 32, 96},
    {"nvfp4_that_divides", [](Made& m) { make_nvfp4(m, true); }, 20, 88},
    {"fp8_squares", [](Made& m) { make_fp8(m, Scales::per_block); }, 96, 160},
    {"fp8_rows", [](Made& m) { make_fp8(m, Scales::per_row); }, 100, 150},
    {"fp8_whole", [](Made& m) { make_fp8(m, Scales::none); }, 100, 150},
    {"q4_0", [](Made& m) { make_blocks(m, Dtype::q4_0); }, 32, 400},
    {"q4_k", [](Made& m) { make_blocks(m, Dtype::q4_k); }, 32, 416},
    {"q6_k", [](Made& m) { make_blocks(m, Dtype::q6_k); }, 20, 400},
    {"nvfp4_of_gguf", [](Made& m) { make_blocks(m, Dtype::nvfp4); }, 32, 400},
};

// The halves of a weight, cut by its outputs or its inputs; a vector is cut as the outputs are.
std::vector<Slice> halves_of(const Weight& w, const Layout& layout, bool by_rows) {
  std::vector<Slice> halves;
  for (const int half : {0, 1}) {
    const auto part = [&](int64_t cut, int64_t n) { return half == 0 ? Range{0, cut} : Range{cut, n}; };
    const Range all_rows{0, w.rows}, all_cols{0, w.cols};
    // Parts of fused tensors that are too short for the cut stay whole, under half 0.
    if (w.vector) halves.push_back({&w, half, Form::vector_f32, all_rows, part(layout.row_cut, w.cols)});
    else if (by_rows && layout.row_cut >= w.rows) halves.push_back({&w, half, Form::packed, half == 0 ? all_rows : Range{0, 1}, all_cols});
    else if (by_rows) halves.push_back({&w, half, Form::packed, part(layout.row_cut, w.rows), all_cols});
    else halves.push_back({&w, half, Form::packed, all_rows, part(layout.col_cut, w.cols)});
  }
  return halves;
}

bool same(float a, float b) { return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b) || (std::isnan(a) && std::isnan(b)); }

void expect_stored(const std::vector<FileBytes>& bytes, const Slice& slice, const Pool& pool) {
  const Region& region = pool.at(slice.region());
  const std::byte* data = pool.data(region);
  for (int64_t row = slice.rows.begin; row < slice.rows.end; ++row) {
    for (int64_t col = slice.cols.begin; col < slice.cols.end; ++col) {
      const float expected = stored_weight(bytes, *slice.weight, row, col);
      const float found = slice.form == Form::vector_f32
                              ? reinterpret_cast<const float*>(data)[col - slice.cols.begin]
                              : kernels::format::weight({region.shape, data}, row - slice.rows.begin, col - slice.cols.begin);
      ASSERT_TRUE(same(found, expected)) << slice.region() << " (" << row << ", " << col << "): " << found << ", expected " << expected;
    }
  }
}

void expect_loads_into(const Pool& pool, const Made& made, const std::vector<Slice>& slices, LoadOptions options) {
  load(slices, made.file.checkpoint(), pool, {}, {}, options);
  const std::vector<FileBytes> bytes = bytes_of(made.file.checkpoint());
  for (const Slice& slice : slices) ASSERT_NO_FATAL_FAILURE(expect_stored(bytes, slice, pool));
}

// Where the host writes the pool and where it only copies to it; BF16 packed too (a packed form holds no scales that are mere noise:
// loader_golden_test.cpp packs NVFP4).
void expect_loads(const Made& made, std::vector<Slice> slices, LoadOptions options) {
  for (const bool packed : {false, true}) {
    for (Slice& slice : slices) slice.packed = packed && slice.form == Form::packed && slice.weight->format == plain_format(Dtype::bf16);
    if (packed && std::none_of(slices.begin(), slices.end(), [](const Slice& slice) { return slice.packed; })) return;
    SCOPED_TRACE(packed ? "packed" : "as stored");
    ASSERT_NO_FATAL_FAILURE(expect_loads_into(Pool::create(regions_of(slices)), made, slices, options));
    for (const CopyTime time : {CopyTime::at_once, CopyTime::late}) {
      SCOPED_TRACE(time == CopyTime::late ? "copied late" : "copied at once");
      ASSERT_NO_FATAL_FAILURE(expect_loads_into(Pool::create(regions_of(slices), copied_memory(time)), made, slices, options));
    }
  }
}

class LoaderOfLayout : public testing::TestWithParam<Layout> {
 protected:
  void SetUp() override {
    GetParam().make(made_);
    made_.file.write();
  }
  Made made_;
};

TEST_P(LoaderOfLayout, PutsEveryWeightOfBothHalvesInItsPlace) {
  for (const bool by_rows : {true, false}) {
    std::vector<Slice> slices;
    for (const Weight& weight : made_.weights) {
      for (const Slice& half : halves_of(weight, GetParam(), by_rows)) slices.push_back(half);
    }
    for (const uint64_t read_bytes : {kReadBytes, uint64_t{2048}}) {
      SCOPED_TRACE(testing::Message() << (by_rows ? "by rows" : "by columns") << ", reads of " << read_bytes);
      ASSERT_NO_FATAL_FAILURE(expect_loads(made_, slices, {.threads = 4, .read_bytes = read_bytes}));
    }
  }
}

TEST_P(LoaderOfLayout, PutsEitherHalfAloneInItsPlaceWithItsChunksChecked) {
  for (const bool by_rows : {true, false}) {
    for (const size_t half : {size_t{0}, size_t{1}}) {
      std::vector<Slice> slices;
      for (const Weight& weight : made_.weights) slices.push_back(halves_of(weight, GetParam(), by_rows)[half]);
      model::Manifest manifest = model::start_manifest(made_.file.checkpoint());
      SCOPED_TRACE(testing::Message() << (by_rows ? "by rows" : "by columns") << ", half " << half);
      ASSERT_NO_FATAL_FAILURE(expect_loads(made_, slices, {.threads = 4, .manifest = &manifest, .read_bytes = 2048}));
      EXPECT_GT(manifest.known(), 0u);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Layouts, LoaderOfLayout, testing::ValuesIn(kLayouts), [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace yoke::node
