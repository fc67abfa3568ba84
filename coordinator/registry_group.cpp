// From agents to a group that serves: ranks, loads, epochs.
#include <fmt/format.h>

#include <algorithm>

#include "coordinator/rank_assignment.h"
#include "coordinator/registry.h"
#include "core/log.h"

namespace yoke::coordinator {
namespace {

namespace proto = transport::proto;

constexpr uint64_t kInstance = 1;  // one model a coordinator, so far

// An engine starts, maps its pool and opens its transports within a second; the rest is for machines with more to do.
constexpr Duration kFormMargin = std::chrono::seconds(20);

constexpr Duration kRestartWindow = std::chrono::seconds(60);
constexpr Duration kRest = std::chrono::seconds(10);

}  // namespace

void Registry::break_epoch(const Error& reason, TimePoint now, Orders& orders) {
  if (state_ != GroupState::forming && state_ != GroupState::serving) return;
  spdlog::warn("epoch {} ended: {}", epoch_, reason.what());
  state_ = GroupState::gathering;
  last_trouble_ = reason.what();
  orders.epoch_ended = reason;
  for (Rank& slot : ranks_) {
    slot.ready = false;
    slot.status.engine_pid = 0;  // the next form gives each rank a new engine
  }
  if (too_many_restarts(now)) rest_until_ = now + kRest;
}

bool Registry::too_many_restarts(TimePoint now) {
  while (!restarts_.empty() && now - restarts_.front() > kRestartWindow) restarts_.pop_front();
  if (static_cast<int>(restarts_.size()) >= config_.max_restarts) return true;
  restarts_.push_back(now);
  return false;
}

// From what there is to the first state that fits.
void Registry::advance(TimePoint now, Orders& orders) {
  if (orders.give_up || state_ == GroupState::forming || state_ == GroupState::serving) return;
  if (!assign_ranks()) {
    state_ = GroupState::gathering;
    return;
  }
  if (!decide_kv_blocks(orders)) return;
  ask_for_loads(now, orders);
  if (!all(Load::done)) {
    state_ = GroupState::loading;
    return;
  }
  if (!same_devices(orders)) return;
  if (now < rest_until_) {
    state_ = GroupState::resting;
    return;
  }
  form(now, orders);
}

// Bits are those of a kind of device (docs/bits.md): ranks that compute on unlike ones would serve what no other layout serves.
bool Registry::same_devices(Orders& orders) {
  const RankStatus& first = ranks_.front().status;
  for (const Rank& slot : ranks_) {
    if (slot.status.device == first.device) continue;
    const Error unlike{Code::unsupported, fmt::format("rank {} computes on {}, rank {} on {}: all ranks of a model need the same kind of device; start "
                                                          "the agents with the same --device", first.rank, first.device, slot.status.rank, slot.status.device)};
    last_trouble_ = unlike.what();
    if (!served_) orders.give_up = unlike;
    return false;
  }
  return true;
}

bool Registry::assign_ranks() {
  std::vector<int> free;
  for (const Rank& slot : ranks_) {
    if (!slot.agent) free.push_back(slot.status.rank);
  }
  if (free.empty()) return true;
  std::vector<Applicant> applicants;
  for (const auto& [agent, hello] : agents_) {
    if (rank_of(agent)) continue;
    applicants.push_back({.agent = agent,
                          .held_rank = holds_model(hello) ? hello.held().rank() : -1,
                          .preferred_rank = hello.preferred_rank()});
  }
  if (applicants.size() < free.size()) return false;
  for (const auto& [rank, agent] : rank_assignment(free, applicants)) {
    const proto::Hello& hello = agents_.at(agent);
    spdlog::info("rank {}: agent {} on {}", rank, hello.pid(), hello.node());
    Rank& slot = ranks_[static_cast<size_t>(rank)];
    slot = Rank{.agent = agent, .status = {.rank = rank, .node = hello.node(), .device = hello.device(), .agent_pid = hello.pid()}};
  }
  return true;
}

bool Registry::holds_model(const proto::Hello& hello) const {
  const proto::ShardKey& held = hello.held();
  return hello.has_held() && held.model_identity() == config_.model_identity && held.tp() == config_.plan.layout.tp &&
         held.pp() == config_.plan.layout.pp && held.ep() == config_.plan.layout.ep && held.kv() == kv_type_name(config_.plan.kv) &&
         held.pack() == config_.plan.pack && held.math() == config_.math;
}

// Once for the coordinator's life: agents keep pools of this size.
bool Registry::decide_kv_blocks(Orders& orders) {
  if (kv_blocks_ != 0) return true;
  uint64_t available = UINT64_MAX;
  std::map<std::pair<std::string, std::string>, int> on_node;  // that share one memory
  int most_on_node = 1;
  for (const auto& [agent, hello] : agents_) {
    // A pool of this model from an earlier coordinator says what was decided then, and need not be loaded again.
    if (holds_model(hello) && hello.held().kv_blocks() != 0) kv_blocks_ = hello.held().kv_blocks();
    available = std::min(available, hello.memory_available_bytes());
    most_on_node = std::max(most_on_node, ++on_node[std::pair(hello.node(), hello.memory())]);
  }
  if (kv_blocks_ != 0) return true;
  try {
    kv_blocks_ = config_.choose_kv_blocks(available, most_on_node);
  } catch (const Error& error) {
    orders.give_up = error;
    return false;
  }
  return true;
}

void Registry::ask_for_loads(TimePoint now, Orders& orders) {
  for (Rank& slot : ranks_) {
    if (slot.load != Load::none || now < slot.load_not_before) continue;
    slot.load = Load::asked;
    slot.advanced_at = now;
    proto::Envelope envelope = framed();
    proto::LoadModel& load = *envelope.mutable_load_model();
    load.mutable_shard()->set_model_identity(config_.model_identity);
    load.mutable_shard()->set_tp(config_.plan.layout.tp);
    load.mutable_shard()->set_pp(config_.plan.layout.pp);
    load.mutable_shard()->set_rank(slot.status.rank);
    load.mutable_shard()->set_math(config_.math);
    load.mutable_shard()->set_kv_blocks(kv_blocks_);
    load.mutable_shard()->set_ep(config_.plan.layout.ep);
    load.mutable_shard()->set_kv(std::string(kv_type_name(config_.plan.kv)));
    load.mutable_shard()->set_pack(config_.plan.pack);
    load.set_model_path(config_.model_path);
    load.set_threads(config_.threads);
    load.set_max_rows(static_cast<int32_t>(config_.max_rows));
    load.set_max_sequences(static_cast<uint32_t>(config_.max_sequences));
    orders.send.push_back({*slot.agent, std::move(envelope)});
  }
}

void Registry::form(TimePoint now, Orders& orders) {
  ++epoch_;
  state_ = GroupState::forming;
  form_by_ = now + config_.op_deadline + kFormMargin;
  addresses_ = AddressRounds(world());
  for (const Rank& slot : ranks_) {
    proto::Envelope envelope = framed();
    proto::Form& form = *envelope.mutable_form();
    form.set_rank(slot.status.rank);
    form.set_tp(config_.plan.layout.tp);
    form.set_pp(config_.plan.layout.pp);
    form.set_communicator(config_.communicator);
    form.set_op_deadline_ms(static_cast<uint32_t>(config_.op_deadline / std::chrono::milliseconds(1)));
    orders.send.push_back({*slot.agent, std::move(envelope)});
  }
}

bool Registry::all(Load load) const {
  return std::ranges::all_of(ranks_, [&](const Rank& slot) { return slot.load == load; });
}

proto::Envelope Registry::framed() const {
  proto::Envelope envelope;
  envelope.set_instance(kInstance);
  envelope.set_epoch(epoch_);
  return envelope;
}

}  // namespace yoke::coordinator
