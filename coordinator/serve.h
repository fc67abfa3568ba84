// `yoke serve`: opens the model's headers, listens for agents and clients, and runs until SIGTERM or SIGINT.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "coordinator/api/rest.h"
#include "parallel/plan.h"

namespace yoke::coordinator {

struct ServeOptions {
  std::string model;                    // file or folder
  std::vector<std::string> aliases;
  std::string chat_template_file;       // stands for the model's own templates; empty: those
  parallel::PlanOptions plan;
  std::string math = "exact";
  std::string control_host = "127.0.0.1";  // not loopback: refused until the channel has TLS
  uint16_t control_port = 8001;         // 0: any free one
  api::RestConfig rest;
  int threads = 1;                      // compute threads of each engine
  int64_t max_rows = 0;                 // rows of one step: the prefill chunk's upper bound. 0: 512, or an encoder's context up to 8192
  int64_t max_sequences = 32;           // running at once
  int64_t max_queue = 256;              // waiting; more is 429
  uint64_t kv_tokens = 0;               // 0: parallel::default_kv_blocks
  double step_budget_ms = 0;            // prefill time per step while streams run; 0: what keeps token times within 2x
  double op_deadline_s = 10;            // of one collective
  int max_restarts = 5;                 // of the group within a minute
  std::string ready_file;               // written (JSON: rest_port, control_port, pid) once both ports listen
};

// Returns the exit code.
int run_serve(const ServeOptions& options);

}  // namespace yoke::coordinator
