#include "model/config_limits.h"

#include <fmt/format.h>

#include <cmath>

#include "model/bad_file.h"

namespace yoke::model {
namespace {

struct Demand {
  bool met;
  std::string found;
  std::string expected;
};

}  // namespace

void check_config(const ModelConfig& c, const std::filesystem::path& file) {
  const Rope& rope = c.rope;
  const bool scaled = rope.scaling != RopeScaling::none;
  const bool llama3 = rope.scaling == RopeScaling::llama3;
  const Demand demands[] = {
      {c.kv_heads > 0 && c.heads % c.kv_heads == 0, fmt::format("{} heads and {} KV heads", c.heads, c.kv_heads),
       "the same number of heads for each KV head"},
      {c.head_dim % 2 == 0 && c.head_dim > 0 && c.head_dim <= kMostHeadDim,
       fmt::format("a head of {} elements", c.head_dim), fmt::format("an even number up to {}", kMostHeadDim)},
      {c.norm_epsilon > 0 && c.norm_epsilon < 1, fmt::format("an epsilon of {}", c.norm_epsilon),
       "one between 0 and 1"},
      {std::isfinite(rope.theta) && rope.theta >= 1, fmt::format("a RoPE base of {}", rope.theta), "1 or more"},
      {!scaled || (std::isfinite(rope.factor) && rope.factor >= 1), fmt::format("a RoPE factor of {}", rope.factor),
       "1 or more"},
      {!llama3 || (rope.low_freq_factor > 0 && rope.high_freq_factor > rope.low_freq_factor),
       fmt::format("low_freq_factor {} and high_freq_factor {}", rope.low_freq_factor, rope.high_freq_factor),
       "the high one above the low one, both above 0"},
      {!llama3 || rope.original_context > 0, fmt::format("an original context of {}", rope.original_context),
       "1 or more"},
  };
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
