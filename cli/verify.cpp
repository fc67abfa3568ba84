// yoke verify: does this cluster compute what the reference computes?
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <memory>
#include <thread>

#include "cli/cluster_status.h"
#include "cli/interrupt.h"
#include "cli/target.h"
#include "cli/verbs.h"
#include "cli/verification.h"
#include "core/error.h"

namespace yoke::cli {
namespace {

namespace json = boost::json;

struct VerifyOptions {
  TargetOptions target;
  std::vector<std::string> goldens;
  int64_t chunk = 0;
  int streams = 1;
  std::string output = "text";
};

// The same golden in `streams` requests at once: they share batches, and must not see each other.
std::vector<Verdict> verify_streams(const Target& target, const Golden& golden, Bound bound, const LogitsFetch& fetch, int streams) {
  std::vector<Verdict> verdicts(streams);
  std::vector<std::exception_ptr> failures(streams);
  std::vector<std::thread> threads;
  for (int i = 0; i < streams; ++i) {
    threads.emplace_back([&, i] {
      try {
        RestClient client = target.client();
        verdicts[i] = verify_golden(client, golden, bound, fetch);
      } catch (...) {
        failures[i] = std::current_exception();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::exception_ptr& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
  return verdicts;
}

// One verdict for all streams: ok only if all are and their hashes agree.
Verdict merge(const std::vector<Verdict>& verdicts) {
  Verdict merged = verdicts.front();
  for (const Verdict& verdict : verdicts) {
    if (!verdict.ok) merged = verdict;
    if (verdict.logits_hash != verdicts.front().logits_hash) {
      merged.ok = false;
      merged.logits_hash = "streams differ";
    }
  }
  return merged;
}

json::object json_of(const std::string& file, const Verdict& verdict) {
  json::object object = {{"file", file}, {"tokens", verdict.tokens}, {"agree", verdict.agree}};
  object["first_mismatch"] = nullptr;
  if (const auto& m = verdict.first_mismatch) {
    object["first_mismatch"] = {{"index", m->index}, {"expected", m->expected}, {"got", m->got}, {"margin", m->margin}};
  }
  object["max_abs_diff"] = nullptr;
  if (verdict.max_abs_diff) object["max_abs_diff"] = *verdict.max_abs_diff;
  object["logits_hash"] = verdict.logits_hash;
  return object;
}

void print_text(const std::string& file, const Verdict& verdict) {
  fmt::print("{} {}: {} of {} tokens agree", verdict.ok ? "ok  " : "FAIL", file, verdict.agree, verdict.tokens);
  if (verdict.max_abs_diff) fmt::print(", logits differ by at most {:.3g}", *verdict.max_abs_diff);
  if (const auto& m = verdict.first_mismatch) {
    fmt::print(", first mismatch at {}: expected {}, got {}, margin {:.3g}", m->index, m->expected, m->got, m->margin);
  }
  fmt::print(", {}\n", verdict.logits_hash.substr(0, 16));
}

int run(const VerifyOptions& options) {
  catch_interrupts();
  std::vector<Golden> goldens;
  for (const std::string& file : options.goldens) goldens.push_back(read_golden(file));
  const Target target(options.target);
  const json::object status = fetch_status(target.url(), options.target.api_key);
  const std::string math = status.at("math").as_string().c_str();
  const Bound bound = bound_of(math);
  const LogitsFetch fetch{status.at("vocab").to_number<int64_t>(), options.chunk};
  bool ok = true;
  json::array files;
  for (const Golden& golden : goldens) {
    const Verdict verdict = merge(verify_streams(target, golden, bound, fetch, options.streams));
    ok = ok && verdict.ok;
    if (options.output == "json") files.push_back(json_of(golden.file, verdict));
    else print_text(golden.file, verdict);
  }
  if (options.output == "json") {
    const json::object result = {{"ok", ok},
                                 {"layout", status.at("layout")},
                                 {"math", math},
                                 {"device", status.at("device")},
                                 {"bound", {{"margin", bound.margin}, {"logits", bound.logits}}},
                                 {"files", files}};
    fmt::print("{}\n", json::serialize(result));
  }
  return ok ? 0 : 1;
}

}  // namespace

void add_verify(CLI::App& app, Action& action) {
  auto options = std::make_shared<VerifyOptions>();
  CLI::App* verb = app.add_subcommand("verify", "compare a model's logits and greedy tokens with a reference's golden files");
  verb->footer(
      "Mode exact demands that every token agrees and that logits differ by at most 1e-5 of the golden's range. logits_hash is\n"
      "SHA-256 over all rows, f32 little-endian: equal hashes over layouts, chunks and streams are equal bits.\n"
      "-o json: {ok, layout, math, device, bound, files: [{file, tokens, agree, first_mismatch, max_abs_diff, logits_hash}]}.\n"
      "A server given by --url must run with --allow-logits.");
  verb->add_option("MODEL", options->target.cluster.model, "a .gguf file or a model's folder; left out with --name or --url");
  verb->add_option("--golden", options->goldens, "golden files (.safetensors)")->required()->check(CLI::ExistingFile);
  verb->add_option("--chunk", options->chunk, "prefill so many tokens a step (0: as the scheduler likes)")->check(CLI::Range(0, 1 << 20));
  verb->add_option("--streams", options->streams, "so many equal requests at once, sharing batches")->check(CLI::Range(1, 64));
  verb->add_option("-o,--output", options->output, "text or json")->check(CLI::IsMember({"text", "json"}));
  add_target_options(*verb, options->target);
  verb->callback([options, &action] {
    action = [options] {
      options->target.cluster.allow_logits = true;
      return run(*options);
    };
  });
}

}  // namespace yoke::cli
