// Every kernel against its twin on one device: what the self-test knows of its own, whatever else is on the machine.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "node/selftest/cases.h"
#include "node/selftest/report.h"

namespace yoke::node::selftest {

using OnProgress = std::function<void(const std::string& what, size_t done, size_t total)>;

// Of the row `backend` of kernels::ops_backends(), in every mode that it has. The twin is `reference`. A case that
// throws has failed, and a GPU is lost with it: the mode's other cases are left out.
std::vector<Check> check_kernels(const kernels::OpsBackend& backend, const kernels::OpsConfig& config, const OnProgress& progress);

// `lost`: it threw.
Check check_case(const Case& one, Side& device, Side& twin, bool* lost = nullptr);

}  // namespace yoke::node::selftest
