// Puts what was read of a tensor into its slice's region of the pool, in the form that kernels read.
#pragma once

#include <cstddef>

#include "node/tensor_part.h"

namespace yoke::node {

// Indices of `part`, which is one of parts_of(its slice); the line of the first of them lies at `line`, the others follow as in
// the file. Any thread, on the terms of kernels/packed_matrix.h.
struct PutPart {
  const TensorPart& part;
  Range index;
  const std::byte* line;
  std::byte* region;
};
void put(const PutPart& job);

}  // namespace yoke::node
