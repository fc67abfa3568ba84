// The yoke-node program: an agent; an engine when started by one; a whole cluster's worth of them under mpirun.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/config.h"
#include "core/device_name.h"
#include "core/error.h"
#include "core/log.h"
#include "core/version.h"
#include "node/device_choice.h"
#include "node/mpi_serve.h"
#include "node/node_options.h"
#include "node/selftest/child.h"
#include "node/selftest/selftest.h"

namespace {

constexpr const char* kAbout =
    "The agent of one node: it holds the node's share of a model in memory and runs an engine that computes with it.\n"
    "It looks for a coordinator (`yoke serve`), which tells it what to load. `yoke up` starts both for you.";

constexpr const char* kFooter =
    "Try:\n"
    "  yoke serve MODEL.gguf --tp 2 &        a coordinator that waits for two agents at 127.0.0.1:8001\n"
    "  yoke-node --rank 0 & yoke-node --rank 1 &\n"
    "  mpirun -np 2 yoke-node --serve MODEL.gguf --tp 2      the same three processes under MPI's care\n"
    "  yoke-node --selftest -o selftest.json                 is this machine's device right and fast? (`yoke selftest`)\n\n"
    "Without its coordinator an agent keeps what it has loaded for --rejoin-timeout seconds and joins the next one that listens.\n"
    "If its engine dies, the agent starts another on the same memory. SIGTERM and SIGINT end agent and engine.\n"
    "A flag is also an environment variable (--rejoin-timeout: YOKE_REJOIN_TIMEOUT) and a key of the YAML file given by --config.\n"
    "Exit codes: 0 done, 1 failed, 2 usage or not this coordinator's version, 5 no coordinator within --rejoin-timeout.";

void add_agent_flags(CLI::App& app, yoke::node::NodeOptions& options) {
  app.add_option("--coordinator", options.coordinator, "HOST:PORT of the coordinator; loopback only until the channel has TLS")
      ->capture_default_str();
  app.add_option("--rank", options.rank, "the rank to ask for; -1: any")->capture_default_str()->check(CLI::Range(-1, 1023));
  app.add_option("--threads", options.threads, "compute threads of the engine; 0: as the coordinator says (yoke serve --threads)")
      ->capture_default_str()
      ->check(CLI::Range(0, 1024));
  app.add_option("--rejoin-timeout", options.rejoin_timeout_s, "seconds to keep the model in memory without a coordinator")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1e7));
  app.add_flag("--exit-with-parent", options.exit_with_parent, "end when the process that started this one ends");
  app.add_option("--device", options.device,
                 "where to compute: cpu; cuda or cuda:N, a GPU or nothing; auto, a GPU where one is here that can run the model, else the CPU")
      ->capture_default_str()
      ->check(CLI::Validator(yoke::device_mistake, "DEVICE"));
  app.add_option("--gpu", options.gpu, "which of this node's GPUs, counted from 0")->capture_default_str()->check(CLI::Range(0, yoke::kMostGpus - 1));
  app.add_option("--log-level", options.log_level, "trace, debug, info, warn, error or off")->capture_default_str();
}

void add_mpi_flags(CLI::App& app, yoke::node::MpiServeOptions& options) {
  const char* group = "Under mpirun";
  app.add_option("--serve", options.model, "MODEL: serve it with all ranks of this MPI job; rank 0 also starts `yoke serve`")->group(group);
  app.add_option("--tp", options.tp, "tensor-parallel degree")->capture_default_str()->check(CLI::Range(1, 64))->group(group);
  app.add_option("--pp", options.pp, "pipeline stages")->capture_default_str()->check(CLI::Range(1, 64))->group(group);
  app.add_option("--port", options.port, "the REST port")->capture_default_str()->group(group);
}

struct SelftestFlags {
  bool wanted = false;
  std::string output;
};

void add_selftest_flags(CLI::App& app, SelftestFlags& flags) {
  const char* group = "Self-test";
  app.add_flag("--selftest", flags.wanted, "test this machine's device against twins on the CPU, measure it, print a verdict, and end (docs/selftest.md)")->group(group);
  app.add_option("-o,--output", flags.output, "FILE: the self-test's report as JSON")->group(group);
}

int run_selftest(const SelftestFlags& flags, const yoke::node::NodeOptions& agent) {
  const yoke::DeviceName device = yoke::device_named(agent.device);
  const int threads = agent.threads > 0 ? agent.threads : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  return yoke::node::selftest::run_and_print({.cpu = device.kind == yoke::DeviceKind::cpu, .cuda = device.kind == yoke::DeviceKind::cuda,
                                              .gpu = device.gpu.value_or(agent.gpu), .threads = threads,
                                              .program = std::filesystem::read_symlink("/proc/self/exe").string()},
                                             flags.output);
}

// For `yoke up`, which has no kernels: whether an agent started like this would compute on a GPU.
int tell_device(const yoke::node::NodeOptions& agent) {
  yoke::start_logging("agent", "warn");
  const yoke::node::ChosenDevice chosen = yoke::node::choose_device(yoke::device_named(agent.device), agent.gpu);
  fmt::print("{}{}\n", chosen.description, chosen.reason.empty() ? "" : ": " + chosen.reason);
  return chosen.on_gpu() ? 0 : yoke::exit_code(yoke::Code::unavailable);
}

int run(int argc, char** argv) {
  CLI::App app(kAbout, "yoke-node");
  app.footer(kFooter);
  app.set_version_flag("--version", std::string("yoke-node ") + yoke::kVersion);
  yoke::node::NodeOptions agent;
  yoke::node::MpiServeOptions mpi;
  add_agent_flags(app, agent);
  add_mpi_flags(app, mpi);
  SelftestFlags selftest;
  add_selftest_flags(app, selftest);
  bool which_device = false;
  app.add_flag("--which-device", which_device, "say where an agent started so would compute, and end: 0 on a GPU, 3 on the CPU");
  yoke::add_config_sources(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : yoke::exit_code(yoke::Code::invalid_argument);
  }
  if (selftest.wanted) {
    yoke::start_logging("selftest", "warn");
    return run_selftest(selftest, agent);
  }
  if (which_device) return tell_device(agent);
  yoke::start_logging(agent.rank >= 0 ? fmt::format("agent {}", agent.rank) : "agent", agent.log_level);
  return mpi.model.empty() ? yoke::node::run_agent(agent) : yoke::node::run_mpi_serve(mpi, agent);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    // Not for users, so no flags: an agent starts an engine, a self-test its helpers, with a socket for their third descriptor.
    if (argc >= 2 && std::string_view(argv[1]) == "--selftest-child") return yoke::node::selftest::run_child({argv + 2, argv + argc});
    if (argc == 3 && std::string_view(argv[1]) == "--engine") return yoke::node::run_engine(std::atoi(argv[2]));
    return run(argc, argv);
  } catch (const yoke::Error& error) {
    fmt::print(stderr, "yoke-node: {}\n", error.what());
    return yoke::exit_code(error.code());
  } catch (const std::exception& error) {
    fmt::print(stderr, "yoke-node: {}\n", error.what());
    return 1;
  }
}
