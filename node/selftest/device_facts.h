// What the driver and NVML say of a GPU.
#pragma once

#include "node/selftest/report.h"

namespace yoke::node::selftest {

// Error{unsupported} for a GPU that is not there.
DeviceFacts gpu_facts(int gpu);
cuda::nvml::Reading reading_of(int gpu);

}  // namespace yoke::node::selftest
