#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "kernels/format/kv_block.h"
#include "tests/kernels/attention_scene.h"

namespace yoke::kernels {
namespace {

using namespace testing;

void expect_equal_everywhere(Scene& scene) {
  const auto reference = ops_backend("reference").make({.threads = 1});
  const auto alone = ops_backend("cpu").make({.threads = 1});
  const auto shared = ops_backend("cpu").make({.threads = 3});
  append_all(scene, *reference);
  const std::vector<float> expected = scene.attend(*reference);
  for_targets([&](const std::string&) {
    EXPECT_TRUE(same_bits(scene.attend(*alone), expected));
    EXPECT_TRUE(same_bits(scene.attend(*shared), expected));
  });
}

TEST(Attention, IsEqualInEveryBitOnEveryInstructionSetAndThreadCount) {
  for_seeds(120, [&](uint64_t seed) {
    Scene scene = random_scene(seed);
    expect_equal_everywhere(scene);
  });
}

// DeepSeek's latent: 576 elements of a key, 512 of a value, the heads of a rank.
TEST(Attention, OfManyHeadsOnOneLatentIsEqualInEveryBit) {
  Random random(5);
  for (const Dtype type : {Dtype::f32, Dtype::bf16, Dtype::i8}) {
    Scene scene = one_sequence(random, {type, 1, 576, 512}, 64, 290, 1);
    expect_equal_everywhere(scene);
  }
}

TEST(Attention, ARowsResultDoesNotDependOnItsNeighbours) {
  const auto ops = ops_backend("cpu").make({.threads = 1});
  for_seeds(60, [&](uint64_t seed) {
    Scene scene = random_scene(seed + 1000);
    append_all(scene, *ops);
    const std::vector<float> together = scene.attend(*ops);
    for (size_t r = 0; r < scene.rows.size(); r += 3) {
      EXPECT_TRUE(same_bits(scene.row_of(scene.attend(*ops, r, 1), r), scene.row_of(together, r))) << "row " << r;
    }
  });
}

// docs/bits.md rule 5: prefill reads K and V back in the cache's type, so one step equals two and decode equals prefill.
TEST(Attention, AppendingAndAttendingInTwoStepsEqualsOne) {
  const auto ops = ops_backend("cpu").make({.threads = 2});
  for_seeds(40, [&](uint64_t seed) {
    Random random(seed);
    const KvShape shape{kKvTypes[random.between(0, 4)].type, random.between(1, 2), 32, 48};
    const int64_t tokens = random.between(2, 300);
    Scene once = one_sequence(random, shape, random.between(1, 3), tokens, tokens);
    once.window = random.chance(50) ? random.between(1, 100) : 0;
    Scene twice = once;
    for (RowPlace& row : twice.rows) row.block_table = twice.tables[0].data();
    append_all(once, *ops);
    const std::vector<float> expected = once.attend(*ops);
    const auto step = static_cast<size_t>(random.between(1, tokens - 1));
    twice.append(*ops, 0, {0, static_cast<int64_t>(step)});
    const std::vector<float> first = twice.attend(*ops, 0, step);
    twice.append(*ops, 0, {static_cast<int64_t>(step), tokens});
    const std::vector<float> second = twice.attend(*ops, step, once.rows.size() - step);
    for (size_t r = 0; r < once.rows.size(); ++r) {
      EXPECT_TRUE(same_bits(once.row_of(expected, r), once.row_of(r < step ? first : second, r))) << "row " << r << " of " << tokens;
    }
  });
}

// What lies before the window and in blocks given back may be anything, NaN too.
TEST(Attention, PositionsBeforeTheWindowContributeNothing) {
  for_seeds(60, [&](uint64_t seed) {
    Scene scene = random_scene(seed + 3000);
    scene.window = scene.window > 0 ? scene.window : 17;
    for (const OpsBackend& backend : host_backends()) {
      const auto ops = backend.make({.threads = 1});
      append_all(scene, *ops);
      const std::vector<float> expected = scene.attend(*ops);
      std::vector<std::vector<int32_t>> whole = scene.tables;
      for (size_t s = 0; s < scene.tables.size(); ++s) {
        int64_t begin = scene.lengths[s];
        for (size_t r = 0; r < scene.rows.size(); ++r) {
          if (scene.row_sequence[r] == s) begin = std::min(begin, format::visible_positions(scene.rows[r], scene.window).begin);
        }
        scene.overwrite(*ops, s, {0, begin}, std::numeric_limits<float>::quiet_NaN());
        std::fill_n(scene.tables[s].begin(), begin / kKvBlockTokens, 1 << 30);  // no such block: reading it ends the test
      }
      EXPECT_TRUE(same_bits(scene.attend(*ops), expected)) << backend.name;
      for (size_t s = 0; s < whole.size(); ++s) std::copy(whole[s].begin(), whole[s].end(), scene.tables[s].begin());
    }
  });
}

TEST(Attention, ARowThatSeesNothingIsZero) {
  Random random(9);
  Scene scene = one_sequence(random, {Dtype::f32, 2, 16, 16}, 2, 20, 3);
  for (RowPlace& row : scene.rows) row.end = 0;
  for (const bool sinks : {false, true}) {
    if (sinks) scene.sinks = random.normals(scene.heads());
    for (const OpsBackend& backend : host_backends()) {
      const std::vector<float> out = scene.attend(*backend.make({.threads = 1}));
      for (size_t r = 0; r < scene.rows.size(); ++r) {
        std::vector<float> row = scene.row_of(out, r);
        row.pop_back();
        EXPECT_EQ(row, std::vector<float>(row.size(), 0.0f)) << backend.name;
      }
    }
  }
}

}  // namespace
}  // namespace yoke::kernels
