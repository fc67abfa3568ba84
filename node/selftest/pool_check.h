// The pool outlives engines: one writes to it by kernel and is killed, the next reads by kernel what it wrote.
#pragma once

#include <string>
#include <vector>

#include "node/selftest/child.h"
#include "node/selftest/report.h"

namespace yoke::node::selftest {

// gpu -1: in the host's memory, by the CPU's kernels.
Check check_pool(const std::string& program, int gpu);

// The role "pool": pool BACKEND GPU PLACE write|read DESCRIPTORS, as an engine; says "written" and waits to be killed, or "read".
void run_pool_engine(const std::vector<std::string>& arguments, Channel& agent);

}  // namespace yoke::node::selftest
