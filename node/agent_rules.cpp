#include "node/agent_rules.h"

#include <fmt/format.h>

#include "core/log.h"
#include "transport/control/session.h"

namespace yoke::node {
namespace {

namespace proto = transport::proto;

proto::Envelope progress_frame(const LoadProgress& progress) {
  proto::Envelope envelope;
  envelope.mutable_load_progress()->set_bytes_done(progress.bytes_done);
  envelope.mutable_load_progress()->set_bytes_total(progress.bytes_total);
  return envelope;
}

}  // namespace

bool same_shard(const proto::ShardKey& a, const proto::ShardKey& b) {
  return a.model_identity() == b.model_identity() && a.tp() == b.tp() && a.pp() == b.pp() && a.rank() == b.rank() &&
         a.math() == b.math() && a.kv_blocks() == b.kv_blocks() && a.ep() == b.ep() && a.kv() == b.kv() && a.pack() == b.pack();
}

AgentActions AgentRules::on(const AgentEvent& event) {
  struct Visitor {
    AgentRules& rules;
    AgentActions operator()(const CoordinatorJoined&) {
      rules.joined_ = true;
      rules.epoch_ = 0;  // another coordinator counts anew
      return {};
    }
    AgentActions operator()(const CoordinatorLost&) {
      AgentActions actions;
      rules.joined_ = false;
      rules.end_engine(actions);
      return actions;
    }
    AgentActions operator()(const CoordinatorSaid& e) { return rules.said(e.envelope); }
    AgentActions operator()(const EngineSaid& e) { return rules.engine_said(e.envelope); }
    AgentActions operator()(const EngineEnded& e) { return rules.engine_ended(e.how); }
    AgentActions operator()(const LoadAdvanced& e) {
      rules.bytes_read_now_ = e.progress.bytes_done;
      if (!rules.joined_ || rules.load_again_) return {};
      return {TellCoordinator{rules.stamped(progress_frame(e.progress))}};
    }
    AgentActions operator()(const LoadDone& e) { return rules.load_ended(e, nullptr); }
    AgentActions operator()(const LoadFailed& e) { return rules.load_ended(std::nullopt, &e.error); }
  };
  return std::visit(Visitor{*this}, event);
}

AgentActions AgentRules::said(const proto::Envelope& envelope) {
  switch (envelope.body_case()) {
    case proto::Envelope::kLoadModel: return load_model(envelope);
    case proto::Envelope::kForm: return form(envelope);
    case proto::Envelope::kPeers:
    case proto::Envelope::kStep:
      if (engine_ && envelope.epoch() == epoch_) return {TellEngine{envelope}};
      spdlog::debug("dropped work of epoch {}: the epoch is {}{}", envelope.epoch(), epoch_, engine_ ? "" : ", without an engine");
      return {};
    case proto::Envelope::kFault:
      spdlog::warn("the coordinator says: {}", envelope.fault().message());
      return {};
    case proto::Envelope::kShutdown: {
      AgentActions actions;
      end_engine(actions);
      actions.push_back(Leave{0, fmt::format("the coordinator ended it: {}", envelope.shutdown().reason())});
      return actions;
    }
    default: return {};  // heartbeats; Session lets nothing else through
  }
}

AgentActions AgentRules::load_model(const proto::Envelope& envelope) {
  instance_ = envelope.instance();
  load_ = envelope.load_model();
  const proto::ShardKey& wanted = load_.shard();
  AgentActions actions;
  end_engine(actions);  // it has the old one mapped, or other settings

  if (held_ && same_shard(*held_, wanted)) {
    actions.push_back(TellCoordinator{loaded_frame()});
    return actions;
  }
  if (loading_) {
    // The same shard goes on loading (the coordinator came back meanwhile); another one waits until the load has stopped.
    if (!load_again_ && !same_shard(*loading_, wanted)) {
      load_again_ = true;
      actions.push_back(CancelLoad{});
    }
    return actions;
  }
  held_.reset();
  loading_ = wanted;
  actions.push_back(StartLoad{load_});
  return actions;
}

AgentActions AgentRules::load_ended(const std::optional<LoadDone>& done, const Error* error) {
  bytes_read_before_ += bytes_read_now_;
  bytes_read_now_ = 0;
  const proto::ShardKey shard = *loading_;
  loading_.reset();
  if (load_again_) {
    load_again_ = false;
    loading_ = load_.shard();
    return {StartLoad{load_}};
  }
  if (!done) {
    if (!joined_) return {};
    return {TellCoordinator{fault(*error, false)}};
  }
  held_ = shard;
  held_size_ = *done;
  unchecked_ = true;
  if (!joined_) return {};
  return {TellCoordinator{loaded_frame()}};
}

AgentActions AgentRules::form(const proto::Envelope& envelope) {
  if (envelope.epoch() <= epoch_) {
    spdlog::warn("dropped a form of epoch {}: the epoch is {}", envelope.epoch(), epoch_);
    return {};
  }
  epoch_ = envelope.epoch();
  last_step_ = 0;
  AgentActions actions;
  end_engine(actions);
  const proto::Form& form = envelope.form();
  if (!held_ || loading_) {
    actions.push_back(TellCoordinator{fault(Error{Code::unavailable, "the model is not loaded here: form comes after loaded"}, true)});
  } else if (form.rank() != held_->rank() || form.tp() != held_->tp() || form.pp() != held_->pp()) {
    const Error error{Code::invalid_argument,
                      fmt::format("form asks for rank {} of tp {} pp {}, the pool holds rank {} of tp {} pp {}", form.rank(), form.tp(),
                                  form.pp(), held_->rank(), held_->tp(), held_->pp())};
    actions.push_back(TellCoordinator{fault(error, true)});
  } else {
    proto::Attach attach;
    *attach.mutable_load() = load_;
    attach.mutable_load()->mutable_shard()->set_kv_blocks(held_size_.kv_blocks);
    attach.set_pool_bytes(held_size_.pool_bytes);
    attach.set_rank(held_->rank());
    attach.set_check(unchecked_);
    engine_ = true;
    actions.push_back(StartEngine{attach});
    actions.push_back(TellEngine{envelope});
  }
  return actions;
}

AgentActions AgentRules::engine_said(proto::Envelope envelope) {
  if (!engine_) return {};
  if (envelope.has_ready()) unchecked_ = false;
  if (envelope.has_step_result()) last_step_ = envelope.step_result().id();
  const bool fatal = envelope.has_fault() && envelope.fault().fatal_to_epoch();
  AgentActions actions{TellCoordinator{stamped(std::move(envelope))}};
  if (fatal) end_engine(actions);  // its group is broken; it would only wait for the next form
  return actions;
}

AgentActions AgentRules::engine_ended(const std::string& how) {
  if (!engine_) return {};
  engine_ = false;
  if (!joined_) return {};
  return {TellCoordinator{fault(Error{Code::peer_lost, how}, true)}};
}

void AgentRules::end_engine(AgentActions& actions) {
  if (engine_) actions.push_back(KillEngine{});
  engine_ = false;
}

// An engine lives for one epoch, so what it says is of that epoch.
proto::Envelope AgentRules::stamped(proto::Envelope envelope) const {
  envelope.set_instance(instance_);
  envelope.set_epoch(epoch_);
  return envelope;
}

proto::Envelope AgentRules::loaded_frame() const {
  proto::Envelope envelope;
  proto::Loaded& loaded = *envelope.mutable_loaded();
  loaded.set_kv_blocks(held_size_.kv_blocks);
  loaded.set_pool_bytes(held_size_.pool_bytes);
  loaded.set_bytes_read(bytes_read());
  loaded.set_device(held_size_.device);
  loaded.set_device_reason(held_size_.device_reason);
  loaded.set_pool(held_size_.pool);
  return stamped(std::move(envelope));
}

proto::Envelope AgentRules::fault(const Error& error, bool fatal_to_epoch) const {
  return stamped(transport::fault_envelope(error, fatal_to_epoch));
}

}  // namespace yoke::node
