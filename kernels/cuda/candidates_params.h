// What the kernel of candidates.cu takes; fields as those of the op (kernels/ops.h, kernels/candidates.h).
#pragma once

#include <cstdint>

#include "kernels/candidates.h"

namespace yoke::kernels::cuda {

inline constexpr uint32_t kCandidateThreads = 1024;  // at most; whole warps
inline constexpr uint32_t kMostCandidateSlices = 2;

struct CandidateSliceData {
  const float* logits;
  int32_t width, first_token;
  CandidateSummary* summaries;
  Candidate* best;
};

// grid (rows, slices)
struct CandidatesParams {
  const CandidateRequest* requests;
  CandidateSliceData slices[kMostCandidateSlices];
};

}  // namespace yoke::kernels::cuda
