#include "node/selftest/selftest.h"

#include <fmt/format.h>

#include <cstdio>
#include <fstream>

#include "core/cuda/driver.h"
#include "core/error.h"
#include "core/version.h"
#include "node/selftest/bandwidth.h"
#include "node/selftest/device_facts.h"
#include "node/selftest/pool_check.h"
#include "node/selftest/progress.h"
#include "node/selftest/ranks.h"
#include "node/selftest/verdict.h"

namespace yoke::node::selftest {
namespace {

// Why the CPU is tested; empty: a GPU is.
std::string no_gpu(const Options& options) {
  if (options.cpu) return "--device cpu";
  const std::string why = kernels::ops_backend("cuda").unavailable();
  if (options.cuda && !why.empty()) throw Error{Code::unsupported, fmt::format("--device cuda: {}", why), "device"};
  return why;
}

int gpu_count() {
  int count = 0;
  cuda::check(cuda::driver().cuDeviceGetCount(&count), "counting GPUs");
  return count;
}

}  // namespace

Report run(const Options& options, const OnProgress& progress) {
  const TimePoint begin = system_clock().now();
  Report report{.version = kVersion};
  const std::string why = no_gpu(options);
  const bool gpu = why.empty();
  report.device = gpu ? gpu_facts(options.gpu) : DeviceFacts{.no_gpu = why};
  report.checks = check_kernels(kernels::ops_backend(gpu ? "cuda" : "cpu"), {.threads = options.threads, .gpu = options.gpu}, progress);
  report.checks.push_back(check_pool(options.program, gpu ? options.gpu : -1));
  report.collectives = measure_ranks({.program = options.program,
                                      .gpu = gpu ? options.gpu : -1,
                                      .gpus = gpu ? gpu_count() : 0,
                                      .emulated = report.device.emulated},
                                     progress);
  if (gpu) measure_bandwidth(options.gpu, report, progress);
  else report.no_bandwidth = "no GPU was tested";
  report.seconds = seconds(system_clock().now() - begin);
  judge(report);
  return report;
}

int run_and_print(const Options& options, const std::string& output) {
  std::ofstream file;
  if (!output.empty()) {
    file.open(output, std::ios::binary | std::ios::trunc);
    if (!file)
      throw Error{Code::invalid_argument,
                  fmt::format("cannot write {}: give -o a file in a folder that is there and yours", output), "output"};
  }
  Report report;
  {
    ProgressBar bar;
    report = run(options, [&](const std::string& what, size_t done, size_t total) { bar.show(what, done, total); });
  }
  fmt::print("{}", to_text(report));
  if (file.is_open()) {
    file << to_json(report);
    file.close();
    if (!file) throw Error{Code::internal, fmt::format("writing {} failed: is the disk full?", output)};
    fmt::print("The same as JSON: {}\n", output);
  }
  std::fflush(stdout);
  return report.passed ? 0 : 1;
}

}  // namespace yoke::node::selftest
