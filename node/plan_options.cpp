#include "node/plan_options.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/math_mode.h"

namespace yoke::node {

parallel::PlanOptions plan_options_of(const transport::proto::ShardKey& shard) {
  const int64_t world = static_cast<int64_t>(shard.tp()) * shard.pp();
  if (shard.tp() < 1 || shard.pp() < 1 || shard.rank() < 0 || shard.rank() >= world) {
    throw Error{Code::invalid_argument,
                fmt::format("rank {} of tp {} x pp {} does not exist", shard.rank(), shard.tp(), shard.pp())};
  }
  math_mode_named(shard.math());
  const Dtype kv = kv_type_named(shard.kv().empty() ? "f32" : shard.kv());
  return {.layout = {.tp = shard.tp(), .pp = shard.pp(), .ep = std::max(1, shard.ep())}, .kv = kv, .pack = shard.pack()};
}

}  // namespace yoke::node
