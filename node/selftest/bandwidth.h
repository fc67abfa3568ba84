// How fast a GPU copies, and which share of that its decode products reach.
#pragma once

#include "node/selftest/kernel_checks.h"
#include "node/selftest/report.h"

namespace yoke::node::selftest {

// Fills copy_gb_per_s, bandwidth (or no_bandwidth) and device.loaded of the report, whose device facts are there
// already. Takes up to 1.5 GiB of the GPU's memory meanwhile.
void measure_bandwidth(int gpu, Report& report, const OnProgress& progress);

}  // namespace yoke::node::selftest
