// Products of mode `exact` and embeddings: which kernel takes which weights, and with what.
#pragma once

#include <span>
#include <string_view>

#include "kernels/cuda/launch.h"
#include "kernels/cuda/linear_exact_params.h"
#include "kernels/ops.h"

namespace yoke::kernels::cuda {

// Whether the kernels read weights of this format.
bool reads_weights(const WeightFormat& format);

// What they take: `params` for the kernels whose names end in `codes`. Error{unsupported} names a format that none reads.
struct CodedWeights {
  WeightParams params;
  std::string_view codes;
};
CodedWeights coded_weights(const PackedMatrix& w);

void launch_linear_exact(Launcher& launcher, std::span<const Linear> problems);
// `experts`: a table on the device, of p.experts.
void launch_grouped_exact(Launcher& launcher, const GroupedLinear& p, const ExpertData* experts);
void launch_embedding(Launcher& launcher, const EmbeddingLookup& p);

}  // namespace yoke::kernels::cuda
