// Two ranks as processes of this machine: what a message costs over each communicator, and what a join of a GPU's step costs
// (forward::Exchange). Between nodes the same comes once rails are found.
#pragma once

#include <string>
#include <vector>

#include "node/selftest/child.h"
#include "node/selftest/kernel_checks.h"
#include "node/selftest/report.h"

namespace yoke::node::selftest {

struct RanksOptions {
  std::string program;    // yoke-node
  int gpu = -1;           // -1: none here
  int gpus = 0;
  bool emulated = false;  // few rounds: only that it works is shown
};

std::vector<Collective> measure_ranks(const RanksOptions& options, const OnProgress& progress);

// The role "rank": rank BACKEND RANK ROUNDS GPU (-1: host memory). The two of a group exchange their blobs through the parent; rank 0
// reports "row OPERATION BYTES MICROSECONDS" and "done".
void run_rank(const std::vector<std::string>& arguments, Channel& parent);

}  // namespace yoke::node::selftest
