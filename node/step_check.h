// What a coordinator could get wrong in one entry of a step.
#pragma once

#include "node/step_batch.h"

namespace yoke::node {

// Error{invalid_argument} with the sequence, the field, the numbers.
void check_entry(const transport::proto::StepEntry& entry, const StepLimits& limits, const TokenMemory& memory);

// Rows of an entry: its tokens, or the one drawn in an earlier step.
inline int64_t rows_of(const transport::proto::StepEntry& entry) { return entry.from_step() != 0 ? 1 : entry.tokens_size(); }

}  // namespace yoke::node
