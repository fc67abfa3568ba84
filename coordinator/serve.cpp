#include "coordinator/serve.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "coordinator/dispatcher.h"
#include "coordinator/served_model.h"
#include "core/log.h"
#include "core/math_mode.h"
#include "model/bad_file.h"
#include "parallel/ledger.h"
#include "transport/control/channel.h"

namespace yoke::coordinator {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;

DispatcherConfig dispatcher_config(const ServeOptions& options, const model::Catalogue& catalogue, const parallel::Plan& plan) {
  const model::Checkpoint& checkpoint = catalogue.checkpoint();
  const parallel::LedgerLimits limits{.max_rows = options.max_rows, .max_sequences = options.max_sequences};
  DispatcherConfig config;
  config.registry = {.plan = options.plan,
                     .math = options.math,
                     .model_identity = checkpoint.identity,
                     .model_path = checkpoint.made ? checkpoint.path.string() : fs::absolute(checkpoint.path).lexically_normal().string(),
                     .threads = options.threads,
                     .max_rows = options.max_rows,
                     .max_sequences = options.max_sequences,
                     .op_deadline = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(options.op_deadline_s)),
                     .kv_blocks = (options.kv_tokens + kKvBlockTokens - 1) / kKvBlockTokens,
                     .choose_kv_blocks = [&catalogue, &plan, limits](uint64_t available, int agents_on_node) {
                       return parallel::default_kv_blocks(plan, catalogue, limits, available, agents_on_node);
                     },
                     .max_restarts = options.max_restarts};
  config.vocab = checkpoint.config.vocab;
  config.row_width = checkpoint.config.output_width();
  config.encoder = checkpoint.config.encoder;
  config.layers_alone = checkpoint.config.layers_alone;
  config.context_length = checkpoint.config.context_length;
  config.max_queue = options.max_queue;
  config.step_budget_us = 1000 * options.step_budget_ms;
  return config;
}

// Whoever sees the file sees all of it.
void write_ready_file(const std::string& file, uint16_t rest_port, uint16_t control_port) {
  if (file.empty()) return;
  const std::string unfinished = fmt::format("{}.{}", file, getpid());
  std::ofstream out(unfinished);
  out << fmt::format(R"({{"rest_port": {}, "control_port": {}, "pid": {}}})", rest_port, control_port, getpid()) << "\n";
  out.close();
  std::error_code error;
  if (out) fs::rename(unfinished, file, error);
  if (!out || error) throw Error{Code::invalid_argument, fmt::format("cannot write {}", file), "ready-file"};
}

void check(const ServeOptions& options) {
  transport::require_loopback(options.control_host, "control-host");
  math_mode_named(options.math);
  if (options.max_rows < 0 || options.max_sequences < 1 || options.max_queue < 0) {
    throw Error{Code::invalid_argument, "max-sequences is at least 1, max-rows and max-queue at least 0", "max-rows"};
  }
}

// Unless the operator said it. An encoder reads a sequence in one step, so its steps are as long as its context, within reason for the
// memory of one.
int64_t rows_for(const ServeOptions& options, const model::ModelConfig& config) {
  constexpr int64_t kRows = 512, kMostWholeRows = 8192;
  if (options.max_rows > 0) return options.max_rows;
  return config.encoder.is ? std::max(kRows, std::min(config.context_length, kMostWholeRows)) : kRows;
}

// Towers and layers that this build leaves alone: a vision tower has hundreds of tensors, a log wants the first.
void name_skipped(const std::vector<std::string>& tensors) {
  constexpr size_t kMost = 40;
  if (tensors.empty()) return;
  std::string names;
  for (size_t i = 0; i < std::min(kMost, tensors.size()); ++i) names += (i == 0 ? "" : ", ") + model::printable(tensors[i]);
  spdlog::info("{} tensors belong to parts that are not served: {}{}", tensors.size(), names, tensors.size() > kMost ? ", ..." : "");
}

int serve(ServeOptions options) {
  check(options);
  const model::Checkpoint checkpoint = model::open_checkpoint(options.model);
  options.max_rows = rows_for(options, checkpoint.config);
  const model::Catalogue catalogue(checkpoint);
  name_skipped(catalogue.skipped());
  const parallel::Plan plan = parallel::make_plan(catalogue, options.plan);
  const ServedModel model = make_served_model(checkpoint, options.aliases, options.chat_template_file);
  Metrics metrics(model.names.front());

  asio::io_context context(1);
  int exit = 0;
  asio::signal_set signals(context, SIGTERM, SIGINT);
  signals.async_wait([&](const boost::system::error_code& error, int signal) {
    if (error) return;
    spdlog::info("ends on {}", strsignal(signal));
    context.stop();
  });
  Dispatcher dispatcher(context, dispatcher_config(options, catalogue, plan), metrics, [&](const Error& error) {
    spdlog::error("gives up: {}", error.what());
    exit = exit_code(error.code());
    context.stop();
  });
  const transport::Listener listener(context, {.host = options.control_host, .port = options.control_port},
                                     [&](std::shared_ptr<transport::Channel> channel, transport::proto::Hello hello) {
                                       dispatcher.agent_joined(std::move(channel), std::move(hello));
                                     });
  api::Rest rest(options.rest, model, dispatcher, metrics);
  write_ready_file(options.ready_file, rest.port(), listener.port());
  spdlog::info("{} as {}: agents join on {}:{}, clients on {}:{}", model.names.front(), options.plan.layout.name(), options.control_host,
               listener.port(), options.rest.host, rest.port());
  context.run();
  rest.stop();
  return exit;
}

}  // namespace

int run_serve(const ServeOptions& options) {
  try {
    return serve(options);
  } catch (const Error& error) {
    spdlog::error("{}", error.what());
    return exit_code(error.code());
  }
}

}  // namespace yoke::coordinator
