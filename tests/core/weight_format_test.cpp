#include "core/weight_format.h"

#include <gtest/gtest.h>

namespace yoke {
namespace {

WeightFormat groups_of(Dtype codes, Dtype scales, int32_t group) {
  return {.codes = codes, .scales = Scales::per_group, .scale_dtype = scales, .group = group};
}

TEST(WeightFormat, HasTheNameThatItsUsersKnow) {
  EXPECT_EQ(name(plain_format(Dtype::bf16)), "BF16");
  EXPECT_EQ(name(plain_format(Dtype::q4_k)), "Q4_K");
  EXPECT_EQ(name(groups_of(Dtype::e2m1, Dtype::f8_e4m3, 16)), "NVFP4");
  EXPECT_EQ(name(groups_of(Dtype::e2m1, Dtype::f8_e8m0, 32)), "MXFP4");
  EXPECT_EQ(name({.codes = Dtype::f8_e4m3, .scales = Scales::per_block, .group = 128}), "FP8 128x128");
  EXPECT_EQ(name(groups_of(Dtype::int4, Dtype::f16, 128)), "INT4 g128");
}

TEST(WeightFormat, TheCutOfFeaturesFollowsScalesOf32AlongK) {
  for (const Dtype codes : {Dtype::q4_0, Dtype::q4_1, Dtype::q5_0, Dtype::q5_1, Dtype::q8_0, Dtype::q4_k, Dtype::q5_k, Dtype::iq4_nl,
                            Dtype::iq4_xs, Dtype::mxfp4}) {
    EXPECT_EQ(feature_cut_group(plain_format(codes)), 32) << name(codes);
  }
  for (const Dtype codes : {Dtype::q2_k, Dtype::q3_k, Dtype::q6_k, Dtype::nvfp4, Dtype::bf16, Dtype::f16, Dtype::f32, Dtype::f8_e4m3}) {
    EXPECT_EQ(feature_cut_group(plain_format(codes)), 16) << name(codes);
  }
  EXPECT_EQ(feature_cut_group(groups_of(Dtype::int4, Dtype::f16, 128)), 32);
  EXPECT_EQ(feature_cut_group(groups_of(Dtype::e2m1, Dtype::f8_e8m0, 32)), 32);
  EXPECT_EQ(feature_cut_group(groups_of(Dtype::e2m1, Dtype::f8_e4m3, 16)), 16);
  EXPECT_EQ(feature_cut_group(groups_of(Dtype::int4, Dtype::f16, 48)), 16);
  EXPECT_EQ(feature_cut_group({.codes = Dtype::f8_e4m3, .scales = Scales::per_block, .group = 128}), 16);
}

TEST(PackedShape, HoldsWholeUnitsGroupsAndSquares) {
  const PackedShape block{.format = plain_format(Dtype::q4_k), .rows = 17, .cols = 10, .col_begin = 250};
  EXPECT_EQ(block.stored_begin(), 0);
  EXPECT_EQ(block.stored_end(), 512);
  EXPECT_EQ(block.bytes(), 2u * 16 * 288);

  PackedShape groups{.format = groups_of(Dtype::int4, Dtype::f16, 32), .rows = 16, .cols = 30, .col_begin = 60};
  EXPECT_EQ(groups.stored_begin(), 56);
  EXPECT_EQ(groups.stored_end(), 96);
  EXPECT_EQ(groups.held_groups(), (Range{1, 3}));
  EXPECT_EQ(groups.bytes(), 16u * 20 + 2 * 32 + 0);
  groups.format.zero_points = true;
  EXPECT_EQ(groups.panel_bytes(), 16u * 20 + 2 * 32 + 2 * 8);

  const PackedShape squares{.format = {.codes = Dtype::f8_e4m3, .scales = Scales::per_block, .group = 128}, .rows = 100, .cols = 128,
                            .row_begin = 100, .col_begin = 128};
  EXPECT_EQ(squares.square_rows(), (Range{0, 2}));
  EXPECT_EQ(squares.square_cols(), (Range{1, 2}));
  EXPECT_EQ(squares.bytes(), (7u * 16 * 128 + 2 * 4 + 63) / 64 * 64);
}

// 405B's largest matrix: what a packed part takes beyond its format must vanish.
TEST(PackedShape, TakesNoMoreThanItsFormat) {
  const auto excess = [](const WeightFormat& format, double bits) {
    const PackedShape shape{.format = format, .rows = 53248, .cols = 16384};
    return static_cast<double>(shape.bytes()) / (53248.0 * 16384 * bits / 8);
  };
  WeightFormat awq = groups_of(Dtype::int4, Dtype::f16, 128);
  awq.zero_points = true;
  EXPECT_LT(excess(groups_of(Dtype::e2m1, Dtype::f8_e4m3, 16), 4.5), 1.0001);
  EXPECT_LT(excess(groups_of(Dtype::e2m1, Dtype::f8_e8m0, 32), 4.25), 1.0001);
  EXPECT_LT(excess(awq, 4 + 20.0 / 128), 1.0001);
  EXPECT_LT(excess(plain_format(Dtype::q6_k), 6.5625), 1.0001);
  EXPECT_LT(excess({.codes = Dtype::f8_e4m3, .scales = Scales::per_block, .group = 128}, 8), 1.001);
}

}  // namespace
}  // namespace yoke
