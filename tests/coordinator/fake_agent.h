// An agent on a real channel, without processes: loads nothing, forms with words for addresses, and runs steps on a FakeEngine.
// Tests tell it what to do wrong.
#pragma once

#include <boost/asio/io_context.hpp>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "fake_engine.h"
#include "transport/control/channel.h"
#include "transport/control/session.h"

namespace yoke::coordinator {

struct FakeAgentWishes {
  std::optional<Error> load_fault;    // instead of Loaded
  bool holds_answers = false;         // steps wait in `held` until answer()
};

class FakeAgent {
 public:
  using Wishes = FakeAgentWishes;

  FakeAgent(boost::asio::io_context& context, uint16_t port, const std::string& name, Wishes wishes = {}) : wishes(wishes) {
    transport::ConnectConfig config{.host = "127.0.0.1", .port = port};
    config.hello.set_agent_id(name);
    config.hello.set_node("here");
    config.hello.set_pid(1);
    config.hello.set_memory_available_bytes(1 << 30);
    config.hello.set_preferred_rank(-1);
    transport::connect(context, config, [this](std::shared_ptr<transport::Channel> channel, const Error* error) {
      if (error) {
        closed = *error;
        return;
      }
      channel_ = std::move(channel);
      channel_->start({.on_message = [this](transport::proto::Envelope e) { said(e); }, .on_closed = [this](const Error& e) { closed = e; }});
    });
  }

  void drop() { channel_.reset(); }

  void send(transport::proto::Envelope envelope) {
    envelope.set_instance(1);
    envelope.set_epoch(epoch);
    if (channel_) channel_->send(envelope);
  }
  void fault(const Error& error, bool fatal) { send(transport::fault_envelope(error, fatal)); }

  // Runs and answers the oldest step that was held.
  void answer() {
    const auto step = held.front();
    held.pop_front();
    std::vector<transport::proto::LogitRows> rows;
    auto result = engine->run(step, &rows);
    if (!speaks_for_all) {
      result.clear_entries();
      rows.clear();
    }
    for (auto& frame : rows) *outgoing().mutable_logit_rows() = frame, send(envelope_);
    *outgoing().mutable_step_result() = result;
    send(envelope_);
  }

  Wishes wishes;
  std::optional<Error> closed;
  std::deque<transport::proto::Step> held;
  std::optional<FakeEngine> engine;
  bool speaks_for_all = true;  // tensor-parallel rank 0 of the last stage
  uint64_t epoch = 0;
  int rank = -1;
  int loads = 0;
  int64_t steps = 0;           // that came in
  int64_t empty_steps = 0;

 private:
  transport::proto::Envelope& outgoing() {
    envelope_.Clear();
    return envelope_;
  }

  void said(const transport::proto::Envelope& e) {
    if (e.has_load_model()) return load(e.load_model());
    if (e.has_form()) return form(e);
    if (e.has_peers()) {
      outgoing().mutable_ready();
      send(envelope_);
    }
    if (e.has_step() && e.epoch() == epoch) {
      ++steps;
      if (e.step().entries_size() == 0) ++empty_steps;
      held.push_back(e.step());
      if (!wishes.holds_answers) answer();
    }
  }

  void load(const transport::proto::LoadModel& load) {
    ++loads;
    if (wishes.load_fault) return fault(*wishes.load_fault, false);
    blocks_ = static_cast<int64_t>(load.shard().kv_blocks());
    max_rows_ = load.max_rows();
    rank = load.shard().rank();
    outgoing().mutable_loaded()->set_kv_blocks(load.shard().kv_blocks());
    send(envelope_);
  }

  void form(const transport::proto::Envelope& e) {
    epoch = e.epoch();
    held.clear();
    engine.emplace(blocks_, max_rows_);
    speaks_for_all = rank == (e.form().pp() - 1) * e.form().tp();
    outgoing().mutable_address()->set_blob("rank " + std::to_string(rank));
    send(envelope_);
  }

  std::shared_ptr<transport::Channel> channel_;
  transport::proto::Envelope envelope_;
  int64_t blocks_ = 0;
  int64_t max_rows_ = 0;
};

}  // namespace yoke::coordinator
