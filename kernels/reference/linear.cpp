#include <algorithm>
#include <cmath>

#include "kernels/format/panel.h"
#include "kernels/reference/reference_ops.h"

namespace yoke::kernels::reference {
namespace {

struct Columns {
  int64_t begin, end;
};

float chunk_product(const PackedMatrix& w, int64_t n, const float* x, Columns columns) {
  float sum = 0;
  for (int64_t k = columns.begin; k < columns.end; ++k) sum = std::fma(format::code(w, n, k), x[k], sum);
  return sum;
}

float chunk_sum(const float* x, Columns columns) {
  float sum = 0;
  for (int64_t k = columns.begin; k < columns.end; ++k) sum = sum + x[k];
  return sum;
}

float dot(const PackedMatrix& w, int64_t n, const float* x) {
  float total = 0;
  for (int64_t c = 0; c * kChunk < w.cols; ++c) {
    const Columns columns{c * kChunk, std::min((c + 1) * kChunk, w.cols)};
    const float product = chunk_product(w, n, x, columns);
    if (info(w.dtype).block_elements == 1) {
      total = total + product;
      continue;
    }
    total = std::fma(format::scale(w, n, c), product, total);
    if (w.dtype == Dtype::q4_1) total = std::fma(format::minimum(w, n, c), chunk_sum(x, columns), total);
  }
  return total;
}

}  // namespace

void linear(const Linear& p) {
  for (int64_t r = 0; r < p.rows; ++r) {
    for (int64_t n = 0; n < p.w.rows; ++n) {
      const float total = dot(p.w, n, p.x + r * p.x_stride);
      p.y[r * p.y_stride + n] = p.bias != nullptr ? total + p.bias[n] : total;
    }
  }
}

void embedding_lookup(const EmbeddingLookup& p) {
  for (size_t r = 0; r < p.rows_of_w.size(); ++r) {
    float* y = p.y + static_cast<int64_t>(r) * p.y_stride;
    for (int64_t k = 0; k < p.w.cols; ++k) y[k] = format::weight(p.w, p.rows_of_w[r], k);
  }
}

}  // namespace yoke::kernels::reference
