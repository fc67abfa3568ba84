// Finds regions of a pool and holds them against the shape that the plan says.
#pragma once

#include <cstdint>

#include "kernels/packed_matrix.h"
#include "model/catalogue.h"
#include "node/pool.h"

namespace yoke::node::forward {

// A region that belongs to no layer has kNoLayer, what is not cut half 0.
struct Place {
  int layer = model::kNoLayer;
  int half = 0;
  int expert = 0;
};

class Binder {
 public:
  explicit Binder(const Pool& pool) : pool_(pool) {}

  // Error{bad_file} names the region that is missing or has another shape. An empty one where rows or cols are 0.
  kernels::PackedMatrix matrix(model::Role role, Place place, int64_t rows, int64_t cols) const;
  kernels::PackedMatrix optional_matrix(model::Role role, Place place, int64_t rows, int64_t cols) const;  // empty where missing
  const float* vector(model::Role role, Place place, int64_t n) const;
  const float* optional_vector(model::Role role, Place place, int64_t n) const;  // null where missing

 private:
  const Pool& pool_;
};

}  // namespace yoke::node::forward
