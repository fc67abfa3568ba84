// Records that a device has made of rows of logits, so that the host reads no logits (kernels/candidates.h). They have the bits of
// summarize()'s.
#pragma once

#include <array>
#include <cstddef>

#include "core/units.h"
#include "kernels/candidates.h"
#include "node/sampler/half_record.h"
#include "node/sampler/row.h"

namespace yoke::node::sampler {

// What a device can answer of a row; mode none: a bias, penalties, log probabilities and a top_k beyond the candidates are the host's.
kernels::CandidateRequest candidates_for(const RowRequest& request);

// What it found of one half, by rows; null: nobody looked.
struct FoundHalf {
  const kernels::CandidateSummary* summaries = nullptr;  // [rows]
  const kernels::Candidate* best = nullptr;              // [rows, kMostCandidates]

  FoundHalf row(size_t i) const { return summaries == nullptr ? FoundHalf{} : FoundHalf{summaries + i, best + i * kernels::kMostCandidates}; }
};
using Found = std::array<FoundHalf, 2>;

// The record of the one row `found`; false: the host has to summarize it.
bool take_found(const RowRequest& request, Range half, const FoundHalf& found, HalfRecord& record);

}  // namespace yoke::node::sampler
