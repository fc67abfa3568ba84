#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <utility>

#include "kernels/format/kv_code.h"
#include "tests/kernels/attention_scene.h"

namespace yoke::kernels {
namespace {

using namespace testing;

TEST(KvAppend, WritesTheSameBlocksOnEveryBackend) {
  for_seeds(40, [&](uint64_t seed) {
    std::vector<std::byte> first;
    for (const OpsBackend& backend : host_backends()) {
      Scene scene = random_scene(seed);
      append_all(scene, *backend.make({.threads = 1}));
      if (first.empty()) first = scene.cache;
      EXPECT_EQ(scene.cache, first) << backend.name;
    }
  });
}

// How far a value of size |x| in a token whose largest is `largest` may be off: half a step of the type.
double half_step(Dtype type, double x, double largest) {
  switch (type) {
    case Dtype::bf16: return std::fabs(x) * 0x1p-8;
    case Dtype::f16: return std::max(std::fabs(x) * 0x1p-11, 0x1p-25);
    // The scale and the product are rounded too: 2^-22 of the largest.
    case Dtype::f8_e4m3: return std::max(std::fabs(x) * 0x1p-4, largest / 448 * 0x1p-10) + largest * 0x1p-22;
    case Dtype::i8: return largest / 127 / 2 + largest * 0x1p-22;
    default: return 0;
  }
}

float largest_of(std::span<const float> x) {
  float largest = 0;
  for (const float value : x) largest = std::max(largest, std::fabs(value));
  return largest;
}

void expect_token(Scene& scene, int64_t token) {
  const KvCacheView view = scene.view();
  for (int64_t h = 0; h < view.kv_heads; ++h) {
    const int32_t number = scene.tables[0][static_cast<size_t>(token / kKvBlockTokens)];
    const format::KvHeadBlock block = format::kv_head_block(view, number, h);
    const std::span keys(std::as_const(scene.keys)), values(std::as_const(scene.values));
    const auto k = keys.subspan(static_cast<size_t>(token * scene.key_width() + h * view.key_dim), static_cast<size_t>(view.key_dim));
    const auto v = values.subspan(static_cast<size_t>(token * scene.value_width() + h * view.value_dim),
                                  static_cast<size_t>(view.value_dim));
    for (size_t d = 0; d < k.size(); ++d) {
      const float got = format::kv_key(view, block, token % kKvBlockTokens, static_cast<int64_t>(d));
      ASSERT_NEAR(got, k[d], half_step(view.type, k[d], largest_of(k))) << kv_type_name(view.type);
    }
    for (size_t d = 0; d < v.size(); ++d) {
      const float got = format::kv_value(view, block, token % kKvBlockTokens, static_cast<int64_t>(d));
      ASSERT_NEAR(got, v[d], half_step(view.type, v[d], largest_of(v))) << kv_type_name(view.type);
    }
  }
}

TEST(KvAppend, KeepsEveryValueWithinHalfAStepOfItsType) {
  const auto ops = ops_backend("cpu").make({.threads = 1});
  for (const KvTypeName& type : kKvTypes) {
    Random random(4);
    Scene scene = one_sequence(random, {type.type, 2, 64, 48}, 1, 40, 1);
    append_all(scene, *ops);
    for (int64_t token = 0; token < 40; ++token) expect_token(scene, token);
  }
}

// The bytes that stand before and behind a token's own stay as they were.
TEST(KvAppend, WritesItsTokenAlone) {
  const auto ops = ops_backend("cpu").make({.threads = 1});
  for (const KvTypeName& type : kKvTypes) {
    Random random(6);
    Scene scene = one_sequence(random, {type.type, 2, 20, 12}, 1, 16, 1);
    scene.append(*ops, 0, {7, 8});
    const auto written = static_cast<int64_t>(scene.cache.size()) - std::count(scene.cache.begin(), scene.cache.end(), std::byte{0xFF});
    const int64_t own = 2 * ((20 + 12) * info(type.type).block_bytes + (kv_has_scales(type.type) ? 8 : 0));
    EXPECT_LE(written, own) << type.name;
    EXPECT_GT(written, own / 2) << type.name;
    expect_token(scene, 7);
  }
}

// The largest value has the largest code, so that nothing overflows; a token of zeros has scale 0, codes 0; also where the
// scale would be subnormal.
TEST(KvAppend, ScalesByTheLargestValueOfTheToken) {
  const std::vector<float> x = {-3.5f, 1.75f, 0.0f, 0.0137795f};
  EXPECT_EQ(format::kv_scale(Dtype::f8_e4m3, x), 3.5f / 448);
  EXPECT_EQ(format::kv_scale(Dtype::i8, x), 3.5f / 127);
  EXPECT_EQ(format::kv_scale(Dtype::i8, std::vector<float>(4, 0.0f)), 0.0f);
  const auto code = [](Dtype type, float value, float scale) {
    std::byte at{0xFF};
    format::put_kv_code(type, value, scale, &at, 0);
    return std::to_integer<int>(at);
  };
  EXPECT_EQ(code(Dtype::f8_e4m3, -3.5f, 3.5f / 448), 0xFE);
  EXPECT_EQ(code(Dtype::i8, -3.5f, 3.5f / 127), 256 - 127);
  for (const Dtype type : {Dtype::f8_e4m3, Dtype::i8}) EXPECT_EQ(code(type, 0.0f, 0.0f), 0);
  EXPECT_EQ(code(Dtype::i8, 1.5f, 1.0f), 2);  // ties to even
  EXPECT_EQ(code(Dtype::i8, 2.5f, 1.0f), 2);
  EXPECT_EQ(code(Dtype::i8, -2.5f, 1.0f), 256 - 2);
  EXPECT_EQ(code(Dtype::f8_e4m3, 0x1.4p-140f, 0x1p-149f), 0x7E);
  EXPECT_EQ(code(Dtype::i8, -0x1.4p-140f, 0x1p-149f), 256 - 127);
}

TEST(KvAppend, ANanStaysVisibleInEveryType) {
  const auto ops = ops_backend("cpu").make({.threads = 1});
  for (const KvTypeName& type : kKvTypes) {
    Random random(8);
    Scene scene = one_sequence(random, {type.type, 1, 16, 16}, 1, 1, 1);
    scene.keys[3] = std::numeric_limits<float>::quiet_NaN();
    scene.values[5] = std::numeric_limits<float>::infinity();
    append_all(scene, *ops);
    const format::KvHeadBlock block = format::kv_head_block(scene.view(), scene.tables[0][0], 0);
    EXPECT_TRUE(std::isnan(format::kv_key(scene.view(), block, 0, 3))) << type.name;
    EXPECT_FALSE(std::isfinite(format::kv_value(scene.view(), block, 0, 5))) << type.name;
  }
}

}  // namespace
}  // namespace yoke::kernels
