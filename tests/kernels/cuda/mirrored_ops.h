// A GPU's ops for problems that lie in the host's memory: copies every operand to a block of its own on the device, exactly as long
// as the op may touch, runs it there and copies back what it may have written. So the kernels run under the generators of
// tests/kernels, and an access past an operand's end is one past a block's end.
#pragma once

#include <memory>

#include "kernels/ops.h"

namespace yoke::kernels::testing {

// `cuda` outlives it.
std::unique_ptr<Ops> mirrored(Ops& cuda);

}  // namespace yoke::kernels::testing
