// yoke up: supervise a cluster in the foreground, or leave one behind with --detach.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "cli/cluster_status.h"
#include "cli/process.h"
#include "cli/supervisor.h"
#include "cli/verbs.h"
#include "core/error.h"
#include "core/log.h"

namespace yoke::cli {
namespace {

struct UpOptions {
  ClusterOptions cluster;
  std::string name = "default";
  bool detach = false;
  bool quiet = false;
  bool exit_with_parent = false;
};

void print_ready(const State& state, const ClusterOptions& cluster) {
  fmt::print(
      "{} is served by {} agents ({}) at {}/v1\n\n"
      "  curl {}/v1/chat/completions -H 'Content-Type: application/json' \\\n"
      "    -d '{{\"model\": \"{}\", \"messages\": [{{\"role\": \"user\", \"content\": \"Hello\"}}]}}'\n\n",
      std::filesystem::path(state.model).filename().string(), state.agent_pids.size(), resolve_layout(cluster).name(), state.rest_url,
      state.rest_url, std::filesystem::path(state.model).stem().string());
  std::fflush(stdout);
}

int run_here(UpOptions options) {
  options.cluster = with_gpus(options.cluster);
  if (options.exit_with_parent) exit_with_parent();
  start_logging("up", options.cluster.log_level);
  Progress progress;
  if (!options.quiet) progress.show("starting");
  Supervisor supervisor(options.cluster, options.name);
  return supervisor.run({.on_waiting =
                             [&](const State& state) {
                               if (!options.quiet) try_show_progress(progress, state.rest_url);
                             },
                         .on_ready =
                             [&](const State& state) {
                               progress.clear();
                               if (!options.quiet) print_ready(state, options.cluster);
                             }});
}

int run_detached(UpOptions options) {
  options.cluster = with_gpus(options.cluster);
  constexpr auto kStartDeadline = std::chrono::minutes(30);
  std::vector<std::string> argv = {sibling_program("yoke"), "up"};
  const std::vector<std::string> arguments = options.cluster.serve_arguments();
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  argv.insert(argv.end(), {"--name", options.name, "--port", std::to_string(options.cluster.port), "--control-port",
                           std::to_string(options.cluster.control_port), "--device", options.cluster.device, "--quiet"});
  const std::filesystem::path log = std::filesystem::path(state_folder(options.name).string() + ".log");
  std::filesystem::create_directories(log.parent_path());
  std::filesystem::remove(log);
  const pid_t pid = spawn({.argv = argv, .log_file = log.string(), .new_session = true});
  Progress progress;
  progress.show("starting");
  const TimePoint end = system_clock().now() + kStartDeadline;
  while (system_clock().now() < end) {
    if (const std::optional<int> code = wait_for_exit(pid, std::chrono::milliseconds(50))) {
      throw Error{*code == 4 ? Code::does_not_fit : Code::internal,
                  fmt::format("the cluster did not start (exit code {}); see {}", *code, log.string())};
    }
    const std::optional<State> state = read_state(options.name);
    if (!state || state->rest_url.empty()) continue;
    try {
      if (!is_ready(state->rest_url)) {
        try_show_progress(progress, state->rest_url);
        continue;
      }
    } catch (const Error&) {
      continue;
    }
    progress.clear();
    print_ready(*state, options.cluster);
    fmt::print("`yoke down --name {}` ends it; its log is {}\n", options.name, log.string());
    return 0;
  }
  throw Error{Code::deadline_exceeded, fmt::format("the cluster was not ready after 30 minutes; see {}", log.string())};
}

}  // namespace

void add_up(CLI::App& app, Action& action) {
  auto options = std::make_shared<UpOptions>();
  CLI::App* verb = app.add_subcommand("up", "start a coordinator and its agents on this machine and keep them running");
  verb->footer("Without a GPU the default is two agents, each with half of every layer (--tp 2); with GPUs one agent each. Ctrl-C ends all.");
  verb->add_option("MODEL", options->cluster.model, "a .gguf file, or a folder with config.json and .safetensors")->required();
  add_layout_options(*verb, options->cluster);
  add_serving_options(*verb, options->cluster);
  verb->add_option("--name", options->name, "name of the cluster, for status, chat and down");
  verb->add_flag("--detach", options->detach, "return once it is ready; `yoke down` ends it");
  verb->add_flag("--quiet", options->quiet, "no output when all is well");
  verb->add_flag("--exit-with-parent", options->exit_with_parent, "end when the process that started this one ends");
  verb->callback([options, &action] {
    action = [options] { return options->detach ? run_detached(*options) : run_here(*options); };
  });
}

}  // namespace yoke::cli
