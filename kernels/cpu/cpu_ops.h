// The CPU backend: Highway kernels, compiled for several instruction sets and chosen at run time, equal in every bit to
// kernels/reference on each of them. `threads` > 1 splits outputs or heads over a pool that the Ops object owns; results
// do not depend on the count.
#pragma once

#include <memory>

#include "kernels/ops.h"

namespace yoke::kernels::cpu {

std::unique_ptr<Ops> make_cpu_ops(const OpsConfig& config);

}  // namespace yoke::kernels::cpu
