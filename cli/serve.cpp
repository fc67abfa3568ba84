// yoke serve: the coordinator by itself, for those who start agents by hand or by service.
#include "coordinator/serve.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/process.h"
#include "cli/verbs.h"
#include "core/log.h"

namespace yoke::cli {

void add_serve(CLI::App& app, Action& action) {
  auto options = std::make_shared<coordinator::ServeOptions>();
  auto log_level = std::make_shared<std::string>("info");
  auto kv = std::make_shared<std::string>(kv_type_name(options->plan.kv));
  auto with_parent = std::make_shared<bool>(false);
  auto write_timeout_s = std::make_shared<double>(seconds(options->rest.write_timeout));
  CLI::App* verb = app.add_subcommand("serve", "run the coordinator alone; agents join with yoke-node --coordinator");
  verb->footer("It waits for tp x pp agents: on each node run `yoke-node --coordinator ADDRESS:PORT`. `yoke up` does all this on one machine.");
  verb->add_option("MODEL", options->model, "a .gguf file or a model's folder, at the same path on every node")->required();
  verb->add_option("--alias", options->aliases, "one more name that clients may use for the model (repeatable)")->allow_extra_args(false);
  verb->add_option("--tp", options->plan.layout.tp, "tensor-parallel degree")->check(CLI::Range(1, 2));
  verb->add_option("--pp", options->plan.layout.pp, "pipeline stages")->check(CLI::Range(1, 64));
  verb->add_option("--ep", options->plan.layout.ep, "expert-parallel degree: 1, or tp to lay whole experts on ranks")->check(CLI::Range(1, 2));
  verb->add_option("--kv", *kv, "type of the KV cache")->check(CLI::IsMember(kv_type_names()));
  verb->add_flag("--pack", options->plan.pack, "hold BF16 in 12 bits a weight and NVFP4 in 4.25, without loss (docs/formats.md)");
  verb->add_option("--math", options->math, "math mode: exact (f32) or, on GPUs, bf16 or fp4 (docs/bits.md)")->check(CLI::IsMember({"exact", "bf16", "fp4"}));
  verb->add_option("--host", options->rest.host, "address of the REST endpoint; another than loopback needs --api-key-file");
  verb->add_option("--port", options->rest.port, "port of the REST endpoint; 0: any free one");
  verb->add_option("--control-host", options->control_host, "address on which agents join; loopback only until the channel has TLS");
  verb->add_option("--control-port", options->control_port, "port on which agents join; 0: any free one");
  verb->add_option("--api-key-file", options->rest.api_key_file, "keys of clients, one name:sha256 a line; `yoke key add NAME` writes it");
  verb->add_option("--chat-template", options->chat_template_file, "Jinja file that stands for the model's own chat template");
  verb->add_flag("--allow-request-templates", options->rest.allow_request_templates, "let requests bring a chat_template of their own");
  verb->add_flag("--allow-logits", options->rest.allow_logits, "serve POST /yoke/v1/logits, which `yoke verify --url` reads");
  verb->add_option("--max-body-bytes", options->rest.max_body_bytes, "largest request body; more is answered with 413");
  verb->add_option("--max-connections", options->rest.max_connections, "open client connections at most")->check(CLI::Range(1, 65536));
  verb->add_option("--write-timeout", *write_timeout_s, "seconds after which a client that reads nothing is cut off")->check(CLI::Range(0.1, 3600.0));
  verb->add_option("--threads", options->threads, "compute threads of each engine")->check(CLI::Range(1, 256));
  verb->add_option("--max-rows", options->max_rows, "tokens of one step at most (default: 512, or an encoder's context up to 8192)")->check(CLI::Range(int64_t{1}, int64_t{65536}));
  verb->add_option("--max-sequences", options->max_sequences, "sequences running at once")->check(CLI::Range(int64_t{1}, int64_t{4096}));
  verb->add_option("--max-queue", options->max_queue, "requests that may wait; more are answered with 429")->check(CLI::Range(int64_t{0}, int64_t{1} << 20));
  verb->add_option("--kv-tokens", options->kv_tokens, "tokens that the KV cache holds (default: two contexts, or what fits)");
  verb->add_option("--op-deadline", options->op_deadline_s, "seconds that one collective may take")->check(CLI::Range(0.1, 3600.0));
  verb->add_option("--ready-file", options->ready_file, "file to write {rest_port, control_port, pid} to once both ports listen");
  verb->add_option("--log-level", *log_level, "trace, debug, info, warn, error or off");
  verb->add_flag("--exit-with-parent", *with_parent, "end when the process that started this one ends");
  verb->callback([=, &action] {
    action = [=] {
      if (*with_parent) exit_with_parent();
      start_logging("coordinator", *log_level);
      options->plan.kv = kv_type_named(*kv);
      options->rest.write_timeout = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(*write_timeout_s));
      return coordinator::run_serve(*options);
    };
  });
}

}  // namespace yoke::cli
