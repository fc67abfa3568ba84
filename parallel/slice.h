// Which part of a checkpoint a rank holds, and under which name it lies in its pool. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "parallel/plan.h"

namespace yoke::parallel {

// How the pool holds it: a matrix packed for the kernels, or a vector widened to f32 (norms, biases, frequencies).
enum class Form { packed, vector_f32 };

struct Slice {
  const model::Weight* weight = nullptr;
  int half = 0;                 // 0 for what is not cut
  Form form = Form::packed;
  Range rows;                   // of the logical matrix (outputs); {0, 1} for a vector
  Range cols;                   // inputs; of a vector: its elements
  bool packed = false;          // in the packed form of the weight's format

  PackedShape shape() const;    // form packed
  std::string region() const;   // "L3.gate.1", "L3.expert_gate.1.e5", "embedding.0", "final_norm.0"
  uint64_t pool_bytes() const;
};

// Region name of a role's half: what forward asks the pool for.
std::string region_name(model::Role role, int layer, int half, int expert = 0);
// Region of the KV cache of one layer's half.
std::string kv_region_name(int layer, int half);

// Every slice of `rank`, in the file's order (file, offset of the codes). Empty halves are left out. Row-parallel biases (o, down)
// belong to half 0. What both halves share lies under half 0, once a rank. A tied head is the embedding's region: one slice; a rank
// that has both stages holds it once.
std::vector<Slice> slices_of(const Plan& plan, int rank, const model::Catalogue& catalogue);

}  // namespace yoke::parallel
