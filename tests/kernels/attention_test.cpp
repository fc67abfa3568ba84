#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/units.h"
#include "kernels/ops.h"
#include "tests/kernels/random_problem.h"

namespace yoke::kernels {
namespace {

using namespace testing;

// Sequences with keys and values in a paged cache whose blocks lie in random order and are poisoned where no token is, and
// a batch of rows that read them.
struct Scene {
  int64_t kv_heads, heads_per_kv, head_dim;
  float scale;
  std::vector<std::vector<int32_t>> tables;
  std::vector<int64_t> lengths;
  std::vector<float> keys, values;  // [all tokens, kv_heads * head_dim], sequence after sequence
  std::vector<float> cache;
  std::vector<RowPlace> rows;
  std::vector<size_t> row_sequence;
  std::vector<float> q;

  int64_t kv_width() const { return kv_heads * head_dim; }
  int64_t width() const { return kv_width() * heads_per_kv; }
  KvCacheView view() { return {cache.data(), kv_heads, head_dim}; }

  std::vector<float> attend(Ops& ops, size_t first, size_t count) {
    std::vector<float> out = poisoned(static_cast<int64_t>(rows.size()) * (width() + 1));
    ops.run(Attention{q.data() + static_cast<int64_t>(first) * width(), width(), std::span(rows).subspan(first, count),
                      view(), heads_per_kv, scale, out.data() + static_cast<int64_t>(first) * (width() + 1), width() + 1});
    return out;
  }
  std::vector<float> attend(Ops& ops) { return attend(ops, 0, rows.size()); }
};

void append_all(Scene& scene, Ops& ops) {
  int64_t first = 0;
  for (size_t s = 0; s < scene.tables.size(); ++s) {
    std::vector<RowPlace> places;
    for (int64_t t = 0; t < scene.lengths[s]; ++t) places.push_back({scene.tables[s].data(), t});
    ops.run(KvAppend{scene.keys.data() + first * scene.kv_width(), scene.values.data() + first * scene.kv_width(),
                     scene.kv_width(), places, scene.view()});
    first += scene.lengths[s];
  }
}

void add_rows(Scene& scene, Random& random) {
  for (size_t s = 0; s < scene.tables.size(); ++s) {  // a decode row, or the rows of a prefill
    const int64_t end = scene.lengths[s];
    const int64_t begin = random.chance(40) ? end - 1 : random.between(std::max<int64_t>(0, end - 40), end - 1);
    for (int64_t t = begin; t < end; ++t) {
      scene.rows.push_back({scene.tables[s].data(), t});
      scene.row_sequence.push_back(s);
    }
  }
}

Scene random_scene(uint64_t seed, Ops& ops) {
  Random random(seed);
  constexpr int64_t kHeadDims[] = {2, 8, 16, 20, 64, 80, 128};
  Scene scene{.kv_heads = random.between(1, 3), .heads_per_kv = random.between(1, 7), .head_dim = kHeadDims[random.between(0, 6)],
              .scale = 0.125f};
  const int64_t sequences = random.between(0, 3);
  std::vector<int32_t> blocks;
  for (int64_t s = 0; s < sequences; ++s) {
    scene.lengths.push_back(random.between(1, random.chance(40) ? 600 : 40));
    scene.tables.emplace_back(static_cast<size_t>(ceil_div(scene.lengths.back(), kKvBlockTokens)));
    blocks.resize(blocks.size() + scene.tables.back().size());
  }
  std::iota(blocks.begin(), blocks.end(), 0);
  for (size_t i = blocks.size(); i > 1; --i) std::swap(blocks[i - 1], blocks[static_cast<size_t>(random.between(0, static_cast<int64_t>(i) - 1))]);
  scene.cache = poisoned(static_cast<int64_t>(blocks.size()) * scene.view().block_floats());
  for (std::vector<int32_t>& table : scene.tables) {
    for (int32_t& block : table) {
      block = blocks.back();
      blocks.pop_back();
    }
  }
  const int64_t tokens = std::accumulate(scene.lengths.begin(), scene.lengths.end(), int64_t{0});
  scene.keys = random.normals(tokens * scene.kv_width(), 2.0f);
  scene.values = random.normals(tokens * scene.kv_width());
  add_rows(scene, random);
  scene.q = random.normals(static_cast<int64_t>(scene.rows.size()) * scene.width(), 2.0f);
  append_all(scene, ops);
  return scene;
}

TEST(KvAppend, WritesTheSameBlocksOnEveryBackend) {
  for_seeds(20, [&](uint64_t seed) {
    std::vector<float> first;
    for (const OpsBackend& backend : ops_backends()) {
      const std::vector<float> cache = random_scene(seed, *backend.make(1)).cache;
      if (first.empty()) first = cache;
      EXPECT_TRUE(same_bits(cache, first)) << backend.name;
    }
  });
}

TEST(Attention, IsEqualInEveryBitOnEveryInstructionSetAndThreadCount) {
  const auto reference = ops_backend("reference").make(1);
  const auto alone = ops_backend("cpu").make(1);
  const auto shared = ops_backend("cpu").make(3);
  for_seeds(60, [&](uint64_t seed) {
    Scene scene = random_scene(seed, *reference);
    const std::vector<float> expected = scene.attend(*reference);
    for_targets([&](const std::string&) {
      EXPECT_TRUE(same_bits(scene.attend(*alone), expected));
      EXPECT_TRUE(same_bits(scene.attend(*shared), expected));
    });
  });
}

TEST(Attention, ARowsResultDoesNotDependOnItsNeighbours) {
  const auto ops = ops_backend("cpu").make(1);
  for_seeds(30, [&](uint64_t seed) {
    Scene scene = random_scene(seed + 1000, *ops);
    const std::vector<float> together = scene.attend(*ops);
    const int64_t stride = scene.width() + 1;
    for (size_t r = 0; r < scene.rows.size(); r += 3) {
      const std::vector<float> alone = scene.attend(*ops, r, 1);
      const auto row = [&](const std::vector<float>& out) {
        return std::vector<float>(out.begin() + static_cast<int64_t>(r) * stride, out.begin() + static_cast<int64_t>(r + 1) * stride);
      };
      EXPECT_TRUE(same_bits(row(alone), row(together))) << "row " << r;
    }
  });
}

// Softmax in double of one query.
std::vector<double> true_attention(const Scene& scene, size_t row, int64_t head) {
  int64_t first = 0;
  for (size_t s = 0; s < scene.row_sequence[row]; ++s) first += scene.lengths[s];
  const float* q = scene.q.data() + static_cast<int64_t>(row) * scene.width() + head * scene.head_dim;
  const int64_t column = head / scene.heads_per_kv * scene.head_dim;
  std::vector<double> scores, out(static_cast<size_t>(scene.head_dim));
  for (int64_t t = 0; t <= scene.rows[row].position; ++t) {
    const float* k = scene.keys.data() + (first + t) * scene.kv_width() + column;
    double score = 0;
    for (int64_t d = 0; d < scene.head_dim; ++d) score += static_cast<double>(q[d]) * static_cast<double>(k[d]);
    scores.push_back(score * static_cast<double>(scene.scale));
  }
  const double most = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (size_t t = 0; t < scores.size(); ++t) {
    const double p = std::exp(scores[t] - most);
    sum += p;
    const float* v = scene.values.data() + (first + static_cast<int64_t>(t)) * scene.kv_width() + column;
    for (size_t d = 0; d < out.size(); ++d) out[d] += p * static_cast<double>(v[d]);
  }
  for (double& o : out) o /= sum;
  return out;
}

// A score is off by at most (head_dim + 1) u sum |q k| <= (head_dim + 1) u * 16 head_dim * scale for operands that stay
// below 4 deviations of 2 each on average; weights inherit that, sums over T positions add T u; values stay below 6.
TEST(Attention, TheReferenceIsWithinTheErrorThatItsLengthsAllow) {
  const auto ops = ops_backend("reference").make(1);
  for_seeds(20, [&](uint64_t seed) {
    Scene scene = random_scene(seed + 2000, *ops);
    const std::vector<float> out = scene.attend(*ops);
    for (size_t row = 0; row < scene.rows.size(); row += 7) {
      const double dims = static_cast<double>(scene.head_dim);
      const double score_error = (dims + 1) * 16 * dims * static_cast<double>(scene.scale);
      const double bound = 0x1p-24 * 6 * (2 * score_error + static_cast<double>(scene.rows[row].position) + 20);
      for (int64_t head = 0; head < scene.kv_heads * scene.heads_per_kv; ++head) {
        const std::vector<double> truth = true_attention(scene, row, head);
        for (size_t d = 0; d < truth.size(); ++d) {
          const size_t at = row * static_cast<size_t>(scene.width() + 1) + static_cast<size_t>(head * scene.head_dim) + d;
          ASSERT_NEAR(out[at], truth[d], bound) << "row " << row << " head " << head;
        }
      }
    }
  });
}

}  // namespace
}  // namespace yoke::kernels
