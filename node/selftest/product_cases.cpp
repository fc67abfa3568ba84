#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/half.h"
#include "kernels/format/values.h"
#include "node/selftest/cases.h"
#include "node/selftest/made_matrix.h"
#include "parallel/gpu_fit.h"

namespace yoke::node::selftest {
namespace {

using kernels::GroupedLinear;
using kernels::Linear;
using kernels::PackedMatrix;

// One product of a case. 40 outputs are two panels and a half; 344 columns a span of 256 and a tail.
struct Product {
  MadeMatrix matrix;
  int64_t rows = 1;
  std::vector<float> x, bias;
  Range outputs{};

  int64_t width() const { return outputs.empty() ? matrix.shape.rows : std::min(outputs.end, matrix.shape.rows) - outputs.begin; }
  int64_t x_stride() const { return matrix.shape.cols + 4; }
};

Product product(MadeMatrix matrix, int64_t rows, bool bias, Range outputs, uint64_t seed) {
  Numbers numbers(seed);
  Product p{.matrix = std::move(matrix), .rows = rows, .outputs = outputs};
  p.x = numbers.reals(rows * p.x_stride());
  if (bias) p.bias = numbers.reals(p.matrix.shape.rows);
  return p;
}

std::vector<Product> products_of(const WeightFormat& f) {
  const Part whole{.rows = 40, .cols = 344};
  const int64_t cut = feature_cut_group(f), cols = round_up(whole.cols, column_unit(f));
  const Part part{.rows = 72, .cols = 344, .part_rows = {24, 61}, .part_cols = {3 * cut, cols}};
  std::vector<Product> products;
  uint64_t seed = 1;
  for (const int64_t rows : {1, 2, 8, 9, 17, 70}) products.push_back(product(make_matrix(f, whole, 7), rows, rows % 2 == 0, {}, ++seed));
  for (const int64_t rows : {1, 5, 33}) products.push_back(product(make_matrix(f, part, 8), rows, rows == 5, {}, ++seed));
  products.push_back(product(make_matrix(f, whole, 9), 3, true, {16, 48}, ++seed));
  return products;
}

Linear place(const Product& p, Side& side, int64_t padding) {
  const int64_t stride = p.width() + padding;
  return {.w = p.matrix.at(side.put(p.matrix.bytes)),
          .x = side.put(p.x),
          .x_stride = p.x_stride(),
          .rows = p.rows,
          .y = side.room<float>(p.rows * stride),
          .y_stride = stride,
          .bias = p.bias.empty() ? nullptr : side.put(p.bias),
          .outputs = p.outputs};
}

std::vector<float> run_products(const WeightFormat& f, Side& side, int64_t padding) {
  std::vector<float> all;
  for (const Product& p : products_of(f)) {
    side.clear();
    const Linear problem = place(p, side, padding);
    side.ops().run(problem);
    const std::vector<float> y = side.get(problem.y, p.rows * problem.y_stride);
    all.insert(all.end(), y.begin(), y.end());
  }
  return all;
}

Expected expect_products(const WeightFormat& f) {
  Expected all;
  for (const Product& p : products_of(f)) {
    const Expected one = bf16_expected(p.matrix.at(p.matrix.bytes.data()), p.x, p.x_stride(), p.rows,
                                       p.bias.empty() ? nullptr : p.bias.data(), p.outputs);
    all.values.insert(all.values.end(), one.values.begin(), one.values.end());
    all.bounds.insert(all.bounds.end(), one.bounds.begin(), one.bounds.end());
  }
  return all;
}

// Rows of a batch of 70, then the same rows alone.
std::vector<float> run_alone(const WeightFormat& f, Side& side) {
  constexpr int64_t kRows[] = {0, 9, 40, 69};
  const Product p = product(make_matrix(f, {.rows = 40, .cols = 344}, 7), 70, true, {}, 3);
  const Linear batch = place(p, side, 0);
  side.ops().run(batch);
  const std::vector<float> y = side.get(batch.y, p.rows * p.width());
  std::vector<float> in_batch, alone;
  for (const int64_t row : kRows) {
    in_batch.insert(in_batch.end(), y.begin() + row * p.width(), y.begin() + (row + 1) * p.width());
    Linear one = batch;
    one.x += row * one.x_stride;
    one.rows = 1;
    one.y = side.room<float>(p.width());
    side.ops().run(one);
    const std::vector<float> got = side.get(one.y, p.width());
    alone.insert(alone.end(), got.begin(), got.end());
  }
  in_batch.insert(in_batch.end(), alone.begin(), alone.end());
  return in_batch;
}

// Four experts: two pairs, none, five, one; room for two pairs more, which stays as it was.
struct Grouped {
  std::vector<MadeMatrix> experts;
  std::vector<std::vector<float>> biases;
  std::vector<int32_t> offsets{0, 2, 2, 7, 8}, slots{1, 6, 0, 3, 5, 7, 9, 2, 4, 8};
  int64_t pairs = 10, top_k = 2;
  std::vector<float> x;
  int64_t width() const { return experts.front().shape.rows; }
  int64_t cols() const { return experts.front().shape.cols; }
};

Grouped grouped_of(const WeightFormat& f) {
  Grouped g;
  Numbers numbers(5);
  for (uint64_t e = 0; e < 4; ++e) {
    g.experts.push_back(make_matrix(f, {.rows = 40, .cols = 280}, 20 + e));
    g.biases.push_back(numbers.reals(g.width()));
  }
  g.x = numbers.reals(g.pairs * g.cols());
  return g;
}

struct PlacedGroup {
  std::vector<PackedMatrix> experts;
  std::vector<const float*> biases;
  const float* x;
};

PlacedGroup place(const Grouped& g, Side& side) {
  PlacedGroup placed;
  for (const MadeMatrix& matrix : g.experts) placed.experts.push_back(matrix.at(side.put(matrix.bytes)));
  for (const std::vector<float>& bias : g.biases) placed.biases.push_back(side.put(bias));
  placed.x = side.put(g.x);
  return placed;
}

// By slots with biases, then by places without.
std::vector<float> run_grouped(const Grouped& g, const PlacedGroup& placed, Side& side) {
  GroupedLinear problem{.experts = placed.experts,
                        .bias = placed.biases,
                        .offsets = side.put(g.offsets),
                        .slots = side.put(g.slots),
                        .pairs = g.pairs,
                        .top_k = g.top_k,
                        .x = placed.x,
                        .x_stride = g.cols(),
                        .y = side.room<float>(g.pairs * g.width())};
  side.ops().run(problem);
  std::vector<float> all = side.get(problem.y, g.pairs * g.width());
  problem.bias = {};
  problem.slots = nullptr;
  problem.y = side.room<float>(g.pairs * g.width());
  side.ops().run(problem);
  const std::vector<float> second = side.get(problem.y, g.pairs * g.width());
  all.insert(all.end(), second.begin(), second.end());
  return all;
}

// The same by products of one pair each.
std::vector<float> run_one_by_one(const Grouped& g, const PlacedGroup& placed, Side& side) {
  float* const y = side.room<float>(2 * g.pairs * g.width());
  for (size_t e = 0; e < g.experts.size(); ++e) {
    for (int64_t i = g.offsets[e]; i < g.offsets[e + 1]; ++i) {
      const int64_t row = g.slots[static_cast<size_t>(i)] / g.top_k;
      Linear one{.w = placed.experts[e],
                 .x = placed.x + row * g.cols(),
                 .x_stride = g.cols(),
                 .rows = 1,
                 .y = y + i * g.width(),
                 .y_stride = g.width(),
                 .bias = placed.biases[e]};
      side.ops().run(one);
      one.x = placed.x + i * g.cols();
      one.y = y + (g.pairs + i) * g.width();
      one.bias = nullptr;
      side.ops().run(one);
    }
  }
  return side.get(y, 2 * g.pairs * g.width());
}

std::vector<float> run_experts(const WeightFormat& f, Side& side, bool beside_products) {
  const Grouped g = grouped_of(f);
  const PlacedGroup placed = place(g, side);
  std::vector<float> all = run_grouped(g, placed, side);
  if (!beside_products) return all;
  const std::vector<float> alone = run_one_by_one(g, placed, side);
  all.insert(all.end(), alone.begin(), alone.end());
  return all;
}

}  // namespace

bool multiplies_as_bf16(const WeightFormat& f) { return f.codes != Dtype::f32 && f.codes != Dtype::f16; }

Expected bf16_expected(const PackedMatrix& w, std::span<const float> x, int64_t x_stride, int64_t rows, const float* bias, Range outputs) {
  constexpr double kStep = 0x1p-20;
  constexpr int64_t kParts = 8, kColumnsAStep = 16;
  const double chain = static_cast<double>(ceil_div(w.cols(), kParts * kColumnsAStep) + 1 + kParts + 3);  // and the scales and the bias
  const double relative = kStep * chain;
  const Range of = outputs.empty() ? Range{0, w.rows()} : Range{outputs.begin, std::min(outputs.end, w.rows())};
  Expected expected;
  expected.values.resize(static_cast<size_t>(rows * of.size()));
  expected.bounds.resize(expected.values.size());
  std::vector<float> weights(static_cast<size_t>(w.cols()));
  for (int64_t n = of.begin; n < of.end; ++n) {
    kernels::format::weights(w, n, {0, w.cols()}, weights.data());
    for (int64_t r = 0; r < rows; ++r) {
      double sum = bias ? bias[n] : 0.0, size = std::abs(sum);
      for (int64_t k = 0; k < w.cols(); ++k) {
        const float value = x[static_cast<size_t>(r * x_stride + k)];
        const double term = static_cast<double>(bf16_to_f32(f32_to_bf16(value))) * static_cast<double>(weights[static_cast<size_t>(k)]);
        sum += term;
        size += std::abs(term);
      }
      const size_t at = static_cast<size_t>(r * of.size() + n - of.begin);
      expected.values[at] = sum;
      expected.bounds[at] = relative * size;
    }
  }
  return expected;
}

std::vector<Case> product_cases(MathMode math, Supports supports) {
  std::vector<Case> cases;
  for (const NamedFormat& row : formats()) {
    const WeightFormat f = row.format;
    if (!supports(f, math)) continue;
    const bool exact = math == MathMode::exact || !multiplies_as_bf16(f);
    const std::string mode = fmt::format("{}, mode {}", row.name, name(math));
    Case product{.name = fmt::format("product {}", mode), .against = exact ? Against::twin : Against::bounds,
                 .run = [f, exact](Side& side) { return run_products(f, side, exact ? 3 : 0); }};
    if (!exact) product.expected = [f] { return expect_products(f); };
    cases.push_back(product);
    if (!exact) {
      cases.push_back({.name = fmt::format("product {}: a row alone and in a batch", mode), .against = Against::itself,
                       .run = [f](Side& side) { return run_alone(f, side); }});
    }
    cases.push_back(
        {.name = exact ? fmt::format("experts {}", mode) : fmt::format("experts {}: grouped and one by one", mode),
         .against = exact ? Against::twin : Against::itself,
         .run = [f, exact](Side& side) { return run_experts(f, side, !exact); }});
  }
  return cases;
}

std::vector<std::string> formats_without_product(Supports supports) {
  std::vector<std::string> names;
  for (const NamedFormat& row : formats()) {
    if (parallel::gpu_multiplies(row.format) && !supports(row.format, MathMode::exact) &&
        !supports(row.format, MathMode::bf16))
      names.emplace_back(row.name);
  }
  return names;
}

}  // namespace yoke::node::selftest
