// What an agent is started with: the flags of yoke-node.
#pragma once

#include <cstdint>
#include <string>

namespace yoke::node {

struct NodeOptions {
  std::string coordinator = "127.0.0.1:8001";  // --coordinator
  int rank = -1;                               // --rank: preferred, -1 any
  int threads = 0;                             // --threads: compute threads of the engine; 0: as the coordinator says
  double rejoin_timeout_s = 600;               // --rejoin-timeout: keep the pool so long without a coordinator
  bool exit_with_parent = false;               // --exit-with-parent: `yoke up` sets it
  std::string device = "auto";                 // --device auto|cpu|cuda|cuda:N
  int gpu = 0;                                 // --gpu: of this node; a number in --device goes before it
  std::string log_level = "info";              // --log-level
};

// Runs an agent until SIGTERM/SIGINT or until the coordinator stayed away for rejoin_timeout_s. Returns the exit code.
int run_agent(const NodeOptions& options);

// `yoke-node --engine`: the engine process; fd is the socket to its agent. Ends when the socket closes.
int run_engine(int fd);

}  // namespace yoke::node
