// Weights that nobody trained, for benches of layers of a known model: random numbers of the size that trained ones have, so that
// states stay finite and kernels do what they always do.
#pragma once

#include <functional>

#include "model/catalogue.h"
#include "node/loader.h"
#include "node/pool.h"
#include "parallel/plan.h"

namespace yoke::node {

// Fills the regions of `rank`. Progress and cancellation as load(): bytes are those that a file would have. The same numbers for the
// same rank and plan every time.
void make_weights(const parallel::Plan& plan, int rank, const model::Catalogue& catalogue, const Pool& pool,
                  const std::function<void(const LoadProgress&)>& progress, const std::function<bool()>& cancelled);

}  // namespace yoke::node
