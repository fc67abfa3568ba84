#include "coordinator/dispatcher.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <map>
#include <optional>

#include "coordinator/batcher.h"
#include "coordinator/event_stream.h"
#include "coordinator/front_desk.h"
#include "coordinator/step_tracker.h"
#include "core/log.h"

namespace yoke::coordinator {
namespace {

namespace asio = boost::asio;
namespace proto = transport::proto;

// How soon a deadline is noticed, and how fresh a status is that nothing else renewed.
constexpr Duration kTick = std::chrono::milliseconds(50);

// An engine with nothing to do shows that it lives so often.
constexpr Duration kIdleStep = std::chrono::seconds(1);

// Raw logits of one step: they lie in memory between the channel and the stream.
constexpr int64_t kMaxLogitBytes = 32 << 20;

FrontDeskConfig desk_config(const DispatcherConfig& config) {
  return {.vocab = config.vocab,
          .encoder = config.encoder,
          .layers_alone = config.layers_alone,
          .max_rows = config.registry.max_rows,
          .context_length = config.context_length,
          .max_sequences = config.registry.max_sequences,
          .max_queue = config.max_queue};
}

// One name where all ranks compute on the same kind of device.
std::string devices_of(const std::vector<RankStatus>& ranks) {
  std::string all;
  std::vector<std::string_view> named;
  for (const RankStatus& rank : ranks) {
    if (rank.device.empty() || std::ranges::find(named, rank.device) != named.end()) continue;
    named.push_back(rank.device);
    all += (all.empty() ? "" : ", ") + rank.device;
  }
  return all;
}

}  // namespace

struct Dispatcher::State : std::enable_shared_from_this<Dispatcher::State> {
  State(asio::io_context& io, const DispatcherConfig& wanted, Metrics& to, std::function<void(const Error&)> give_up)
      : config(wanted),
        metrics(to),
        on_give_up(std::move(give_up)),
        mailbox(std::make_shared<Mailbox>(io)),
        desk(desk_config(wanted)),
        registry(wanted.registry),
        pace(wanted.step_budget_us),
        timer(io) {}

  const DispatcherConfig config;
  Metrics& metrics;
  std::function<void(const Error&)> on_give_up;
  const std::shared_ptr<Mailbox> mailbox;
  FrontDesk desk;

  Registry registry;
  std::map<AgentId, std::shared_ptr<transport::Channel>> channels;
  AgentId newest_agent = 0;
  StepPace pace;
  std::optional<Batcher> batcher;      // of the epoch, as is the tracker: both or none
  std::optional<StepTracker> tracker;
  asio::steady_timer timer;

  TimePoint now() const { return config.clock->now(); }

  // --- agents ---

  void agent_joined(std::shared_ptr<transport::Channel> channel, proto::Hello hello) {
    const AgentId agent = ++newest_agent;
    channels[agent] = channel;
    const std::weak_ptr<State> weak = shared_from_this();
    channel->start({.on_message = [weak, agent](proto::Envelope envelope) {
                      if (const auto self = weak.lock()) self->said(agent, std::move(envelope));
                    },
                    .on_closed = [weak, agent](const Error& reason) {
                      if (const auto self = weak.lock()) self->lost(agent, reason);
                    },
                    .on_drained = [weak] {
                      if (const auto self = weak.lock()) self->pump();
                    }});
    decide(AgentJoined{agent, std::move(hello)});
  }

  void lost(AgentId agent, const Error& reason) {
    channels.erase(agent);
    decide(AgentLost{agent, reason});
  }

  void said(AgentId agent, proto::Envelope envelope) {
    if (!envelope.has_step_result() && !envelope.has_logit_rows()) return decide(AgentSaid{agent, std::move(envelope)});
    const std::optional<int> rank = registry.rank_of(agent);
    if (!rank || !batcher || envelope.epoch() != registry.epoch()) return;  // of an epoch that is over
    try {
      if (envelope.has_logit_rows()) return batcher->on_rows(envelope.logit_rows());
      if (auto done = tracker->answered(*rank, envelope.step_result(), now())) {
        batcher_ends([&] { batcher->on_done(done->result, 1e6 * seconds(done->took), now()); });
      }
    } catch (const Error& error) {
      return decide(EpochBroken{error});
    }
    pump();
  }

  // --- the group ---

  void decide(const RegistryEvent& event) {
    act(registry.on(event, now()));
    show();
  }

  void act(Orders orders) {
    if (orders.epoch_ended) end_epoch(*orders.epoch_ended);
    for (const Orders::Close& close : orders.close) {
      const auto channel = channels.find(close.agent);
      if (channel == channels.end()) continue;
      channel->second->close(close.reason);
      channels.erase(channel);
    }
    for (const Orders::Send& send : orders.send) {
      if (const auto channel = channels.find(send.to); channel != channels.end()) channel->second->send(send.envelope);
    }
    if (orders.epoch_began) begin_epoch();
    if (orders.give_up && on_give_up) std::exchange(on_give_up, nullptr)(*orders.give_up);
  }

  void begin_epoch() {
    const parallel::Layout& layout = config.registry.plan.layout;
    const auto blocks = static_cast<int64_t>(registry.kv_blocks());
    const auto row_bytes = static_cast<int64_t>(sizeof(float)) * config.row_width;
    batcher.emplace(BatcherConfig{.limits = {.max_rows = config.registry.max_rows,
                                             .max_sequences = config.registry.max_sequences,
                                             .stages = layout.pp},
                                  .sequence = {.positions = desk.positions(blocks),
                                               .logit_rows = std::max<int64_t>(1, kMaxLogitBytes / row_bytes),
                                               .whole = config.encoder.is},
                                  .kv_blocks = blocks,
                                  .vocab = config.vocab,
                                  .row_width = config.row_width},
                    pace, metrics);
    tracker.emplace(StepTrackerConfig{.world = layout.world(),
                                      .result_rank = (layout.pp - 1) * layout.tp,
                                      .patience = config.registry.op_deadline + config.step_margin},
                    now());
    send_step(batcher->idle(tracker->next_id()));  // every rank shows that it takes steps: then the group is ready
  }

  void end_epoch(const Error& reason) {
    if (!batcher) return;
    batcher_ends([&] { batcher->abandon(reason, now()); });
    batcher.reset();
    tracker.reset();
  }

  // --- steps ---

  // Keeps so many steps in flight that no engine waits for us between two of them.
  void pump() {
    if (!batcher) return;
    const int64_t depth = std::max(2, config.registry.plan.layout.pp);
    while (tracker->in_flight() < depth && !any_busy()) {
      const std::optional<proto::Step> step = batcher->plan(tracker->next_id());
      if (!step) break;
      send_step(*step);
    }
    show();
  }

  bool any_busy() const {
    for (const auto& [agent, channel] : channels) {
      if (channel->busy()) return true;
    }
    return false;
  }

  void send_step(const proto::Step& step) {
    proto::Envelope envelope;
    envelope.set_instance(1);
    envelope.set_epoch(registry.epoch());
    *envelope.mutable_step() = step;
    const Duration expected(static_cast<int64_t>(1e3 * batcher->expected_us()));
    tracker->issued(step.entries_size() == 0, expected, now());
    for (int rank = 0; rank < registry.world(); ++rank) channels.at(registry.agent_of(rank))->send(envelope);
  }

  void tick() {
    timer.expires_after(kTick);
    timer.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
      const auto self = weak.lock();
      if (error || !self) return;
      self->on_time();
      self->tick();
    });
  }

  void on_time() {
    if (tracker) {
      if (const std::optional<Error> late = tracker->overdue(now())) return decide(EpochBroken{*late});
      if (tracker->in_flight() == 0 && now() - tracker->issued_at() >= kIdleStep) send_step(batcher->idle(tracker->next_id()));
    }
    decide(TimePassed{});
    pump();
  }

  // --- requests ---

  // Whatever ends sequences: what ended no longer counts as open.
  template <typename Action>
  void batcher_ends(const Action& action) {
    const int64_t before = batcher->sequences();
    struct Recount {  // also when the action throws
      State& state;
      int64_t before;
      ~Recount() { state.desk.closed(before - state.batcher->sequences()); }
    } recount{*this, before};
    action();
  }

  template <typename Request>
  std::shared_ptr<Stream> take(Request request) {
    const uint64_t id = desk.open(request);
    auto events = std::make_shared<EventBuffer>();
    const std::weak_ptr<State> weak = shared_from_this();
    auto start = [weak, id, events, request = std::move(request)]() mutable {
      if (const auto self = weak.lock()) self->start(id, std::move(request), events);
    };
    if (!mailbox->post(std::move(start))) throw Error{Code::unavailable, "the coordinator is shutting down"};
    return make_stream(
        events,
        [weak, box = mailbox] {
          box->post([weak] {
            if (const auto self = weak.lock()) self->pump();
          });
        },
        [weak, id, box = mailbox] {
          box->post([weak, id] {
            if (const auto self = weak.lock()) self->cancel(id);
          });
        });
  }

  template <typename Request>
  void start(uint64_t id, Request request, std::shared_ptr<EventBuffer> events) {
    if (!batcher) {
      desk.closed(1);
      events->push(FinishEvent{FinishReason::error, Error{Code::unavailable, fmt::format("not ready: {}", registry.missing())}});
      return;
    }
    const int64_t before = batcher->sequences();
    batcher->add(id, std::move(request), std::move(events), now());
    desk.closed(1 - (batcher->sequences() - before));  // one that asked for nothing is over already
    pump();
  }

  void cancel(uint64_t id) {
    if (!batcher) return;
    batcher_ends([&] { batcher->cancel(id, now()); });
    pump();
  }

  // --- status ---

  void show() {
    ServiceStatus status;
    status.epoch = registry.epoch();
    status.instance = 1;
    status.layout = config.registry.plan.layout.name();
    status.math = config.registry.math;
    status.kv = kv_type_name(config.registry.plan.kv);
    status.pack = config.registry.plan.pack;
    status.reason = registry.missing();
    status.ranks = registry.ranks();
    status.device = devices_of(status.ranks);
    status.kv_blocks_total = static_cast<int64_t>(registry.kv_blocks());
    if (batcher) {
      add_progress(status);
      status.running = batcher->count(Phase::prefilling) + batcher->count(Phase::decoding);
      status.waiting = batcher->count(Phase::waiting);
      status.paused = batcher->count(Phase::paused);
      status.kv_blocks_used = batcher->blocks().used();
    }
    desk.show(std::move(status));
  }

  void add_progress(ServiceStatus& status) const {
    status.ready = true;
    for (RankStatus& rank : status.ranks) {
      rank.step_age_s = seconds(tracker->age(rank.rank, now()));
      if (tracker->advances(rank.rank, now())) continue;
      status.ready = false;
      if (!status.reason.empty()) status.reason += "; ";
      status.reason += fmt::format("rank {} has not finished a step for {:.1f} s", rank.rank, rank.step_age_s);
      if (rank.step_age_s > seconds(StepTracker::kIdleLimit)) rank.state = "stuck";
    }
  }
};

Dispatcher::Dispatcher(asio::io_context& context, const DispatcherConfig& config, Metrics& metrics,
                       std::function<void(const Error&)> on_give_up)
    : state_(std::make_shared<State>(context, config, metrics, std::move(on_give_up))) {
  state_->show();
  state_->tick();
}

Dispatcher::~Dispatcher() {
  state_->mailbox->close();
  state_->end_epoch(Error{Code::unavailable, "the coordinator is shutting down"});
}

void Dispatcher::agent_joined(std::shared_ptr<transport::Channel> channel, proto::Hello hello) {
  state_->agent_joined(std::move(channel), std::move(hello));
}

std::shared_ptr<Stream> Dispatcher::generate(GenerateRequest request) { return state_->take(std::move(request)); }
std::shared_ptr<Stream> Dispatcher::logits(LogitsRequest request) { return state_->take(std::move(request)); }
ServiceStatus Dispatcher::status() const { return state_->desk.status(); }

}  // namespace yoke::coordinator
