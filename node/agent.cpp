// The agent: owns the pool, the engine's process and the connection to the coordinator. agent_rules.h decides; this carries out.
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cmath>
#include <memory>
#include <random>
#include <utility>

#include <fmt/format.h>

#include "core/log.h"
#include "core/units.h"
#include "node/agent_rules.h"
#include "node/coordinator_link.h"
#include "node/device_choice.h"
#include "node/engine_process.h"
#include "node/health.h"
#include "node/load_thread.h"
#include "node/node_options.h"
#include "topology/node_info.h"

namespace yoke::node {
namespace {

namespace asio = boost::asio;
namespace proto = transport::proto;

constexpr std::chrono::milliseconds kParentCheck{200};

std::string random_id() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}", random(), random());
}

Duration rejoin_timeout(const NodeOptions& options) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(options.rejoin_timeout_s));
}

class Agent {
 public:
  explicit Agent(const NodeOptions& options)
      : options_(options),
        wanted_(device_named(options.device)),
        device_(choose_device(wanted_, options.gpu)),
        id_(random_id()),
        signals_(context_, SIGTERM, SIGINT),
        parent_timer_(context_),
        loader_(context_, {.on_progress = [this](const LoadProgress& p) { tell(LoadAdvanced{p}); },
                           .on_ended = [this](std::variant<LoadedShard, Error> result) { load_ended(std::move(result)); }}),
        link_(context_, transport::parse_host_port(options.coordinator, "coordinator"), rejoin_timeout(options), link_handlers()) {}

  int run() {
    signals_.async_wait([this](const boost::system::error_code& error, int signal) {
      if (!error) leave(0, fmt::format("signal {} ({})", signal, strsignal(signal)));
    });
    if (options_.exit_with_parent) leave_with_parent();
    link_.start();
    context_.run();
    return exit_code_;
  }

 private:
  CoordinatorLink::Handlers link_handlers() {
    return {.hello = [this] { return hello(); },
            .on_joined = [this] { tell(CoordinatorJoined{}); },
            .on_message = [this](proto::Envelope envelope) { tell(CoordinatorSaid{std::move(envelope)}); },
            .fill_heartbeat = [this](proto::Heartbeat& heartbeat) { fill_heartbeat(health(), heartbeat); },
            .on_drained = [this] { if (engine_) engine_->pause_reading(false); },
            .on_lost = [this](const Error&) { tell(CoordinatorLost{}); },
            .on_given_up = [this](const Error& reason) { leave(exit_code(reason.code()), reason.what()); }};
  }

  proto::Hello hello() const {
    const topology::NodeInfo node = topology::probe_node();
    proto::Hello hello;
    hello.set_agent_id(id_);
    hello.set_node(node.host_name);
    hello.set_pid(getpid());
    hello.set_memory_available_bytes(device_.memory_available());
    hello.set_memory(device_.memory());
    hello.set_device(device_.description);
    if (rules_.held()) *hello.mutable_held() = *rules_.held();
    hello.set_preferred_rank(options_.rank);
    return hello;
  }

  Health health() const {
    return {.last_step = rules_.last_step(),
            .engine_pid = engine_ ? engine_->pid() : 0,
            .bytes_read = rules_.bytes_read(),
            .pool_bytes = pool_.bytes()};
  }

  void tell(const AgentEvent& event) {
    for (const AgentAction& action : rules_.on(event)) {
      std::visit([this](const auto& wanted) { carry_out(wanted); }, action);
    }
  }

  void carry_out(const TellCoordinator& action) {
    link_.send(action.envelope);
    if (engine_ && link_.busy()) engine_->pause_reading(true);  // until on_drained
  }
  void carry_out(const TellEngine& action) {
    if (engine_) engine_->write(action.envelope);
  }
  void carry_out(const StartEngine& action) { start_engine(action.attach); }
  void carry_out(const KillEngine&) { engine_.reset(); }
  void carry_out(const StartLoad& action) { loader_.start({.model = action.load, .wanted = wanted_, .device = device_}, std::exchange(pool_, Pool())); }
  void carry_out(const CancelLoad&) { loader_.cancel(); }
  void carry_out(const Leave& action) { leave(action.exit_code, action.reason); }

  void start_engine(proto::Attach attach) {
    if (options_.threads > 0) attach.mutable_load()->set_threads(options_.threads);
    attach.set_device(loaded_on_.backend);
    attach.set_gpu(loaded_on_.gpu);
    attach.set_pool(std::string(pool_place(loaded_on_.place).name));
    const auto ended = [this](const std::string& how) {
      spdlog::warn("{}", how);
      engine_.reset();
      tell(EngineEnded{how});
    };
    try {
      engine_ = std::make_unique<EngineProcess>(
          context_, attach, pool_.descriptors(), options_.log_level,
          EngineProcess::Handlers{.on_frame = [this](proto::Envelope envelope) { tell(EngineSaid{std::move(envelope)}); },
                                  .on_ended = ended});
      spdlog::info("started engine {}", engine_->pid());
    } catch (const Error& error) {
      ended(error.what());
    }
  }

  void load_ended(std::variant<LoadedShard, Error> result) {
    if (const Error* error = std::get_if<Error>(&result)) {
      spdlog::error("loading failed: {}", error->what());
      return tell(LoadFailed{*error});
    }
    LoadedShard& loaded = std::get<LoadedShard>(result);
    pool_ = std::move(loaded.pool);
    loaded_on_ = std::move(loaded.device);
    tell(LoadDone{loaded.kv_blocks, pool_.bytes(), loaded_on_.description, loaded_on_.reason, std::string(pool_place(loaded_on_.place).name)});
    spdlog::info("holds {} in its pool, {} read", format_bytes(pool_.bytes()), format_bytes(rules_.bytes_read()));
  }

  // The kernel tells us when our parent's thread ends; asking who our parent is covers the time before that was set up.
  void leave_with_parent() {
    if (parent_ == 0) {
      parent_ = getppid();
      prctl(PR_SET_PDEATHSIG, SIGTERM);
    }
    if (getppid() != parent_) return leave(0, "the parent process is gone");
    parent_timer_.expires_after(kParentCheck);
    parent_timer_.async_wait([this](const boost::system::error_code& error) {
      if (!error) leave_with_parent();
    });
  }

  void leave(int code, const std::string& reason) {
    if (std::exchange(leaving_, true)) return;
    code == 0 ? spdlog::info("ends: {}", reason) : spdlog::error("ends: {}", reason);
    exit_code_ = code;
    engine_.reset();
    loader_.cancel();
    proto::Envelope goodbye;
    goodbye.mutable_shutdown()->set_reason(reason);
    link_.send(goodbye);
    link_.stop();
    context_.stop();
  }

  const NodeOptions options_;
  const DeviceName wanted_;
  const ChosenDevice device_;   // of this node
  ChosenDevice loaded_on_;      // of the model that the pool holds
  const std::string id_;
  asio::io_context context_;
  asio::signal_set signals_;
  asio::steady_timer parent_timer_;
  pid_t parent_ = 0;
  bool leaving_ = false;
  int exit_code_ = 0;
  AgentRules rules_;
  Pool pool_;
  std::unique_ptr<EngineProcess> engine_;
  LoadThread loader_;
  CoordinatorLink link_;
};

}  // namespace

int run_agent(const NodeOptions& options) {
  transport::require_loopback(transport::parse_host_port(options.coordinator, "coordinator").host, "coordinator");
  Agent agent(options);
  return agent.run();
}

}  // namespace yoke::node
