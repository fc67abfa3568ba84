#include "cli/bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <numeric>
#include <vector>

#include "cli/cluster_status.h"
#include "cli/interrupt.h"
#include "core/error.h"
#include "model/catalogue.h"
#include "model/known/layers.h"
#include "parallel/slice.h"

namespace yoke::cli {
namespace {

namespace json = boost::json;

// Rows that are compared bit for bit, and what the cache holds: states are not kept for longer.
constexpr int kComparedRows = 24;
constexpr int64_t kCacheTokens = 4096;

// The last `wanted` of `count` rows; the first `prefill` go in as one prompt, the others one by one.
struct Walk {
  int64_t count, prefill, wanted;
};

std::string states_of(RestClient& client, const Walk& walk) {
  std::vector<int64_t> tokens(static_cast<size_t>(walk.count)), rows(static_cast<size_t>(walk.wanted));
  std::iota(tokens.begin(), tokens.end(), 3);
  std::iota(rows.begin(), rows.end(), walk.count - walk.wanted);
  const json::object body = {{"tokens", json::value_from(tokens)}, {"rows", json::value_from(rows)}, {"prefill", walk.prefill}, {"chunk", walk.prefill}};
  std::string bytes;
  const HttpResponse response = client.stream(
      {.method = "POST", .path = "/yoke/v1/logits", .body = json::serialize(body), .timeout = Duration::zero()}, [&](std::string_view data) {
        bytes += data;
        return !interrupted();
      });
  if (interrupted()) throw Error{Code::aborted, "interrupted"};
  RestClient::check(response);
  return bytes;
}

double seconds_of(RestClient& client, const Walk& walk) {
  const TimePoint begin = system_clock().now();
  states_of(client, walk);
  return seconds(system_clock().now() - begin);
}

struct Sample {
  double prefill_rows_per_s, decode_rows_per_s;
};

Sample measure(RestClient& client, const BenchOptions& options) {
  const double prefill = seconds_of(client, {options.prompt_tokens, options.prompt_tokens, 1});
  // A walk of one row costs what the road to the engines and back costs; the rows that follow cost themselves.
  const double first = seconds_of(client, {1, 1, 1}), all = seconds_of(client, {1 + options.generated_tokens, 1, 1});
  return {options.prompt_tokens / prefill, options.generated_tokens / std::max(1e-9, all - first)};
}

// Of the largest rank: what every row of a decode reads.
uint64_t weight_bytes(const ClusterOptions& cluster, const std::string& name) {
  const model::Checkpoint checkpoint = model::open_checkpoint(name);
  const model::Catalogue catalogue(checkpoint);
  const parallel::Plan plan = parallel::make_plan(catalogue, plan_options_of(cluster));
  uint64_t most = 0;
  for (const parallel::RankPlan& rank : plan.ranks) {
    uint64_t bytes = 0;
    for (const parallel::Slice& slice : parallel::slices_of(plan, rank.rank, catalogue)) bytes += slice.pool_bytes();
    most = std::max(most, bytes);
  }
  return most;
}

}  // namespace

int run_layer_bench(BenchOptions options) {
  catch_interrupts();
  ClusterOptions& cluster = options.target.cluster;
  const std::string wanted = cluster.model;
  cluster.model = model::known::layers_name(wanted, options.layers);
  cluster.allow_logits = true;
  if (cluster.kv_tokens == 0) cluster.kv_tokens = std::max<int64_t>(kCacheTokens, options.prompt_tokens + options.generated_tokens);
  const uint64_t bytes = weight_bytes(cluster, cluster.model);
  const Target target(options.target);
  RestClient client = target.client();
  const json::object status = fetch_status(target.url(), options.target.api_key);
  const bool equal = states_of(client, {kComparedRows, kComparedRows, kComparedRows}) == states_of(client, {kComparedRows, 1, kComparedRows});
  std::vector<double> prefill, decode;
  for (int i = 0; i < options.repeat; ++i) {
    const Sample sample = measure(client, options);
    prefill.push_back(sample.prefill_rows_per_s);
    decode.push_back(sample.decode_rows_per_s);
  }
  if (options.output == "json") {
    fmt::print("{}\n", json::serialize(json::object{{"model", wanted},
                                                    {"layers", options.layers},
                                                    {"layout", status.at("layout")},
                                                    {"math", status.at("math")},
                                                    {"weight_bytes_of_largest_rank", bytes},
                                                    {"prefill_equals_decode", equal},
                                                    {"prompt_tokens", options.prompt_tokens},
                                                    {"generated_tokens", options.generated_tokens},
                                                    {"prefill_tokens_per_s", median(prefill)},
                                                    {"decode_tokens_per_s", median(decode)},
                                                    {"prefill_each", json::value_from(prefill)},
                                                    {"decode_each", json::value_from(decode)}}));
  } else {
    fmt::print("{} {} layer{} {}: {} of weights on the largest rank\n", wanted, options.layers, options.layers == 1 ? "" : "s",
               status.at("layout").as_string().c_str(), format_bytes(bytes));
    fmt::print("prefill {:.1f} tokens/s (prompt {}), decode {:.2f} tokens/s ({:.2f} GB/s of weights a rank), medians of {}\n", median(prefill),
               options.prompt_tokens, median(decode), median(decode) * static_cast<double>(bytes) * 1e-9, options.repeat);
    fmt::print("prefill and decode of {} rows: {}\n", kComparedRows, equal ? "equal bits" : "DIFFERENT BITS");
  }
  return equal ? 0 : 1;
}

}  // namespace yoke::cli
