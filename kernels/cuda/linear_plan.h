// How products become launches, for the modes that have their panels read by kernels of linear_kernel.cuh's shapes.
// Internal to the planners.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/units.h"
#include "kernels/cuda/linear_params.h"
#include "kernels/ops.h"

namespace yoke::kernels::cuda {

// The kernels of one format: names begin with `name`.
struct LinearKernels {
  const char* name;
  LinearRing ring;
};

// One of them: for so many rows and panels a block.
struct LinearVariant {
  const char* suffix;
  uint32_t rows, panels;
  bool split;
};
const LinearVariant& linear_variant(int64_t rows);

// Without first_block.
LinearProblem linear_problem(const Linear& product);

// Products of one format and variant that share a launch.
struct LinearGroup {
  const LinearKernels* kernels;
  const LinearVariant* variant;
  LinearParams params{};
  std::vector<size_t> products;  // of each problem
  uint32_t grid = 0;

  std::string kernel() const { return std::string(kernels->name) + variant->suffix; }
};

// kernels_of(product), variant_of(product); row_tiles(product, variant): how many blocks a range of panels takes.
template <class KernelsOf, class VariantOf, class RowTiles>
std::vector<LinearGroup> linear_groups(std::span<const Linear> products, const KernelsOf& kernels_of,
                                       const VariantOf& variant_of, const RowTiles& row_tiles) {
  std::vector<LinearGroup> groups;
  for (size_t i = 0; i < products.size(); ++i) {
    const Linear& product = products[i];
    if (product.rows == 0 || panels_of(product).empty()) continue;
    const LinearKernels& kernels = kernels_of(product);
    const LinearVariant& variant = variant_of(product);
    auto group = std::find_if(groups.begin(), groups.end(), [&](const LinearGroup& g) {
      return g.kernels == &kernels && g.variant == &variant && g.params.count < kMostLinearProblems;
    });
    if (group == groups.end()) group = groups.insert(groups.end(), {.kernels = &kernels, .variant = &variant});
    LinearProblem problem = linear_problem(product);
    problem.first_block = group->grid;
    group->params.problems[group->params.count++] = problem;
    group->products.push_back(i);
    group->grid += static_cast<uint32_t>(ceil_div(panels_of(product).size(), int64_t{variant.panels}) *
                                         row_tiles(product, variant));
  }
  return groups;
}

inline int64_t linear_row_tiles(const Linear& product, const LinearVariant& v) {
  return ceil_div(product.rows, int64_t{v.rows});
}

// Of grouped products of `experts` experts: every expert may end in a tile that is not full. And the rows that an
// expert usually has.
inline int64_t grouped_row_tiles(const Linear& product, int64_t experts, const LinearVariant& v) {
  return std::min(experts, product.rows) + product.rows / int64_t{v.rows};
}
inline int64_t grouped_rows(const Linear& product, int64_t experts) {
  return ceil_div(product.rows, std::max<int64_t>(1, experts));
}

}  // namespace yoke::kernels::cuda
