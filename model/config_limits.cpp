#include "model/config_limits.h"

#include <fmt/format.h>

#include <cmath>
#include <vector>

#include "model/bad_file.h"

namespace yoke::model {
namespace {

struct Demand {
  bool met;
  std::string found;
  std::string expected;
};
using Demands = std::vector<Demand>;

void demand_heads(const ModelConfig& c, Demands& demands) {
  const int64_t most = c.latent.kv_rank > 0 ? 2 * kMostHeadDim : kMostHeadDim;
  demands.push_back({c.kv_heads > 0 && c.heads % c.kv_heads == 0,
                     fmt::format("{} heads and {} KV heads", c.heads, c.kv_heads),
                     "the same number of heads for each KV head"});
  demands.push_back({c.head_dim % 2 == 0 && c.head_dim > 0 && c.head_dim <= most,
                     fmt::format("a head of {} elements", c.head_dim), fmt::format("an even number up to {}", most)});
  demands.push_back({c.norm_epsilon > 0 && c.norm_epsilon < 1, fmt::format("an epsilon of {}", c.norm_epsilon),
                     "one between 0 and 1"});
  demands.push_back({std::isfinite(c.attention_scale) && c.attention_scale > 0,
                     fmt::format("an attention scale of {}", c.attention_scale), "one above 0"});
}

void demand_rope(const ModelConfig& c, Demands& demands) {
  const Rope& rope = c.rope;
  if (rope.style == RopeStyle::none) return;
  const bool scaled = rope.scaling != RopeScaling::none;
  const bool llama3 = rope.scaling == RopeScaling::llama3;
  const bool yarn = rope.scaling == RopeScaling::yarn;
  const int64_t most = c.latent.kv_rank > 0 ? c.latent.rope_dim : c.head_dim;
  demands.push_back({rope.dims > 0 && rope.dims % 2 == 0 && rope.dims <= most,
                     fmt::format("RoPE over {} of a head's {} elements", rope.dims, most),
                     "an even number of them, at most all"});
  demands.push_back(
      {std::isfinite(rope.theta) && rope.theta >= 1, fmt::format("a RoPE base of {}", rope.theta), "1 or more"});
  demands.push_back({!scaled || (std::isfinite(rope.factor) && rope.factor >= 1),
                     fmt::format("a RoPE factor of {}", rope.factor), "1 or more"});
  demands.push_back(
      {!llama3 || (rope.low_freq_factor > 0 && rope.high_freq_factor > rope.low_freq_factor),
       fmt::format("low_freq_factor {} and high_freq_factor {}", rope.low_freq_factor, rope.high_freq_factor),
       "the high one above the low one, both above 0"});
  demands.push_back({!(llama3 || yarn) || rope.original_context > 0,
                     fmt::format("an original context of {}", rope.original_context), "1 or more"});
  demands.push_back(
      {!yarn || (rope.theta > 1 && rope.beta_slow > 0 && rope.beta_fast >= rope.beta_slow &&
                 std::isfinite(rope.beta_fast) && std::isfinite(rope.attention_factor)),
       fmt::format("a RoPE base of {} with beta_slow {} and beta_fast {}", rope.theta, rope.beta_slow, rope.beta_fast),
       "a base above 1, the fast beta not below the slow one, both above 0"});
}

void demand_experts(const ModelConfig& c, Demands& demands) {
  const Moe& moe = c.moe;
  if (moe.experts == 0) return;
  demands.push_back({moe.top_k >= 1 && moe.top_k <= moe.experts,
                     fmt::format("{} of {} experts for each token", moe.top_k, moe.experts), "at most all of them"});
  const int64_t all = c.layers * moe.experts;
  demands.push_back({all <= kMostLayerExperts, fmt::format("{} layers of {} experts", c.layers, moe.experts),
                     fmt::format("at most {} in all", kMostLayerExperts)});
  demands.push_back({std::isfinite(moe.scaling), fmt::format("a scaling of {}", moe.scaling), "a finite one"});
  if (moe.groups == 1) return;
  const bool even = moe.groups > 0 && moe.experts % moe.groups == 0;
  const int64_t in_group = even ? moe.experts / moe.groups : 0;
  demands.push_back({even && in_group >= 2, fmt::format("{} experts in {} groups", moe.experts, moe.groups),
                     "groups of the same size, of 2 or more"});
  demands.push_back({moe.top_groups >= 1 && moe.top_groups <= moe.groups && moe.top_groups * in_group >= moe.top_k,
                     fmt::format("{} experts of {} groups of {}", moe.top_k, moe.top_groups, in_group),
                     "groups with as many experts as are chosen, at most all"});
}

}  // namespace

void check_config(const ModelConfig& config, const std::filesystem::path& file) {
  Demands demands;
  demand_heads(config, demands);
  demand_rope(config, demands);
  demand_experts(config, demands);
  for (const Demand& demand : demands) {
    if (!demand.met) {
      refuse({.file = file,
              .found = demand.found,
              .expected = demand.expected,
              .remedy = "the configuration is damaged: download or convert the model again"});
    }
  }
}

}  // namespace yoke::model
