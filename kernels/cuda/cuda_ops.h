// The ops on a GPU, through the driver. All addresses in problems are ones that the GPU reads: its own memory, or pinned memory of the
// host; also those in spans (rows, places). Host memory are only the lists of problems themselves, the experts of a GroupedLinear and a
// Meeting. Calls return when their work is in the device's stream; errors of a kernel show at Device::finish.
//
// In mode `exact` every op has the bits of the CPU's. In the others products alone differ (docs/bits.md).
#pragma once

#include <memory>
#include <string>

#include "kernels/ops.h"

namespace yoke::kernels::cuda {

std::string cuda_unavailable();  // why no GPU here can run them, with the remedy; empty where one can
bool cuda_supports(const WeightFormat& weight, MathMode math);
// Error{unsupported} for a GPU that is not there or that no image is made for, or a mode that it lacks.
std::unique_ptr<Ops> make_cuda_ops(const OpsConfig& config);

}  // namespace yoke::kernels::cuda
