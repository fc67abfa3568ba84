// Attention against a plain softmax in double over what the cache holds.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "kernels/format/kv_code.h"
#include "tests/kernels/attention_scene.h"

namespace yoke::kernels {
namespace {

using namespace testing;

struct Query {
  size_t row;
  int64_t head;
};

std::vector<double> true_attention(Scene& scene, const Query& query) {
  const RowPlace& place = scene.rows[query.row];
  const KvCacheView view = scene.view();
  const float* q = scene.q.data() + static_cast<int64_t>(query.row) * scene.q_width() + query.head * scene.shape.key_dim;
  std::vector<double> scores, out(static_cast<size_t>(scene.shape.value_dim));
  const auto block_of = [&](int64_t t) {
    return format::kv_head_block(view, place.block_table[t / kKvBlockTokens], query.head / scene.heads_per_kv);
  };
  const int64_t begin = scene.window > 0 ? std::max<int64_t>(0, place.end - scene.window) : 0;
  for (int64_t t = begin; t < place.end; ++t) {
    double score = 0;
    for (int64_t d = 0; d < scene.shape.key_dim; ++d) {
      score += static_cast<double>(q[d]) * static_cast<double>(format::kv_key(view, block_of(t), t % kKvBlockTokens, d));
    }
    scores.push_back(score * static_cast<double>(scene.scale));
  }
  const double sink = scene.sinks.empty() ? -1e300 : static_cast<double>(scene.sinks[static_cast<size_t>(query.head)]);
  const double most = std::max(sink, *std::max_element(scores.begin(), scores.end()));
  double sum = std::exp(sink - most);
  for (size_t t = 0; t < scores.size(); ++t) {
    const double p = std::exp(scores[t] - most);
    const int64_t position = begin + static_cast<int64_t>(t);
    sum += p;
    for (size_t d = 0; d < out.size(); ++d) {
      out[d] += p * static_cast<double>(format::kv_value(view, block_of(position), position % kKvBlockTokens, static_cast<int64_t>(d)));
    }
  }
  for (double& o : out) o /= sum;
  return out;
}

// A score is off by at most (key_dim + 1) u sum |q k| <= (key_dim + 1) u * 16 key_dim * scale for operands that stay
// below 4 deviations of 2 each on average; weights inherit that, sums over T positions add T u; values stay below 6.
TEST(Attention, TheReferenceIsWithinTheErrorThatItsLengthsAllowWithWindowsSinksAndEveryCacheType) {
  const auto ops = ops_backend("reference").make({.threads = 1});
  for_seeds(60, [&](uint64_t seed) {
    Scene scene = random_scene(seed + 2000);
    append_all(scene, *ops);
    const std::vector<float> out = scene.attend(*ops);
    const double dims = static_cast<double>(scene.shape.key_dim);
    const double score_error = (dims + 1) * 16 * dims * static_cast<double>(scene.scale);
    for (size_t row = 0; row < scene.rows.size(); row += 7) {
      const double bound = 0x1p-24 * 6 * (2 * score_error + static_cast<double>(scene.rows[row].end) + 20);
      const std::vector<float> got = scene.row_of(out, row);
      for (int64_t head = 0; head < scene.heads(); ++head) {
        const std::vector<double> truth = true_attention(scene, {row, head});
        for (size_t d = 0; d < truth.size(); ++d) {
          ASSERT_NEAR(got[static_cast<size_t>(head * scene.shape.value_dim) + d], truth[d], bound) << "row " << row << " head " << head;
        }
      }
    }
  });
}

TEST(Attention, ASinkTakesItsShareAndGivesNoValue) {
  Random random(1);
  for (const OpsBackend& backend : host_backends()) {
    const auto ops = backend.make({.threads = 1});
    Scene scene = one_sequence(random, {Dtype::f32, 1, 16, 16}, 2, 1, 1);
    std::fill(scene.keys.begin(), scene.keys.end(), 0.0f);  // one score of 0
    append_all(scene, *ops);
    scene.sinks = {0.0f, -1000.0f};
    const std::vector<float> out = scene.attend(*ops);
    for (size_t d = 0; d < 16; ++d) {
      EXPECT_EQ(out[d], scene.values[d] / 2.0f) << backend.name;   // an equal score: half
      EXPECT_EQ(out[16 + d], scene.values[d]) << backend.name;     // one far below: nothing
    }
  }
}

}  // namespace
}  // namespace yoke::kernels
