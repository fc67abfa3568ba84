// `yoke-node --selftest`: every kernel against its twin on this machine's device, the pool across a killed engine, two ranks, the rates of
// decode products, and a verdict. docs/selftest.md.
#pragma once

#include <string>

#include "node/selftest/kernel_checks.h"
#include "node/selftest/report.h"

namespace yoke::node::selftest {

struct Options {
  bool cpu = false;     // the CPU, whatever is here
  bool cuda = false;    // a GPU, or Error{unsupported}; neither: a GPU where one can be used
  int gpu = 0;
  int threads = 2;      // of the CPU's kernels
  std::string program;  // yoke-node, for child processes
};

Report run(const Options& options, const OnProgress& progress);

// Prints the report, writes the JSON to `output` unless it is empty. The exit code: 0 pass, 1 fail. Error{invalid_argument} for a file that
// cannot be written, before anything is tested.
int run_and_print(const Options& options, const std::string& output);

}  // namespace yoke::node::selftest
