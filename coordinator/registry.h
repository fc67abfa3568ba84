// Which agents are there, what each has loaded, and the group they form: a state machine without I/O. Tests write its dialogues,
// the dispatcher drives it. One thread.
//
//   gathering  fewer agents than ranks
//   loading    every rank has its agent; some have not loaded their shard
//   resting    the group broke too often: it is formed again a while later
//   forming    engines start and exchange addresses
//   serving    every engine takes steps
// An agent that goes, or a fault that is fatal to the epoch, leads from forming and serving back to the first state that fits;
// what is loaded stays loaded.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "coordinator/address_rounds.h"
#include "coordinator/service.h"
#include "core/clock.h"
#include "core/error.h"
#include "parallel/plan.h"
#include "transport/control/control.pb.h"

namespace yoke::coordinator {

using AgentId = uint64_t;  // a connection, not a process

struct RegistryConfig {
  parallel::PlanOptions plan;
  std::string math = "exact";
  std::string model_identity;
  std::string model_path;
  int threads = 1;
  int64_t max_rows = 512;
  int64_t max_sequences = 32;
  std::string communicator = "ucx";
  Duration op_deadline = std::chrono::seconds(10);
  uint64_t kv_blocks = 0;  // 0: choose_kv_blocks
  // From the least memory that an agent reports and the most agents on one node. May throw Error{does_not_fit}.
  std::function<uint64_t(uint64_t available_bytes, int agents_on_node)> choose_kv_blocks;
  int max_restarts = 5;    // of the group within a minute; then it rests between tries
};

// What happened.
struct AgentJoined { AgentId agent; transport::proto::Hello hello; };
struct AgentSaid { AgentId agent; transport::proto::Envelope envelope; };
struct AgentLost { AgentId agent; Error reason; };
struct EpochBroken { Error reason; };  // seen by the driver: a step that did not end, an answer that makes no sense
struct TimePassed {};
using RegistryEvent = std::variant<AgentJoined, AgentSaid, AgentLost, EpochBroken, TimePassed>;

// What to do, in this order.
struct Orders {
  struct Send { AgentId to; transport::proto::Envelope envelope; };
  struct Close { AgentId agent; Error reason; };

  std::optional<Error> epoch_ended;  // every stream ends with it
  std::vector<Close> close;
  std::vector<Send> send;
  bool epoch_began = false;
  std::optional<Error> give_up;      // it will never work: bad file, does not fit
};

enum class GroupState { gathering, loading, resting, forming, serving };
std::string_view name(GroupState state);

class Registry {
 public:
  explicit Registry(RegistryConfig config);

  Orders on(const RegistryEvent& event, TimePoint now);

  GroupState state() const { return state_; }
  uint64_t epoch() const { return epoch_; }
  uint64_t kv_blocks() const { return kv_blocks_; }
  int world() const { return config_.plan.layout.world(); }
  std::optional<int> rank_of(AgentId agent) const;
  AgentId agent_of(int rank) const { return *ranks_[static_cast<size_t>(rank)].agent; }
  // What is missing; empty while serving.
  std::string missing() const;
  std::vector<RankStatus> ranks() const;  // without the steps' ages

 private:
  enum class Load { none, asked, done };
  struct Rank {
    std::optional<AgentId> agent;
    Load load = Load::none;
    TimePoint advanced_at{};       // of a load: when it last did
    TimePoint load_not_before{};   // after a failure
    std::string trouble;           // why the last load failed, or why the agent is gone
    bool ready = false;            // of this epoch
    RankStatus status;
  };

  void joined(const AgentJoined& event, TimePoint now, Orders& orders);
  void said(const AgentSaid& event, TimePoint now, Orders& orders);
  void lost(AgentId agent, const Error& reason, TimePoint now, Orders& orders);
  void time_passed(TimePoint now, Orders& orders);

  void heartbeat(Rank& rank, const transport::proto::Heartbeat& heartbeat);
  void loaded(int rank, const transport::proto::Loaded& loaded);
  void fault(int rank, const transport::proto::Envelope& envelope, TimePoint now, Orders& orders);
  void load_failed(int rank, const Error& error, TimePoint now, Orders& orders);
  void address(int rank, const transport::proto::Address& address, TimePoint now, Orders& orders);
  void ready(int rank, Orders& orders);

  void advance(TimePoint now, Orders& orders);
  bool assign_ranks();
  bool same_devices(Orders& orders);
  bool decide_kv_blocks(Orders& orders);
  void ask_for_loads(TimePoint now, Orders& orders);
  void form(TimePoint now, Orders& orders);
  void break_epoch(const Error& reason, TimePoint now, Orders& orders);
  bool too_many_restarts(TimePoint now);

  bool holds_model(const transport::proto::Hello& hello) const;
  bool all(Load load) const;
  transport::proto::Envelope framed() const;

  const RegistryConfig config_;
  GroupState state_ = GroupState::gathering;
  std::map<AgentId, transport::proto::Hello> agents_;
  std::vector<Rank> ranks_;
  uint64_t kv_blocks_ = 0;
  uint64_t epoch_ = 0;
  bool served_ = false;              // at least once: what worked before may work again
  AddressRounds addresses_;
  TimePoint form_by_{};
  TimePoint rest_until_{};
  std::deque<TimePoint> restarts_;   // of the last minute
  std::string last_trouble_;         // why the last epoch ended
};

}  // namespace yoke::coordinator
