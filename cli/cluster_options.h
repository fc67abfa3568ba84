// What `yoke up` and the verbs that start a cluster of their own take: which model, how it is cut, what the coordinator and the
// agents are told.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "parallel/plan.h"

namespace CLI {
class App;
}

namespace yoke::cli {

struct ClusterOptions {
  std::string model;
  std::vector<std::string> aliases;
  int nodes = 0;  // 0: from tp and pp, else one a GPU, else 2
  int tp = 0;     // 0: from nodes
  int pp = 0;
  int ep = 1;     // 1, or tp
  std::string kv = "auto";
  bool pack = false;
  std::string math = "auto";
  std::string host = "127.0.0.1";
  int port = 8000;
  int control_port = 8001;
  std::string api_key_file;
  std::string chat_template_file;
  bool allow_request_templates = false;
  bool allow_logits = false;
  int threads = 1;
  int64_t kv_tokens = 0;
  std::string device = "auto";
  int gpus = 0;   // of this machine, that agents will use: with_gpus()
  std::string log_level = "info";

  std::string resolved_math() const;  // "exact", "bf16"
  Dtype kv_type() const;

  // The serve and agent flags that stand for these, for the children's command lines.
  std::vector<std::string> serve_arguments() const;
  std::vector<std::string> agent_arguments() const;
};

// --nodes, --tp, --pp, --ep, --kv, --pack, --math, --alias, --threads, --kv-tokens, --device, --chat-template. Ports, host and keys are `up`'s own.
void add_layout_options(CLI::App& verb, ClusterOptions& options);
void add_serving_options(CLI::App& verb, ClusterOptions& options);

// The same with this machine's GPUs counted, unless --device is the CPU or one of them; `auto` counts none where an agent would not take
// one, or not for this model. Before anything asks for the layout or the math mode. Main thread. Error of a model that cannot be opened.
ClusterOptions with_gpus(ClusterOptions options);

// tp and pp from what was given: nothing: as many agents as GPUs were counted, without any two. --nodes 1: tp 1; 2: tp 2; an even number: tp 2 and stages; an
// odd one: stages. Error{invalid_argument} when the numbers contradict each other.
parallel::Layout resolve_layout(const ClusterOptions& options);
// That and the other choices of a plan.
parallel::PlanOptions plan_options_of(const ClusterOptions& options);

}  // namespace yoke::cli
