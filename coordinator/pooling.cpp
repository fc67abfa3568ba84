#include "coordinator/pooling.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"

namespace yoke::coordinator {

std::vector<int64_t> Pool::wanted(int64_t tokens) const {
  switch (mode_) {
    case PoolingMode::first: return {0};
    case PoolingMode::last: return {tokens - 1};
    case PoolingMode::mean:
    case PoolingMode::mean_sqrt_length:
    case PoolingMode::weighted_mean:
    case PoolingMode::max: break;
  }
  std::vector<int64_t> all(static_cast<size_t>(tokens));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

void Pool::add(std::span<const float> row) {
  if (rows_++ == 0) sums_.assign(row.size(), mode_ == PoolingMode::max ? -INFINITY : 0.0);
  YOKE_ASSERT(row.size() == sums_.size());
  // Of two, a NaN wins: a sum keeps it, a comparison would let it go by.
  const auto larger = [](double a, double b) { return std::isnan(a) || a >= b ? a : b; };
  const double weight = mode_ == PoolingMode::weighted_mean ? static_cast<double>(rows_) : 1.0;
  for (size_t i = 0; i < row.size(); ++i) {
    const auto x = static_cast<double>(row[i]);
    sums_[i] = mode_ == PoolingMode::max ? larger(sums_[i], x) : sums_[i] + weight * x;
  }
}

std::vector<float> Pool::vector() const {
  YOKE_ASSERT(rows_ > 0);
  const auto rows = static_cast<double>(rows_);
  double divisor = 1;
  switch (mode_) {
    case PoolingMode::mean: divisor = rows; break;
    case PoolingMode::mean_sqrt_length: divisor = std::sqrt(rows); break;
    case PoolingMode::weighted_mean: divisor = rows * (rows + 1) / 2; break;  // of the weights 1, 2, ... rows
    case PoolingMode::max:
    case PoolingMode::first:
    case PoolingMode::last: break;
  }
  std::vector<float> vector(sums_.size());
  std::ranges::transform(sums_, vector.begin(), [&](double sum) { return static_cast<float>(sum / divisor); });
  return vector;
}

std::vector<float> normalised(std::span<const float> vector) {
  double squares = 0;
  for (const float x : vector) squares += static_cast<double>(x) * static_cast<double>(x);
  const double norm = std::sqrt(squares);
  std::vector<float> unit(vector.begin(), vector.end());
  if (norm == 0) return unit;
  for (float& x : unit) x = static_cast<float>(static_cast<double>(x) / norm);
  return unit;
}

float sigmoid(float logit) { return static_cast<float>(1.0 / (1.0 + std::exp(-static_cast<double>(logit)))); }

}  // namespace yoke::coordinator
