// What an agent does, decided without I/O: agent.cpp tells it what happened and carries out what it answers, in order.
// tests/node/agent_rules_test.cpp writes its dialogues. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/error.h"
#include "node/loader.h"
#include "transport/control/control.pb.h"

namespace yoke::node {

// What happened.
struct CoordinatorJoined {};
struct CoordinatorLost {};
struct CoordinatorSaid { transport::proto::Envelope envelope; };
struct EngineSaid { transport::proto::Envelope envelope; };
struct EngineEnded { std::string how; };  // "engine 4711 was killed by signal 9"; never for one that we killed
struct LoadAdvanced { LoadProgress progress; };
struct LoadDone {
  uint64_t kv_blocks;
  uint64_t pool_bytes;
  std::string device, device_reason, pool;  // as in Loaded
};
struct LoadFailed { Error error; };
using AgentEvent = std::variant<CoordinatorJoined, CoordinatorLost, CoordinatorSaid, EngineSaid, EngineEnded, LoadAdvanced,
                                LoadDone, LoadFailed>;

// What to do.
struct TellCoordinator { transport::proto::Envelope envelope; };
struct TellEngine { transport::proto::Envelope envelope; };
struct StartEngine { transport::proto::Attach attach; };
struct KillEngine {};
struct StartLoad { transport::proto::LoadModel load; };  // no load runs; what the pool holds goes first
struct CancelLoad {};                                    // LoadFailed or LoadDone follows
struct Leave { int exit_code; std::string reason; };
using AgentAction =
    std::variant<TellCoordinator, TellEngine, StartEngine, KillEngine, StartLoad, CancelLoad, Leave>;
using AgentActions = std::vector<AgentAction>;

class AgentRules {
 public:
  AgentActions on(const AgentEvent& event);

  // What the pool holds: goes into Hello.
  const std::optional<transport::proto::ShardKey>& held() const { return held_; }
  uint64_t last_step() const { return last_step_; }
  // Of all loads since the agent started, from disk.
  uint64_t bytes_read() const { return bytes_read_before_ + bytes_read_now_; }

 private:
  AgentActions said(const transport::proto::Envelope& envelope);
  AgentActions load_model(const transport::proto::Envelope& envelope);
  AgentActions form(const transport::proto::Envelope& envelope);
  AgentActions engine_said(transport::proto::Envelope envelope);
  AgentActions engine_ended(const std::string& how);
  AgentActions load_ended(const std::optional<LoadDone>& done, const Error* error);
  void end_engine(AgentActions& actions);
  transport::proto::Envelope stamped(transport::proto::Envelope envelope) const;
  transport::proto::Envelope loaded_frame() const;
  transport::proto::Envelope fault(const Error& error, bool fatal_to_epoch) const;

  bool joined_ = false;
  uint64_t instance_ = 0;  // of the newest LoadModel
  uint64_t epoch_ = 0;     // of the newest Form on this connection
  uint64_t last_step_ = 0;
  bool engine_ = false;
  transport::proto::LoadModel load_;                      // the newest one
  std::optional<transport::proto::ShardKey> held_;        // whole in the pool
  std::optional<transport::proto::ShardKey> loading_;     // on its way into it
  bool load_again_ = false;                               // the load that runs is cancelled: load_ comes next
  LoadDone held_size_{};
  bool unchecked_ = false;                                // no engine was ready with held_ yet
  uint64_t bytes_read_before_ = 0;
  uint64_t bytes_read_now_ = 0;
};

bool same_shard(const transport::proto::ShardKey& a, const transport::proto::ShardKey& b);

}  // namespace yoke::node
