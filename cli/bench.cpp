// yoke bench: prefill and decode speed of a served model, over its REST endpoint.
#include "cli/bench.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json.hpp>
#include <memory>
#include <random>

#include "cli/cluster_status.h"
#include "cli/interrupt.h"
#include "cli/target.h"
#include "cli/verbs.h"
#include "core/error.h"

namespace yoke::cli {
namespace {

namespace json = boost::json;

struct Sample {
  double prefill_tokens_per_s = 0;
  double decode_tokens_per_s = 0;
};

// Token ids that every model has, another prompt each time: the same for everybody who runs this.
json::array made_prompt(int tokens, int repeat) {
  std::mt19937 random(1000 + repeat);
  json::array ids;
  for (int i = 0; i < tokens; ++i) ids.push_back(static_cast<int64_t>(3 + random() % 250));
  return ids;
}

// Prefill: prompt tokens over the time to the first token. Decode: the other tokens over the time between first and last.
Sample measure(RestClient& client, const std::string& model, const BenchOptions& options, int repeat) {
  const json::object body = {{"model", model},
                             {"prompt", made_prompt(options.prompt_tokens, repeat)},
                             {"max_tokens", options.generated_tokens},
                             {"temperature", 0},
                             {"ignore_eos", true},
                             {"return_token_ids", true},
                             {"stream", true}};
  const TimePoint start = system_clock().now();
  TimePoint first{}, last{};
  int64_t tokens = 0;
  client.events("/v1/completions", json::serialize(body), [&](std::string_view event) {
    if (event == "[DONE]") return true;
    const json::value value = json::parse(event);
    for (const json::value& choice : value.at("choices").as_array()) {
      const json::value* ids = choice.as_object().if_contains("token_ids");
      if (ids == nullptr || !ids->is_array() || ids->as_array().empty()) continue;
      last = system_clock().now();
      if (tokens == 0) first = last;
      tokens += static_cast<int64_t>(ids->as_array().size());
    }
    return !interrupted();
  });
  if (interrupted()) throw Error{Code::aborted, "interrupted"};
  if (tokens != options.generated_tokens) {
    throw Error{Code::internal, fmt::format("asked for {} tokens, {} came", options.generated_tokens, tokens)};
  }
  Sample sample;
  sample.prefill_tokens_per_s = options.prompt_tokens / seconds(first - start);
  if (tokens > 1) sample.decode_tokens_per_s = static_cast<double>(tokens - 1) / seconds(last - first);
  return sample;
}

int run(const BenchOptions& options) {
  catch_interrupts();
  const Target target(options.target);
  RestClient client = target.client();
  const std::string model = target.model_name();
  const json::object status = fetch_status(target.url(), options.target.api_key);
  Progress progress;
  progress.show("warming up");
  measure(client, model, options, -1);
  std::vector<double> prefill, decode;
  for (int repeat = 0; repeat < options.repeat; ++repeat) {
    progress.show(fmt::format("repeat {} of {}", repeat + 1, options.repeat));
    const Sample sample = measure(client, model, options, repeat);
    prefill.push_back(sample.prefill_tokens_per_s);
    decode.push_back(sample.decode_tokens_per_s);
  }
  progress.clear();
  if (options.output == "json") {
    const json::object result = {{"model", model},
                                 {"layout", status.at("layout")},
                                 {"math", status.at("math")},
                                 {"prompt_tokens", options.prompt_tokens},
                                 {"generated_tokens", options.generated_tokens},
                                 {"prefill_tokens_per_s", median(prefill)},
                                 {"decode_tokens_per_s", median(decode)},
                                 {"prefill_each", json::value_from(prefill)},
                                 {"decode_each", json::value_from(decode)}};
    fmt::print("{}\n", json::serialize(result));
    return 0;
  }
  const auto row = [](const char* what, std::vector<double> each) {
    std::sort(each.begin(), each.end());
    fmt::print("{:<10} {:>10.1f} {:>10.1f} {:>10.1f}\n", what, median(each), each.front(), each.back());
  };
  fmt::print("{} {} prompt {} generated {} repeat {}\n", model, status.at("layout").as_string().c_str(), options.prompt_tokens,
             options.generated_tokens, options.repeat);
  fmt::print("{:<10} {:>10} {:>10} {:>10}\n", "tokens/s", "median", "lowest", "highest");
  row("prefill", prefill);
  row("decode", decode);
  return 0;
}

}  // namespace

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

void add_bench(CLI::App& app, Action& action) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App* verb = app.add_subcommand("bench", "measure prefill and decode speed; medians over several repeats");
  verb->footer(
      "-o json: {\"prefill_tokens_per_s\", \"decode_tokens_per_s\"} are medians, \"prefill_each\" and \"decode_each\" every repeat.\n"
      "Prefill is prompt tokens over the time to the first token, decode the other tokens over the time from first to last,\n"
      "both as a client sees them.\n"
      "`yoke bench llama-3.1-405b:nvfp4 --layers 1 --tp 2` needs no files: one layer of the true size with random weights, without\n"
      "embedding and head; it also shows that prefill and decode give equal bits. Formats: bf16, nvfp4, mxfp4, fp8, fp8-block, int4.");
  verb->add_option("MODEL", options->target.cluster.model, "a .gguf file or a model's folder; left out with --name or --url");
  verb->add_option("-p,--prompt", options->prompt_tokens, "prompt tokens")->check(CLI::Range(1, 1 << 20));
  verb->add_option("-n,--generate", options->generated_tokens, "generated tokens")->check(CLI::Range(1, 1 << 20));
  verb->add_option("--layers", options->layers, "MODEL is NAME:FORMAT, a known model: run so many of its layers alone, with random weights")
      ->check(CLI::Range(1, 4096));
  verb->add_option("--repeat", options->repeat, "repeats, after one that is not counted")->check(CLI::Range(1, 1000));
  verb->add_option("-o,--output", options->output, "text or json")->check(CLI::IsMember({"text", "json"}));
  add_target_options(*verb, options->target);
  verb->callback([options, &action] { action = [options] { return options->layers > 0 ? run_layer_bench(*options) : run(*options); }; });
}

}  // namespace yoke::cli
