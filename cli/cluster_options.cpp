#include "cli/cluster_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "cli/process.h"
#include "core/cuda/driver.h"
#include "core/device_name.h"
#include "core/error.h"
#include "model/catalogue.h"
#include "parallel/gpu_fit.h"

namespace yoke::cli {
namespace {

constexpr const char* kAuto = "auto";

}  // namespace

std::vector<std::string> ClusterOptions::serve_arguments() const {
  const parallel::Layout layout = resolve_layout(*this);
  std::vector<std::string> arguments = {model,
                                        "--tp", std::to_string(layout.tp),
                                        "--pp", std::to_string(layout.pp),
                                        "--ep", std::to_string(layout.ep),
                                        "--kv", std::string(kv_type_name(kv_type())),
                                        "--math", resolved_math(),
                                        "--host", host,
                                        "--threads", std::to_string(threads),
                                        "--kv-tokens", std::to_string(kv_tokens),
                                        "--log-level", log_level};
  for (const std::string& alias : aliases) arguments.insert(arguments.end(), {"--alias", alias});
  if (!api_key_file.empty()) arguments.insert(arguments.end(), {"--api-key-file", api_key_file});
  if (!chat_template_file.empty()) arguments.insert(arguments.end(), {"--chat-template", chat_template_file});
  if (allow_request_templates) arguments.push_back("--allow-request-templates");
  if (pack) arguments.push_back("--pack");
  if (allow_logits) arguments.push_back("--allow-logits");
  return arguments;
}

std::string ClusterOptions::resolved_math() const {
  if (math != kAuto) return math;
  return device.starts_with("cuda") || gpus > 0 ? "bf16" : "exact";
}

Dtype ClusterOptions::kv_type() const {
  if (kv != kAuto) return kv_type_named(kv);
  return resolved_math() == "exact" ? Dtype::f32 : Dtype::bf16;
}

std::vector<std::string> ClusterOptions::agent_arguments() const {
  return {"--threads", std::to_string(threads), "--device", device, "--log-level", log_level};
}

void add_layout_options(CLI::App& verb, ClusterOptions& options) {
  verb.add_option("--nodes", options.nodes, "agents to start on this machine (default: tp x pp, else one a GPU, else 2)")->check(CLI::Range(1, 64));
  verb.add_option("--tp", options.tp, "tensor-parallel degree: every layer cut over 1 or 2 agents")->check(CLI::Range(1, 2));
  verb.add_option("--pp", options.pp, "pipeline stages: layers dealt out to so many stages")->check(CLI::Range(1, 64));
  verb.add_option("--ep", options.ep, "expert-parallel degree: 1 cuts every expert over tp agents, tp lays whole experts on them")->check(CLI::Range(1, 2));
  std::vector<std::string> kv_types = kv_type_names();
  kv_types.insert(kv_types.begin(), kAuto);
  verb.add_option("--kv", options.kv, "type of the KV cache (docs/models.md); auto: f32 with --math exact, else bf16")->check(CLI::IsMember(kv_types));
  verb.add_flag("--pack", options.pack, "hold BF16 in 12 bits a weight and NVFP4 in 4.25, without loss (docs/formats.md)");
  verb.add_option("--math", options.math, "math mode (docs/bits.md): exact (f32), or on GPUs bf16 or fp4; auto: bf16 where GPUs compute")
      ->check(CLI::IsMember({kAuto, "exact", "bf16", "fp4"}));
  verb.add_option("--threads", options.threads, "compute threads of each engine")->check(CLI::Range(1, 256));
  verb.add_option("--kv-tokens", options.kv_tokens, "tokens that the KV cache holds (default: two contexts, or what fits)")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 32));
  verb.add_option("--device", options.device, "cpu; cuda (GPUs or nothing, one agent each) or cuda:N; auto: GPUs where they can run the model, else the CPU")
      ->check(CLI::Validator(device_mistake, "DEVICE"));
  verb.add_option("--chat-template", options.chat_template_file, "Jinja file that stands for the model's own chat template");
  verb.add_option("--log-level", options.log_level, "trace, debug, info, warn, error or off");
}

void add_serving_options(CLI::App& verb, ClusterOptions& options) {
  verb.add_option("--alias", options.aliases, "one more name that clients may use for the model (repeatable)")->allow_extra_args(false);
  verb.add_option("--host", options.host, "address that the REST endpoint listens on; another than loopback needs --api-key-file");
  verb.add_option("--port", options.port, "port of the REST endpoint; 0: any free one")->check(CLI::Range(0, 65535));
  verb.add_option("--control-port", options.control_port, "port on which agents join; 0: any free one")->check(CLI::Range(0, 65535));
  verb.add_option("--api-key-file", options.api_key_file, "keys of clients, one name:sha256 a line; `yoke key add NAME` writes it");
  verb.add_flag("--allow-request-templates", options.allow_request_templates, "let requests bring a chat_template of their own");
  verb.add_flag("--allow-logits", options.allow_logits, "serve POST /yoke/v1/logits, which `yoke verify --url` reads");
}

parallel::PlanOptions plan_options_of(const ClusterOptions& options) {
  return {.layout = resolve_layout(options), .kv = options.kv_type(), .pack = options.pack};
}

namespace {

// What an agent would take by itself: it has the kernels, and asks the device.
bool an_agent_takes_a_gpu() {
  constexpr Duration kPatience = std::chrono::seconds(20);  // a driver's first start
  const pid_t pid = spawn({.argv = {sibling_program("yoke-node"), "--device", "auto", "--which-device"}, .log_file = "/dev/null"});
  const std::optional<int> code = wait_for_exit(pid, kPatience);
  if (!code) stop_all({pid}, Duration::zero());
  return code == 0;
}

}  // namespace

ClusterOptions with_gpus(ClusterOptions options) {
  const DeviceName device = device_named(options.device);
  if (device.kind == DeviceKind::cpu || device.gpu || !cuda::unavailable().empty()) return options;
  if (device.kind == DeviceKind::automatic) {
    if (!an_agent_takes_a_gpu()) return options;
    const model::Checkpoint checkpoint = model::open_checkpoint(options.model);
    if (!parallel::gpu_refusal(model::Catalogue(checkpoint), options.pack).empty()) return options;
  }
  cuda::check(cuda::driver().cuDeviceGetCount(&options.gpus), "counting GPUs");
  return options;
}

parallel::Layout resolve_layout(const ClusterOptions& options) {
  parallel::Layout layout{.tp = options.tp, .pp = options.pp, .ep = options.ep};
  const int nodes = options.nodes;
  if (layout.tp == 0 && layout.pp == 0) {
    const int world = nodes != 0 ? nodes : options.gpus != 0 ? options.gpus : 2;
    layout.tp = world % 2 == 0 ? 2 : 1;
    layout.pp = world / layout.tp;
  } else if (layout.tp == 0) {
    layout.tp = nodes == 0 ? layout.ep : std::max(1, nodes / layout.pp);
  } else if (layout.pp == 0) {
    layout.pp = nodes == 0 ? 1 : std::max(1, nodes / layout.tp);
  }
  if (nodes != 0 && layout.world() != nodes) {
    throw Error{Code::invalid_argument,
                fmt::format("--nodes {} does not match tp {} x pp {} = {} agents; leave one of them out", nodes, layout.tp, layout.pp,
                            layout.world()), "nodes"};
  }
  return layout;
}

}  // namespace yoke::cli
