#include "coordinator/registry.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/log.h"
#include "transport/control/session.h"

namespace yoke::coordinator {
namespace {

namespace proto = transport::proto;

constexpr Duration kLoadSilence = std::chrono::seconds(300);
constexpr Duration kLoadRetry = std::chrono::seconds(2);

// What trying again does not mend.
bool is_permanent(Code code) { return code == Code::does_not_fit || code == Code::bad_file || code == Code::unsupported; }

}  // namespace

std::string_view name(GroupState state) {
  switch (state) {
    case GroupState::gathering: return "gathering";
    case GroupState::loading: return "loading";
    case GroupState::resting: return "resting";
    case GroupState::forming: return "forming";
    case GroupState::serving: return "serving";
  }
  return "";
}

Registry::Registry(RegistryConfig config)
    : config_(std::move(config)), ranks_(static_cast<size_t>(config_.plan.layout.world())), kv_blocks_(config_.kv_blocks) {
  for (size_t rank = 0; rank < ranks_.size(); ++rank) ranks_[rank].status.rank = static_cast<int>(rank);
}

Orders Registry::on(const RegistryEvent& event, TimePoint now) {
  Orders orders;
  struct Visitor {
    Registry& registry;
    TimePoint now;
    Orders& orders;
    void operator()(const AgentJoined& e) { registry.joined(e, now, orders); }
    void operator()(const AgentSaid& e) { registry.said(e, now, orders); }
    void operator()(const AgentLost& e) { registry.lost(e.agent, e.reason, now, orders); }
    void operator()(const EpochBroken& e) { registry.break_epoch(e.reason, now, orders); }
    void operator()(const TimePassed&) { registry.time_passed(now, orders); }
  };
  std::visit(Visitor{*this, now, orders}, event);
  advance(now, orders);
  return orders;
}

std::optional<int> Registry::rank_of(AgentId agent) const {
  const auto found = std::ranges::find_if(ranks_, [&](const Rank& rank) { return rank.agent == agent; });
  if (found == ranks_.end()) return std::nullopt;
  return static_cast<int>(found - ranks_.begin());
}

void Registry::joined(const AgentJoined& event, TimePoint now, Orders& orders) {
  // The same agent on a new connection: the old one is dead, whether we noticed or not.
  const auto old = std::ranges::find_if(agents_, [&](const auto& known) {
    return !event.hello.agent_id().empty() && known.second.agent_id() == event.hello.agent_id();
  });
  if (old != agents_.end()) {
    const Error reason{Code::peer_lost, "the agent connected anew"};
    orders.close.push_back({old->first, reason});
    lost(AgentId{old->first}, reason, now, orders);
  }
  if (agents_.size() >= ranks_.size()) {
    orders.close.push_back({event.agent, Error{Code::unavailable, fmt::format("the group is full: {} agents for {}", agents_.size(),
                                                                              config_.plan.layout.name())}});
    return;
  }
  agents_.emplace(event.agent, event.hello);
}

void Registry::lost(AgentId agent, const Error& reason, TimePoint now, Orders& orders) {
  if (agents_.erase(agent) == 0) return;
  const std::optional<int> rank = rank_of(agent);
  if (!rank) return;
  spdlog::warn("rank {}: its agent is gone: {}", *rank, reason.what());
  Rank& slot = ranks_[static_cast<size_t>(*rank)];
  slot = Rank{.trouble = fmt::format("its agent is gone: {}", reason.what()), .status = {.rank = *rank}};
  break_epoch(Error{Code::peer_lost, fmt::format("rank {}: {}", *rank, slot.trouble)}, now, orders);
}

void Registry::said(const AgentSaid& event, TimePoint now, Orders& orders) {
  const std::optional<int> rank = rank_of(event.agent);
  if (!rank) return;  // of no rank, or closed already: it was asked for nothing
  const proto::Envelope& envelope = event.envelope;
  Rank& slot = ranks_[static_cast<size_t>(*rank)];
  const bool of_this_epoch = state_ == GroupState::forming && envelope.epoch() == epoch_;
  switch (envelope.body_case()) {
    case proto::Envelope::kHeartbeat: return heartbeat(slot, envelope.heartbeat());
    case proto::Envelope::kLoadProgress:
      if (slot.load != Load::asked) return;
      if (envelope.load_progress().bytes_done() != slot.status.load_bytes_done) slot.advanced_at = now;
      slot.status.load_bytes_done = envelope.load_progress().bytes_done();
      slot.status.load_bytes_total = envelope.load_progress().bytes_total();
      return;
    case proto::Envelope::kLoaded: return loaded(*rank, envelope.loaded());
    case proto::Envelope::kFault: return fault(*rank, envelope, now, orders);
    case proto::Envelope::kAddress:
      if (of_this_epoch) address(*rank, envelope.address(), now, orders);
      return;
    case proto::Envelope::kReady:
      if (of_this_epoch) ready(*rank, orders);
      return;
    case proto::Envelope::kShutdown: {
      const Error reason{Code::peer_lost, fmt::format("it ends: {}", envelope.shutdown().reason())};
      orders.close.push_back({event.agent, reason});
      return lost(event.agent, reason, now, orders);
    }
    default: return;  // steps' answers are the driver's; Session lets nothing else through
  }
}

void Registry::heartbeat(Rank& rank, const proto::Heartbeat& heartbeat) {
  rank.status.engine_pid = static_cast<int64_t>(heartbeat.engine_pid());
  rank.status.bytes_read = heartbeat.bytes_read();
  rank.status.pool_bytes = heartbeat.pool_bytes();
}

void Registry::loaded(int rank, const proto::Loaded& loaded) {
  Rank& slot = ranks_[static_cast<size_t>(rank)];
  if (slot.load != Load::asked) return;
  slot.load = Load::done;
  slot.trouble.clear();
  slot.status.pool_bytes = loaded.pool_bytes();
  slot.status.bytes_read = loaded.bytes_read();
  slot.status.device = loaded.device();
  slot.status.device_reason = loaded.device_reason();
  slot.status.pool = loaded.pool();
  slot.status.load_bytes_done = slot.status.load_bytes_total;
  spdlog::info("rank {}: loaded, {} KV blocks", rank, loaded.kv_blocks());
}

void Registry::fault(int rank, const proto::Envelope& envelope, TimePoint now, Orders& orders) {
  const Error error = transport::error_of(envelope.fault());
  Rank& slot = ranks_[static_cast<size_t>(rank)];
  if (!envelope.fault().fatal_to_epoch()) {
    if (slot.load == Load::asked) return load_failed(rank, error, now, orders);
    spdlog::warn("rank {}: {}", rank, error.what());
    return;
  }
  if (envelope.epoch() != epoch_ || (state_ != GroupState::forming && state_ != GroupState::serving)) return;  // of one that is over
  // An agent that could not form may have another shard than we think: asked again, it answers at once if it has it.
  if (state_ == GroupState::forming) slot.load = Load::none;
  break_epoch(Error{error.code(), fmt::format("rank {}: {}", rank, error.what())}, now, orders);
}

void Registry::load_failed(int rank, const Error& error, TimePoint now, Orders& orders) {
  Rank& slot = ranks_[static_cast<size_t>(rank)];
  slot.load = Load::none;
  slot.load_not_before = now + kLoadRetry;
  slot.trouble = fmt::format("loading failed: {}", error.what());
  spdlog::error("rank {}: {}", rank, slot.trouble);
  if (is_permanent(error.code()) && !served_) orders.give_up = Error{error.code(), fmt::format("rank {}: {}", rank, slot.trouble)};
}

void Registry::address(int rank, const proto::Address& address, TimePoint now, Orders& orders) {
  try {
    const std::optional<proto::Peers> peers = addresses_.add(rank, address);
    if (!peers) return;
    proto::Envelope envelope = framed();
    *envelope.mutable_peers() = *peers;
    for (const Rank& slot : ranks_) orders.send.push_back({*slot.agent, envelope});
  } catch (const Error& error) {
    break_epoch(error, now, orders);
  }
}

void Registry::ready(int rank, Orders& orders) {
  ranks_[static_cast<size_t>(rank)].ready = true;
  if (!std::ranges::all_of(ranks_, &Rank::ready)) return;
  state_ = GroupState::serving;
  served_ = true;
  orders.epoch_began = true;
  spdlog::info("epoch {}: {} serves", epoch_, config_.plan.layout.name());
}

void Registry::time_passed(TimePoint now, Orders& orders) {
  if (state_ == GroupState::forming && now >= form_by_) {
    return break_epoch(Error{Code::deadline_exceeded, fmt::format("{}; the time for it is over", missing())}, now, orders);
  }
  for (const Rank& slot : ranks_) {
    if (slot.load != Load::asked || now - slot.advanced_at < kLoadSilence) continue;
    const Error reason{Code::deadline_exceeded, fmt::format("nothing was loaded for {} s", kLoadSilence / std::chrono::seconds(1))};
    orders.close.push_back({*slot.agent, reason});
    return lost(*slot.agent, reason, now, orders);
  }
}

}  // namespace yoke::coordinator
