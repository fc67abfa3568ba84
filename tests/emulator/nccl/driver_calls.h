// What the double of NCCL asks of the double of the driver, which it finds as any program does.
#pragma once

#include <cstddef>
#include <cstdint>

#include "transport/nccl/nccl_api.h"

namespace yoke::emulator::nccl {

bool launch_host_function(transport::nccl::cudaStream_t stream, cuda::CUhostFn function, void* data);
bool is_captured(transport::nccl::cudaStream_t stream);
uint64_t current_context();  // 0: none
// Whether a device can reach all of these bytes.
bool is_reachable(const void* pointer, size_t bytes);

}  // namespace yoke::emulator::nccl
