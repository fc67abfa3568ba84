// yoke verify: does this cluster compute what the reference computes?
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <memory>
#include <thread>
#include <variant>

#include "cli/cluster_status.h"
#include "cli/encoder_verification.h"
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

using AnyGolden = std::variant<Golden, EncoderGolden>;

AnyGolden read_any(const std::string& file) {
  if (is_encoder_golden(file)) return read_encoder_golden(file);
  return read_golden(file);
}

// What the served model's rows are, from its status.
struct Served {
  bool encoder = false;
  LogitsFetch fetch;
  EncoderShape shape;
};

Served served_of(const json::object& status, int64_t chunk) {
  Served served{.fetch = {.vocab = status.at("vocab").to_number<int64_t>(), .chunk = chunk}};
  const json::value* kind = status.if_contains("kind");
  served.encoder = kind != nullptr && *kind == "encoder";
  if (!served.encoder) return served;
  const json::object& encoder = status.at("encoder").as_object();
  const bool classifier = encoder.at("head") == "classifier";
  served.shape = {.hidden = encoder.at("hidden").to_number<int64_t>(),
                  .labels = classifier ? encoder.at("labels").to_number<int64_t>() : 0,
                  .pooler = encoder.at("head") == "pooler"};
  return served;
}

Verdict verify_any(RestClient& client, const AnyGolden& any, Bound bound, const Served& served) {
  const auto* encoder = std::get_if<EncoderGolden>(&any);
  if ((encoder != nullptr) != served.encoder) {
    const std::string& file = encoder != nullptr ? encoder->file : std::get<Golden>(any).file;
    throw Error{Code::bad_file, fmt::format("{} is {}'s golden, and the served model is {}", file, encoder ? "an encoder" : "a decoder",
                                            served.encoder ? "an encoder" : "a decoder"), "golden"};
  }
  if (encoder != nullptr) return verify_golden(client, *encoder, bound, served.shape);
  return verify_golden(client, std::get<Golden>(any), bound, served.fetch);
}

// The same golden in `streams` requests at once: they share batches, and must not see each other.
std::vector<Verdict> verify_streams(const Target& target, const AnyGolden& golden, Bound bound, const Served& served, int streams) {
  std::vector<Verdict> verdicts(streams);
  std::vector<std::exception_ptr> failures(streams);
  std::vector<std::thread> threads;
  for (int i = 0; i < streams; ++i) {
    threads.emplace_back([&, i] {
      try {
        RestClient client = target.client();
        verdicts[i] = verify_any(client, golden, bound, served);
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
  if (!verdict.tensors.empty()) object["tensors"] = json::value_from(verdict.tensors);
  return object;
}

void print_text(const std::string& file, const Verdict& verdict) {
  const bool encoder = !verdict.tensors.empty();
  fmt::print("{} {}: {} of {} {} agree", verdict.ok ? "ok  " : "FAIL", file, verdict.agree, verdict.tokens, encoder ? "rows" : "tokens");
  if (verdict.max_abs_diff) fmt::print(", {} differ by at most {:.3g}", encoder ? "tensors" : "logits", *verdict.max_abs_diff);
  if (const auto& m = verdict.first_mismatch) {
    fmt::print(", first mismatch at {}: expected {}, got {}, margin {:.3g}", m->index, m->expected, m->got, m->margin);
  }
  fmt::print(", {}\n", verdict.logits_hash.substr(0, 16));
}

int run(const VerifyOptions& options) {
  catch_interrupts();
  std::vector<AnyGolden> goldens;
  for (const std::string& file : options.goldens) goldens.push_back(read_any(file));
  const Target target(options.target);
  const json::object status = fetch_status(target.url(), options.target.api_key);
  const std::string math = status.at("math").as_string().c_str();
  const std::string kv = status.at("kv").as_string().c_str();
  const Bound bound = bound_of(math, kv);
  const Served served = served_of(status, options.chunk);
  if (served.encoder && options.chunk > 0) fmt::print(stderr, "--chunk has no meaning for an encoder, which reads a sequence whole\n");
  bool ok = true;
  json::array files;
  for (const AnyGolden& golden : goldens) {
    const std::string file = std::visit([](const auto& of) { return of.file; }, golden);
    const Verdict verdict = merge(verify_streams(target, golden, bound, served, options.streams));
    ok = ok && verdict.ok;
    if (options.output == "json") files.push_back(json_of(file, verdict));
    else print_text(file, verdict);
  }
  if (options.output == "json") {
    const json::object result = {{"ok", ok},
                                 {"layout", status.at("layout")},
                                 {"math", math},
                                 {"kv", kv},
                                 {"device", status.at("device")},
                                 {"bound", {{"margin", bound.margin}, {"logits", bound.logits}, {"beyond", bound.beyond}}},
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
      "Mode exact demands that every token agrees and that logits differ by at most 1e-5 of the golden's range; with another --kv than\n"
      "f32 it only reports, and fails on nonsense (the whole range, a NaN). logits_hash is\n"
      "SHA-256 over all rows, f32 little-endian: equal hashes over layouts, chunks and streams are equal bits.\n"
      "-o json: {ok, layout, math, kv, device, bound, files: [{file, tokens, agree, first_mismatch, max_abs_diff, logits_hash}]}.\n"
      "An encoder's golden has states instead of greedy tokens: each tensor differs by at most 1e-5 x max(1, its range), `tokens` counts\n"
      "rows, `tensors` adds the greatest difference of each, and logits_hash is over the hidden states.\n"
      "A server given by --url must run with --allow-logits.");
  verb->add_option("MODEL", options->target.cluster.model, "a .gguf file or a model's folder; left out with --name or --url");
  verb->add_option("--golden", options->goldens, "golden files (.safetensors)")->required()->check(CLI::ExistingFile);
  verb->add_option("--chunk", options->chunk, "prefill so many tokens a step (0: as the scheduler likes); not for encoders, which read a sequence whole")->check(CLI::Range(0, 1 << 20));
  verb->add_option("--streams", options->streams, "so many equal requests at once, sharing batches")->check(CLI::Range(1, 64));
  verb->add_option("-o,--output", options->output, "text or json")->check(CLI::IsMember({"text", "json"}));
  options->target.cluster.math = "exact";  // what goldens hold to, also on a GPU
  add_target_options(*verb, options->target);
  verb->callback([options, &action] {
    action = [options] {
      options->target.cluster.allow_logits = true;
      return run(*options);
    };
  });
}

}  // namespace yoke::cli
