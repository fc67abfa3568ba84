// What a shard's key says about the plan.
#pragma once

#include "parallel/plan.h"
#include "transport/control/control.pb.h"

namespace yoke::node {

// Error{invalid_argument} for a rank that the layout has not or a cache type that is none, Error{unsupported} for a math mode that
// this build has not. make_plan checks the rest.
parallel::PlanOptions plan_options_of(const transport::proto::ShardKey& shard);

}  // namespace yoke::node
