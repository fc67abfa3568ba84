#include "tests/node/agent_coordinator.h"

#include <stdexcept>

#include "core/dtype.h"
#include "core/units.h"
#include "model/checkpoint.h"

namespace yoke::node {

namespace proto = transport::proto;

ScriptedCoordinator::ScriptedCoordinator(uint16_t port) {
  listener_ = std::make_unique<transport::Listener>(
      context_, transport::ListenerConfig{.port = port}, [this](std::shared_ptr<transport::Channel> channel, proto::Hello hello) {
        JoinedAgent& agent = agents_[hello.preferred_rank()];
        agent = JoinedAgent{.hello = hello, .channel = channel};
        channel->start({.on_message =
                            [&agent](proto::Envelope envelope) {
                              envelope.has_heartbeat() ? void(agent.heartbeat = envelope.heartbeat())
                                                       : agent.said.push_back(std::move(envelope));
                            },
                        .on_closed = [&agent](const Error&) { agent.lost = true; }});
      });
}

void ScriptedCoordinator::run_until(const std::function<bool()>& done, Duration deadline) {
  const TimePoint end = system_clock().now() + deadline;
  while (!done()) {
    if (system_clock().now() > end) throw std::runtime_error("the event did not come in time");
    context_.restart();
    context_.run_one_for(std::chrono::milliseconds(20));
  }
}

void ScriptedCoordinator::run_for(Duration time) {
  const TimePoint end = system_clock().now() + time;
  run_until([&] { return system_clock().now() >= end; }, time * 2 + std::chrono::seconds(1));
}

JoinedAgent& ScriptedCoordinator::agent(int rank) {
  run_until([&] { return has(rank); });
  return agents_.at(rank);
}

proto::Envelope ScriptedCoordinator::wait_for(int rank, proto::Envelope::BodyCase kind, Duration deadline) {
  JoinedAgent& from = agent(rank);
  proto::Envelope found;
  run_until(
      [&] {
        for (auto said = from.said.begin(); said != from.said.end(); ++said) {
          const bool fault = said->has_fault() && kind != proto::Envelope::kFault;
          if (said->body_case() != kind && !fault) continue;
          found = std::move(*said);
          from.said.erase(said);
          if (fault) throw std::runtime_error(found.fault().message());
          return true;
        }
        if (from.lost) throw std::runtime_error("the agent is gone");
        return false;
      },
      deadline);
  return found;
}

std::vector<proto::Loaded> ScriptedCoordinator::load(const std::string& path, int tp, int pp, uint64_t kv_blocks) {
  tp_ = tp;
  pp_ = pp;
  const std::string identity = model::open_checkpoint(path).identity;
  for (int rank = 0; rank < world(); ++rank) {
    proto::Envelope envelope;
    envelope.set_instance(1);
    proto::LoadModel& load = *envelope.mutable_load_model();
    proto::ShardKey& shard = *load.mutable_shard();
    shard.set_model_identity(identity);
    shard.set_tp(tp);
    shard.set_pp(pp);
    shard.set_rank(rank);
    shard.set_math("exact");
    shard.set_kv_blocks(kv_blocks);
    load.set_model_path(path);
    load.set_threads(1);
    load.set_max_rows(64);
    load.set_max_sequences(8);
    agent(rank).channel->send(envelope);
  }
  std::vector<proto::Loaded> loaded;
  for (int rank = 0; rank < world(); ++rank) loaded.push_back(wait_for(rank, proto::Envelope::kLoaded).loaded());
  for (int rank = 0; rank < world(); ++rank) std::erase_if(agent(rank).said, [](const auto& e) { return e.has_load_progress(); });
  return loaded;
}

void ScriptedCoordinator::form(uint64_t new_epoch) {
  epoch = new_epoch;
  for (int rank = 0; rank < world(); ++rank) {
    proto::Envelope envelope;
    envelope.set_epoch(epoch);
    proto::Form& form = *envelope.mutable_form();
    form.set_rank(rank);
    form.set_tp(tp_);
    form.set_pp(pp_);
    form.set_communicator("ucx");
    form.set_op_deadline_ms(10'000);
    agent(rank).channel->send(envelope);
  }
  const auto all_said = [&](proto::Envelope::BodyCase kind) {
    for (int rank = 0; rank < world(); ++rank) {
      const auto& said = agent(rank).said;
      for (const auto& e : said) {
        if (e.has_fault()) throw std::runtime_error(e.fault().message());
      }
      if (std::ranges::none_of(said, [kind](const auto& e) { return e.body_case() == kind; })) return false;
    }
    return true;
  };
  while (true) {
    run_until([&] { return all_said(proto::Envelope::kAddress) || all_said(proto::Envelope::kReady); });
    if (all_said(proto::Envelope::kReady)) break;
    proto::Envelope peers;
    peers.set_epoch(epoch);
    for (int rank = 0; rank < world(); ++rank) {
      const proto::Address address = wait_for(rank, proto::Envelope::kAddress).address();
      peers.mutable_peers()->add_blobs(address.blob());
      peers.mutable_peers()->set_round(address.round());
    }
    for (int rank = 0; rank < world(); ++rank) agent(rank).channel->send(peers);
  }
  for (int rank = 0; rank < world(); ++rank) wait_for(rank, proto::Envelope::kReady);
}

void ScriptedCoordinator::send_step(int rank, const proto::Step& step) {
  proto::Envelope envelope;
  envelope.set_epoch(epoch);
  *envelope.mutable_step() = step;
  agent(rank).channel->send(envelope);
}

ScriptedCoordinator::Answer ScriptedCoordinator::step(const proto::Step& step) {
  for (int rank = 0; rank < world(); ++rank) send_step(rank, step);
  Answer answer;
  for (int rank = 0; rank < world(); ++rank) {
    const proto::StepResult result = wait_for(rank, proto::Envelope::kStepResult).step_result();
    if (result.id() != step.id()) throw std::runtime_error("the answer to another step");
    if (result.entries_size() > 0) answer.result = result;
    for (const auto& said : agent(rank).said) {
      if (said.has_logit_rows()) answer.logits += said.logit_rows().rows();
    }
    std::erase_if(agent(rank).said, [](const auto& e) { return e.has_logit_rows(); });
  }
  return answer;
}

proto::Step prefill_step(uint64_t id, const std::vector<uint32_t>& tokens) {
  proto::Step step;
  step.set_id(id);
  proto::StepEntry& entry = *step.add_entries();
  entry.set_sequence(1);
  for (const uint32_t token : tokens) entry.add_tokens(token);
  const int64_t blocks = ceil_div(static_cast<int64_t>(tokens.size()), kKvBlockTokens);
  for (int64_t block = 0; block < blocks; ++block) entry.add_blocks(static_cast<uint32_t>(block));
  entry.add_logit_rows(static_cast<uint32_t>(tokens.size() - 1));
  entry.set_sample(true);
  entry.mutable_sampling()->set_repetition_penalty(1);
  entry.mutable_sampling()->set_top_p(1);
  entry.mutable_sampling()->set_logprobs(-1);
  entry.set_prompt_logprobs(-1);
  entry.set_next_token(-1);
  return step;
}

}  // namespace yoke::node
