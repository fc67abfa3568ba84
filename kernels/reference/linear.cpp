#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/format/panel.h"
#include "kernels/format/values.h"
#include "kernels/reference/reference_ops.h"

namespace yoke::kernels::reference {
namespace {

// One output's row: what the fma takes, and, where chunks are scaled, d and m of each chunk.
struct Row {
  std::vector<float> factors;
  std::vector<float> scales, minima;
};

Row row_of(const PackedMatrix& w, int64_t n) {
  Row row;
  row.factors.resize(static_cast<size_t>(w.cols()));
  if (!format::scales_chunks(w.shape)) {
    format::weights(w, n, {0, w.cols()}, row.factors.data());
    return row;
  }
  for (int64_t k = 0; k < w.cols(); ++k) row.factors[static_cast<size_t>(k)] = format::code(w, n, k);
  for (int64_t c = 0; c * kChunk < w.cols(); ++c) {
    row.scales.push_back(format::scale(w, n, c));
    if (w.shape.format.codes == Dtype::q4_1) row.minima.push_back(format::minimum(w, n, c));
  }
  return row;
}

float dot(const Row& w, const float* x) {
  float total = 0;
  const size_t columns = w.factors.size(), chunk = static_cast<size_t>(w.scales.empty() ? kSpan : kChunk);
  for (size_t c = 0; c * chunk < columns; ++c) {
    float product = 0, sum = 0;
    for (size_t k = c * chunk; k < std::min((c + 1) * chunk, columns); ++k) {
      product = std::fma(w.factors[k], x[k], product);
      sum = sum + x[k];
    }
    total = w.scales.empty() ? total + product : std::fma(w.scales[c], product, total);
    if (!w.minima.empty()) total = std::fma(w.minima[c], sum, total);
  }
  return total;
}

}  // namespace

void linear(const Linear& problem) {
  Linear p = problem;
  p.y -= problem.outputs.begin;  // outputs count from the matrix's first
  linear(p, panels_of(problem));
}

void linear(const Linear& p, Range panels) {
  for (int64_t n = panels.begin * kPanelRows; n < std::min(panels.end * kPanelRows, p.w.rows()); ++n) {
    const Row w = row_of(p.w, n);
    for (int64_t r = 0; r < p.rows; ++r) {
      const float total = dot(w, p.x + r * p.x_stride);
      p.y[r * p.y_stride + n] = p.bias != nullptr ? total + p.bias[n] : total;
    }
  }
}

void transposed_linear(const TransposedLinear& p) {
  for (int64_t r = 0; r < p.rows; ++r) std::fill_n(p.y + r * p.y_stride, p.w.cols(), 0.0f);
  std::vector<float> w(static_cast<size_t>(p.w.cols()));
  for (int64_t n = 0; n < p.count; ++n) {
    format::weights(p.w, p.first + n, {0, p.w.cols()}, w.data());
    for (int64_t r = 0; r < p.rows; ++r) {
      const float x = p.x[r * p.x_stride + n];
      float* y = p.y + r * p.y_stride;
      for (size_t k = 0; k < w.size(); ++k) y[k] = std::fma(w[k], x, y[k]);
    }
  }
}

void embedding_lookup(const EmbeddingLookup& p) {
  for (size_t r = 0; r < p.rows_of_w.size(); ++r) {
    format::weights(p.w, p.rows_of_w[r], {0, p.w.cols()}, p.y + static_cast<int64_t>(r) * p.y_stride);
  }
}

}  // namespace yoke::kernels::reference
