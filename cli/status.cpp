// yoke status: what a cluster does, for people and for machines.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <memory>
#include <thread>

#include "cli/cluster_status.h"
#include "cli/interrupt.h"
#include "cli/state.h"
#include "cli/verbs.h"
#include "core/error.h"
#include "core/units.h"

namespace yoke::cli {
namespace {

namespace json = boost::json;

struct StatusOptions {
  std::string name = "default";
  std::string url;
  std::string api_key;
  std::string output = "text";
  bool watch = false;
};

// "        cuda (NVIDIA GB10), pool in exportable device memory", and why there where --device auto chose.
std::string device_of(const json::object& rank) {
  const auto text = [&](const char* key) { return rank.contains(key) ? std::string(rank.at(key).as_string()) : std::string(); };
  if (text("device").empty()) return {};
  std::string line = fmt::format("        {}", text("device"));
  if (!text("pool").empty()) line += fmt::format(", pool in {}", text("pool"));
  if (!text("device_reason").empty()) line += fmt::format(" (auto: {})", text("device_reason"));
  return line + "\n";
}

std::string text_of(const json::object& status) {
  const auto number = [](const json::value& value) { return value.to_number<int64_t>(); };
  std::string text = fmt::format("{}  {}  layout {}, math {}, epoch {}\n", status.at("ready").as_bool() ? "ready" : "NOT READY",
                                 status.at("model").as_string().c_str(), status.at("layout").as_string().c_str(),
                                 status.at("math").as_string().c_str(), number(status.at("epoch")));
  if (!status.at("ready").as_bool()) text += fmt::format("  {}\n", status.at("reason").as_string().c_str());
  text += fmt::format("requests: {} running, {} waiting, {} paused; KV blocks {} of {}\n", number(status.at("running")),
                      number(status.at("waiting")), number(status.at("paused")), number(status.at("kv_blocks_used")),
                      number(status.at("kv_blocks_total")));
  for (const json::value& rank : status.at("ranks").as_array()) {
    text += fmt::format("rank {}  {:8} node {}, agent {}, engine {}, pool {}, read {}, last step {:.1f} s ago\n", number(rank.at("rank")),
                        rank.at("state").as_string().c_str(), rank.at("node").as_string().c_str(), number(rank.at("agent_pid")),
                        number(rank.at("engine_pid")), format_bytes(rank.at("pool_bytes").to_number<uint64_t>()),
                        format_bytes(rank.at("bytes_read").to_number<uint64_t>()), rank.at("step_age_s").to_number<double>());
    text += device_of(rank.as_object());
  }
  return text;
}

int show(const StatusOptions& options) {
  std::string url = options.url;
  if (url.empty()) {
    const std::optional<State> state = read_state(options.name);
    if (!state || state->rest_url.empty()) {
      throw Error{Code::peer_lost, fmt::format("no cluster named '{}' runs; `yoke up MODEL` starts one", options.name)};
    }
    url = state->rest_url;
  }
  const json::object status = fetch_status(url, options.api_key);
  if (options.output == "json") fmt::print("{}\n", json::serialize(status));
  else fmt::print("{}", text_of(status));
  std::fflush(stdout);
  return status.at("ready").as_bool() ? 0 : exit_code(Code::unavailable);
}

int watch(const StatusOptions& options) {
  catch_interrupts();
  int code = 0;
  while (!interrupted()) {
    if (options.output == "text" && isatty(STDOUT_FILENO) != 0) fmt::print("\033[H\033[2J");
    try {
      code = show(options);
    } catch (const Error& error) {
      fmt::print("{}\n", error.what());
      code = exit_code(error.code());
    }
    std::fflush(stdout);
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
  return code;
}

}  // namespace

void add_status(CLI::App& app, Action& action) {
  auto options = std::make_shared<StatusOptions>();
  CLI::App* verb = app.add_subcommand("status", "show a cluster: readiness, ranks, requests, memory");
  verb->footer("Exit codes: 0 ready, 3 not ready, 5 nobody answers. -o json prints the body of GET /yoke/v1/status (docs/api.md).");
  verb->add_option("--name", options->name, "name of the cluster");
  verb->add_option("--url", options->url, "a server's URL instead of a name");
  verb->add_option("--api-key", options->api_key, "key for that server");
  verb->add_option("-o,--output", options->output, "text or json")->check(CLI::IsMember({"text", "json"}));
  verb->add_flag("-w,--watch", options->watch, "again each second until Ctrl-C");
  verb->callback([options, &action] { action = [options] { return options->watch ? watch(*options) : show(*options); }; });
}

}  // namespace yoke::cli
