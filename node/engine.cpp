// The engine's process: maps the pool, meets its group, runs steps. Disposable: it serves one epoch, and any error in it ends that
// epoch; its agent then kills it. It says little and decides nothing.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <thread>

#include <fmt/format.h>

#include "core/cuda/context.h"
#include "core/error.h"
#include "core/log.h"
#include "core/math_mode.h"
#include "kernels/ops.h"
#include "model/catalogue.h"
#include "node/engine_group.h"
#include "node/hangup_watch.h"
#include "node/layer_check.h"
#include "node/node_options.h"
#include "node/plan_options.h"
#include "node/runner.h"
#include "node/selftest/load_check.h"
#include "topology/node_info.h"
#include "transport/control/frame_socket.h"
#include "transport/control/session.h"

namespace yoke::node {
namespace {

namespace proto = transport::proto;

constexpr Duration kDefaultOpDeadline = std::chrono::seconds(10);
constexpr Duration kSpin = std::chrono::microseconds(50);
constexpr std::chrono::milliseconds kLastCall{300};  // from the agent's end to ours, when a step does not end by itself

// What an Attach stands for, opened: everything but the group.
struct Shard {
  explicit Shard(transport::FrameSocket::Frame frame)
      : load(frame.envelope.attach().load()),
        rank(frame.envelope.attach().rank()),
        gpu(frame.envelope.attach().gpu()),
        check(frame.envelope.attach().check()),
        pool(Pool::attach(std::move(frame.descriptors), pool_place(frame.envelope.attach().pool()).place, frame.envelope.attach().gpu())),
        checkpoint(model::open_checkpoint(load.model_path())),
        catalogue(checkpoint),
        plan(parallel::make_plan(catalogue, plan_options_of(load.shard()))),
        ops(kernels::ops_backend(frame.envelope.attach().device())
                .make({.threads = std::max(1, load.threads()), .gpu = frame.envelope.attach().gpu(), .math = math_mode_named(load.shard().math())})) {
    if (checkpoint.identity != load.shard().model_identity()) {
      throw Error{Code::bad_file, fmt::format("{} changed since it was loaded; start the coordinator again", load.model_path())};
    }
  }

  proto::LoadModel load;
  int rank;
  int gpu;
  bool check;  // it has not served yet
  Pool pool;
  model::Checkpoint checkpoint;
  model::Catalogue catalogue;
  parallel::Plan plan;
  std::unique_ptr<kernels::Ops> ops;
};

// Everything that the bits of a load's check depend on, this program among it. `whole`: every product was sampled.
std::string record_key(const Shard& shard, bool whole, int64_t rows) {
  const proto::ShardKey& key = shard.load.shard();
  struct stat program {};
  stat("/proc/self/exe", &program);
  return fmt::format("{} {} rank {} math {} kv {} pack {} on {}{}, {} rows, program {} {}", key.model_identity(),
                     shard.plan.layout.name(), shard.rank, key.math(), key.kv(), key.pack(), shard.ops->device().description(),
                     whole ? "" : ", in part", rows, program.st_size, program.st_mtim.tv_sec);
}

// As one name in the world: "spark-1, GPU 0000:01:00.0". Empty on a CPU.
std::string gpu_of(const Shard& shard) {
  if (shard.ops->device().is_host()) return {};
  char bus_id[32] = "";
  cuda::check(cuda::driver().cuDeviceGetPCIBusId(bus_id, sizeof bus_id, cuda::device_at(shard.gpu)), "the GPU's bus id");
  return fmt::format("{}, GPU {}", topology::probe_node().host_name, bus_id);
}

bool any_rank(bool mine, transport::Communicator* group, Duration deadline) {
  if (group == nullptr) return mine;
  std::vector<uint8_t> all(static_cast<size_t>(group->size()));
  const uint8_t own = mine ? 1 : 0;
  const std::vector<uint64_t> bytes(all.size(), 1);
  group->all_gather(std::as_bytes(std::span(&own, 1)), reinterpret_cast<std::byte*>(all.data()), bytes, deadline);
  return std::find(all.begin(), all.end(), 1) != all.end();
}

class Engine {
 public:
  explicit Engine(int fd) : socket_(Descriptor(fd)), watch_(fd, [this] { agent_gone(); }) {}
  ~Engine() { ended_ = true; }

  // Until the socket ends.
  void run() {
    try {
      serve();
    } catch (const Error& error) {
      fail(error);
    } catch (const std::bad_alloc&) {
      fail(Error{Code::does_not_fit, "the engine ran out of memory"});
    } catch (const std::exception& error) {
      fail(Error{Code::internal, error.what()});
    }
    leave_group();
  }

 private:
  void serve() {
    std::optional<Shard> shard;
    if (auto frame = next(proto::Envelope::kAttach)) {
      shard.emplace(std::move(*frame));
    } else {
      return;
    }
    const auto form = next(proto::Envelope::kForm);
    if (!form) return;
    epoch_ = form->envelope.epoch();
    meet(form->envelope.form(), gpu_of(*shard));
    run_steps(*shard, form->envelope.form());
  }

  // The next frame, which must be of this kind; nothing at the end of the stream.
  std::optional<transport::FrameSocket::Frame> next(proto::Envelope::BodyCase kind) {
    auto frame = socket_.read();
    if (frame && frame->envelope.body_case() != kind) {
      throw Error{Code::internal, fmt::format("the engine got frame {} where it needs {}", static_cast<int>(frame->envelope.body_case()),
                                              static_cast<int>(kind))};
    }
    return frame;
  }

  // A rank that does not come is the coordinator's to notice: it forms anew, and this process is killed.
  std::vector<std::string> exchange(const std::string& mine) {
    proto::Envelope envelope;
    envelope.mutable_address()->set_blob(mine);
    envelope.mutable_address()->set_round(round_);
    send(envelope);
    const auto frame = next(proto::Envelope::kPeers);
    if (!frame) throw Error{Code::peer_lost, "the agent is gone"};
    const proto::Peers& peers = frame->envelope.peers();
    if (peers.round() != round_) {
      throw Error{Code::internal, fmt::format("exchange: wanted round {}, got round {}", round_, peers.round())};
    }
    ++round_;
    return {peers.blobs().begin(), peers.blobs().end()};
  }

  void meet(const proto::Form& form, const std::string& gpu) {
    const int ranks = form.tp() * form.pp();
    spin_ = topology::probe_node().usable_cores < ranks ? Duration(0) : kSpin;
    EngineGroup group = make_engine_group(form, [this](const std::string& mine) { return exchange(mine); }, spin_, gpu);
    const std::lock_guard lock(group_mutex_);
    group_ = std::move(group);
  }

  void run_steps(const Shard& shard, const proto::Form& form) {
    RunnerConfig config{.config = &shard.checkpoint.config,
                        .plan = &shard.plan,
                        .rank = form.rank(),
                        .pool = &shard.pool,
                        .ops = shard.ops.get(),
                        .tensor_group = group_.tensor.get(),
                        .pipeline_group = group_.pipeline.get(),
                        .device_group = group_.device.get()};
    config.spin = spin_;
    if (shard.load.max_rows() > 0) config.max_rows = shard.load.max_rows();
    config.op_deadline = form.op_deadline_ms() ? std::chrono::milliseconds(form.op_deadline_ms()) : kDefaultOpDeadline;
    Runner runner(config);
    check_before_serving(shard, runner, config.op_deadline);
    proto::Envelope ready;
    ready.mutable_ready();
    send(ready);
    while (const auto frame = socket_.read()) {
      if (frame->envelope.has_step() && frame->envelope.epoch() == epoch_) run_step(runner, frame->envelope.step());
    }
  }

  // A load that has not served yet is checked first, on all ranks of the group or on none: it takes their joins.
  void check_before_serving(const Shard& shard, Runner& runner, Duration deadline) {
    transport::Communicator* group = group_.tensor.get();
    if (!any_rank(shard.check, group, deadline)) return;
    const selftest::LoadCheck weights = selftest::check_load(runner.weights(), shard.pool, *shard.ops);
    if (!weights.ok) throw Error{Code::internal, "the check before serving: " + weights.text};
    const std::string layers = check_layers(runner, shard.checkpoint.config.hidden, group, deadline);
    const std::string hash = weights.left_out == 0 ? fmt::format("{}{:016x}", layers, weights.hash) : layers;
    LoadRecord(LoadRecord::default_folder()).hold(record_key(shard, weights.left_out == 0, checked_rows(runner)), hash);
    spdlog::info("checked the load: {}; layers read whole and token by token have equal bits ({})", weights.text, layers);
  }

  void run_step(Runner& runner, const proto::Step& step) {
    const TimePoint start = system_clock().now();
    proto::Envelope answer;
    *answer.mutable_step_result() = runner.run(step, [this](const proto::LogitRows& rows) {
      proto::Envelope envelope;
      *envelope.mutable_logit_rows() = rows;
      send(envelope);
    });
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(system_clock().now() - start);
    answer.mutable_step_result()->set_duration_us(static_cast<uint64_t>(took.count()));
    send(answer);
  }

  void send(proto::Envelope& envelope) {
    envelope.set_epoch(epoch_);
    socket_.write(envelope);
  }

  // Says why, then waits for its end: whatever is still queued is of a broken epoch.
  void fail(const Error& error) {
    spdlog::error("{}", error.what());
    try {
      proto::Envelope fault = transport::fault_envelope(error, true);
      send(fault);
      while (socket_.read()) {
      }
    } catch (const Error&) {
      // The agent is gone, and so are we.
    }
  }

  // While the watch is still there: saying goodbye to ranks that are gone may take longer than we have.
  void leave_group() {
    EngineGroup group;  // ends after the lock does
    const std::lock_guard lock(group_mutex_);
    std::swap(group, group_);
  }

  // On the watching thread. Waits in collectives end at once; arithmetic may take longer than we have.
  void agent_gone() {
    {
      const std::lock_guard lock(group_mutex_);
      group_.abort();
    }
    const TimePoint end = system_clock().now() + kLastCall;
    while (!ended_ && system_clock().now() < end) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    if (!ended_) _exit(1);
  }

  transport::FrameSocket socket_;
  uint64_t epoch_ = 0;
  uint32_t round_ = 0;
  Duration spin_{};
  std::mutex group_mutex_;
  EngineGroup group_;
  std::atomic<bool> ended_ = false;
  HangupWatch watch_;  // last: its thread uses the others
};

}  // namespace

int run_engine(int fd) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  signal(SIGINT, SIG_IGN);  // Ctrl-C reaches the whole foreground group; the agent decides what becomes of us
  const char* level = std::getenv("YOKE_LOG_LEVEL");
  start_logging(fmt::format("engine {}", getpid()), level ? level : "info");
  Engine engine(fd);
  engine.run();
  return 0;
}

}  // namespace yoke::node
