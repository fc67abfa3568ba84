// Planned rows of a sequence as a step's frame says them: what control.proto asks for, and no more than is needed.
#pragma once

#include "coordinator/sequence.h"
#include "transport/control/control.pb.h"

namespace yoke::coordinator {

// `logit_positions`: what Sequence::take_wanted_rows gave. The sequence's blocks cover the rows already.
void fill_entry(const Sequence& sequence, const PlannedRows& rows, const std::vector<int64_t>& logit_positions,
                transport::proto::StepEntry& entry);

}  // namespace yoke::coordinator
