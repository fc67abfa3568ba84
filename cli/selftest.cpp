// yoke selftest: runs `yoke-node --selftest`, the program that has the kernels.
#include <signal.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/interrupt.h"
#include "cli/process.h"
#include "cli/verbs.h"

namespace yoke::cli {
namespace {

struct SelftestOptions {
  std::string output;
  std::string device = "auto";
};

constexpr int kInterrupted = 128 + SIGINT;

int run_selftest(const SelftestOptions& options) {
  catch_interrupts();
  std::vector<std::string> argv = {sibling_program("yoke-node"), "--selftest", "--device", options.device};
  if (!options.output.empty()) argv.insert(argv.end(), {"--output", options.output});
  const pid_t pid = spawn({.argv = argv});
  while (true) {
    if (const std::optional<int> code = wait_for_exit(pid, std::chrono::milliseconds(100))) return *code;
    if (!interrupted()) continue;
    stop_all({pid}, std::chrono::seconds(2));
    return kInterrupted;
  }
}

}  // namespace

void add_selftest(CLI::App& app, Action& action) {
  auto options = std::make_shared<SelftestOptions>();
  CLI::App* verb = app.add_subcommand("selftest", "is this machine's device right and fast? tests and measures it, says what to do");
  verb->footer(
      "Every kernel against its twin on the CPU, the pool across a killed engine, two ranks, the rates of decode "
      "products, clocks and driver.\n"
      "Without a GPU it tests the kernels of the CPU and says why no GPU was used. End what else uses the device "
      "first: rates would suffer.\n\n"
      "Try:\n"
      "  yoke selftest                      a report to read\n"
      "  yoke selftest -o selftest.json     and as JSON, to keep or to send (docs/selftest.md)\n"
      "  yoke selftest --device cuda        a GPU or an error, never the CPU\n\n"
      "Exit codes: 0 pass, 1 fail (the findings say what to do), 2 usage.");
  verb->add_option("-o,--output", options->output, "FILE: the report as JSON");
  verb->add_option("--device", options->device, "auto, cpu, cuda or cuda:N")->capture_default_str();
  verb->callback([options, &action] { action = [options] { return run_selftest(*options); }; });
}

}  // namespace yoke::cli
