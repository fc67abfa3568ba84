// A coordinator that a test scripts: it speaks the protocol and does only what it is told. One thread.
#pragma once

#include <boost/asio/io_context.hpp>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "transport/control/channel.h"

namespace yoke::node {

struct JoinedAgent {
  transport::proto::Hello hello;
  std::shared_ptr<transport::Channel> channel;
  std::vector<transport::proto::Envelope> said;  // heartbeats apart
  transport::proto::Heartbeat heartbeat;         // the newest
  bool lost = false;
};

class ScriptedCoordinator {
 public:
  explicit ScriptedCoordinator(uint16_t port = 0);

  uint16_t port() const { return listener_->port(); }
  std::string address() const { return "127.0.0.1:" + std::to_string(port()); }

  // Throws when the event does not come in time.
  void run_until(const std::function<bool()>& done, Duration deadline = std::chrono::seconds(30));
  void run_for(Duration time);

  JoinedAgent& agent(int rank);  // by the rank it prefers; waits for it
  bool has(int rank) const { return agents_.contains(rank) && !agents_.at(rank).lost; }

  // Waits until `rank` says it, and takes it out of what it said. A Fault in its place throws its message.
  transport::proto::Envelope wait_for(int rank, transport::proto::Envelope::BodyCase kind,
                                      Duration deadline = std::chrono::seconds(30));

  // Loads the model on ranks 0 .. tp * pp - 1; the Loaded of each.
  std::vector<transport::proto::Loaded> load(const std::string& path, int tp, int pp = 1, uint64_t kv_blocks = 64);
  // Form, exchange, Ready of all ranks.
  void form(uint64_t epoch);
  void send_step(int rank, const transport::proto::Step& step);
  // The step on every rank; the entries of the rank that has them, and the logits' bytes.
  struct Answer {
    transport::proto::StepResult result;
    std::string logits;
  };
  Answer step(const transport::proto::Step& step);

  uint64_t epoch = 0;

 private:
  int world() const { return tp_ * pp_; }

  boost::asio::io_context context_;
  std::map<int, JoinedAgent> agents_;
  std::unique_ptr<transport::Listener> listener_;
  int tp_ = 1, pp_ = 1;
};

// A step that prefills `tokens` of sequence 1 into blocks 0, 1, ..., wants the last row's logits and draws greedily.
transport::proto::Step prefill_step(uint64_t id, const std::vector<uint32_t>& tokens);

}  // namespace yoke::node
