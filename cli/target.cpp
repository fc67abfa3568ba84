#include "cli/target.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "cli/cluster_status.h"
#include "cli/interrupt.h"
#include "cli/process.h"
#include "cli/state.h"
#include "core/error.h"

namespace yoke::cli {
namespace {

namespace json = boost::json;

// Loading 115 GB from a slow disk takes minutes; longer than this nobody waits.
constexpr auto kStartDeadline = std::chrono::minutes(30);
constexpr auto kStopPatience = std::chrono::seconds(10);

std::string url_of_running(const std::string& name) {
  const std::optional<State> state = read_state(name);
  if (state && !state->rest_url.empty()) return state->rest_url;
  const std::vector<std::string> names = running_names();
  throw Error{Code::peer_lost,
              names.empty() ? fmt::format("no cluster named '{}' runs; `yoke up MODEL` starts one", name)
                            : fmt::format("no cluster named '{}' runs; running: {}", name, fmt::join(names, ", "))};
}

}  // namespace

void add_target_options(CLI::App& verb, TargetOptions& options) {
  verb.add_option("--name", options.name, "use the running cluster of this name instead of starting one");
  verb.add_option("--url", options.url, "use the server at this URL, e.g. http://127.0.0.1:8000");
  verb.add_option("--api-key", options.api_key, "key for that server");
  add_layout_options(verb, options.cluster);
}

Target::Target(const TargetOptions& options) : key_(options.api_key) {
  if (!options.url.empty()) {
    url_ = options.url;
    while (url_.ends_with('/')) url_.pop_back();
    if (url_.ends_with("/v1")) url_.resize(url_.size() - 3);
  } else if (!options.name.empty()) {
    url_ = url_of_running(options.name);
  } else {
    start_own(options.cluster);
    try {
      wait_until_ready();
    } catch (...) {
      if (own_pid_ > 0) stop_all({own_pid_}, kStopPatience);  // 0: it ended by itself, and a signal to 0 is one to all of us
      throw;
    }
  }
}

Target::~Target() {
  if (own_pid_ > 0) stop_all({own_pid_}, kStopPatience);
}

void Target::start_own(ClusterOptions cluster) {
  if (cluster.model.empty()) throw Error{Code::invalid_argument, "name a MODEL (a .gguf file or a model's folder), or --name or --url of a running server", "MODEL"};
  cluster = with_gpus(std::move(cluster));
  own_name_ = fmt::format("own-{}", getpid());
  std::vector<std::string> argv = {sibling_program("yoke"), "up"};
  const std::vector<std::string> arguments = cluster.serve_arguments();
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  argv.insert(argv.end(), {"--name", own_name_, "--port", "0", "--control-port", "0", "--device", cluster.device, "--quiet",
                           "--exit-with-parent"});
  own_pid_ = spawn({.argv = argv});
}

void Target::wait_until_ready() {
  Progress progress;
  progress.show("starting");
  const TimePoint end = system_clock().now() + kStartDeadline;
  while (true) {
    if (const std::optional<int> code = wait_for_exit(own_pid_, std::chrono::milliseconds(20))) {
      own_pid_ = 0;
      progress.clear();
      throw Error{*code == 4 ? Code::does_not_fit : *code == 2 ? Code::invalid_argument : Code::internal,
                  fmt::format("the cluster did not start (exit code {}); its log's end stands above", *code)};
    }
    if (interrupted()) throw Error{Code::aborted, "interrupted"};
    if (system_clock().now() > end) throw Error{Code::deadline_exceeded, "the cluster was not ready after 30 minutes"};
    const std::optional<State> state = read_state(own_name_);
    if (!state || state->rest_url.empty()) continue;
    url_ = state->rest_url;
    try {
      const json::object status = fetch_status(url_, key_);
      if (status.at("ready").as_bool()) return;
      show_progress(progress, status);
    } catch (const Error&) {
      continue;  // the coordinator does not listen yet, or is being started again
    }
  }
}

std::string Target::model_name() const {
  const HttpResponse response = client().send({.path = "/v1/models"});
  RestClient::check(response);
  return json::parse(response.body).at("data").at(0).at("id").as_string().c_str();
}

}  // namespace yoke::cli
