// The mission's models, cut: what each rank would hold of them, to the byte, without a file.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "core/error.h"
#include "model/known/layers.h"
#include "model/known/models.h"
#include "parallel/ledger.h"
#include "parallel/slice.h"

namespace yoke::parallel {
namespace {

constexpr const char* kFormats[] = {"bf16", "fp8", "fp8-block", "nvfp4", "mxfp4", "int4"};
constexpr Layout kLayouts[] = {{1, 1, 1}, {2, 1, 1}, {1, 2, 1}, {2, 2, 1}};

int64_t up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

// Bytes of a part by the formats' own definitions, not by the code under test: panels of 16 rows, then what belongs to the whole.
int64_t bytes_of(const PackedShape& s) {
  const WeightFormat& f = s.format;
  const int64_t rows = up(s.rows, 16);
  const int64_t end = s.col_begin + s.cols;
  const int64_t groups = f.group > 0 ? up(end, f.group) / f.group - s.col_begin / f.group : 0;
  int64_t bytes = f.global ? 4 : 0;
  switch (f.codes) {
    case Dtype::bf16: bytes += rows * s.cols * 2; break;
    case Dtype::f8_e4m3: bytes += rows * s.cols; break;
    case Dtype::e2m1: bytes += rows * (up(end, 8) - s.col_begin / 8 * 8) / 2 + rows * groups; break;
    case Dtype::int4: bytes += rows * (up(end, 8) - s.col_begin / 8 * 8) / 2 + rows * groups * 2 + rows / 2 * groups; break;
    default: ADD_FAILURE() << name(f);
  }
  if (f.scales == Scales::per_row) bytes += rows * 4;
  if (f.scales == Scales::per_block) bytes += (up(s.row_begin + s.rows, 128) / 128 - s.row_begin / 128) * groups * 4;
  return up(bytes, 64);
}

class KnownShards : public testing::TestWithParam<std::string_view> {};

// Every parameter lies on exactly one rank of its stage, or whole on each of them; every part has the bytes of its format.
TEST_P(KnownShards, HoldEveryParameterInTheBytesOfItsFormat) {
  const model::ModelConfig config = model::known::config_of(GetParam());
  for (const char* format : kFormats) {
    const model::Catalogue catalogue(config, model::known::format_named(format));
    for (const Layout& layout : kLayouts) {
      const Plan plan = make_plan(catalogue, {.layout = layout});
      std::map<const model::Weight*, int64_t> elements;
      for (const RankPlan& rank : plan.ranks) {
        uint64_t bytes = 0;
        for (const Slice& slice : slices_of(plan, rank.rank, catalogue)) {
          const bool whole = slice.rows.size() == slice.weight->rows && slice.cols.size() == slice.weight->cols;
          if (!whole || rank.tp_rank == 0) elements[slice.weight] += slice.rows.size() * slice.cols.size();
          bytes += slice.form == Form::vector_f32 ? static_cast<uint64_t>(4 * slice.cols.size()) : static_cast<uint64_t>(bytes_of(slice.shape()));
        }
        EXPECT_EQ(make_ledger(plan, rank.rank, catalogue, 0, {}, 0).weights_bytes, bytes) << format << " " << layout.name() << " rank " << rank.rank;
      }
      int64_t parameters = 0;
      for (const auto& [weight, count] : elements) {
        if (weight->role == model::Role::router_correction || weight->role == model::Role::rope_freqs) continue;
        parameters += std::min(count, weight->rows * weight->cols);  // an embedding that is the head too lies on both stages
        EXPECT_GE(count, weight->rows * weight->cols) << model::name(weight->role) << " " << weight->layer;
      }
      EXPECT_EQ(parameters, catalogue.parameters()) << format << " " << layout.name();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, KnownShards, testing::Values("llama-3.1-8b", "llama-3.1-405b", "mixtral-8x22b", "command-r-plus", "qwen2.5-72b",
                                                              "qwen3-30b-a3b", "gpt-oss-20b"),
                         [](const auto& named) {
                           std::string name(named.param);
                           std::replace_if(name.begin(), name.end(), [](char c) { return c == '-' || c == '.'; }, '_');
                           return name;
                         });

uint64_t shard_bytes(std::string_view model, std::string_view format, const Layout& layout, int rank) {
  const model::Catalogue catalogue(model::known::config_of(model), model::known::format_named(format));
  return make_ledger(make_plan(catalogue, {.layout = layout}), rank, catalogue, 0, {}, 0).weights_bytes;
}

// By hand: 126 layers of q, o 16384 x 16384, k, v 1024 x 16384, gate, up, down 53248 x 16384 at 4.5 bits and 7 globals, embedding and head
// 128256 x 16384 in BF16, 253 norms of 16384 in f32. Half of the matrices each, the norms twice, and 60 bytes of padding behind each
// global.
TEST(KnownShardsOf405B, AreHalfOfTheModelEachAndFitASpark) {
  const uint64_t matrices = 126ull * (2 * 16384ull * 16384 + 2 * 1024ull * 16384 + 3 * 53248ull * 16384);
  const uint64_t half = matrices * 9 / 16 / 2 + 126 * 7 * 64 + 2ull * 128256 * 16384 * 2 / 2 + 253ull * 16384 * 4;
  for (int rank : {0, 1}) {
    const uint64_t bytes = shard_bytes("llama-3.1-405b", "nvfp4", {2, 1, 1}, rank);
    EXPECT_EQ(bytes, half) << rank;
    EXPECT_LT(bytes, 120ull << 30);
  }
}

TEST(KnownShardsOf8x22B, DoNotFitTwoSparksInBf16) {
  EXPECT_GT(shard_bytes("mixtral-8x22b", "bf16", {2, 1, 1}, 0), 128ull * 1000 * 1000 * 1000);
  EXPECT_LT(shard_bytes("mixtral-8x22b", "fp8", {2, 1, 1}, 0), 80ull << 30);
}

uint64_t packed_bytes(std::string_view model, std::string_view format, int rank) {
  const model::Catalogue catalogue(model::known::config_of(model), model::known::format_named(format));
  return make_ledger(make_plan(catalogue, {.layout = {2, 1, 1}, .pack = true}), rank, catalogue, 0, {}, 0).weights_bytes;
}

// 12.1 bits of BF16's 16, 4.31 of NVFP4's 4.5 and of its embedding and head 12.1 of 16.
TEST(PackedShards, FitTwoSparksWhereUnpackedOnesDoNot) {
  for (int rank : {0, 1}) {
    const double plain = static_cast<double>(shard_bytes("mixtral-8x22b", "bf16", {2, 1, 1}, rank));
    const uint64_t packed = packed_bytes("mixtral-8x22b", "bf16", rank);
    EXPECT_LT(static_cast<double>(packed), plain * 12.1 / 16) << rank;
    EXPECT_GT(static_cast<double>(packed), plain * 12 / 16) << rank;
    EXPECT_LT(packed, 100ull << 30) << rank;
    EXPECT_LT(packed_bytes("llama-3.1-405b", "nvfp4", rank), shard_bytes("llama-3.1-405b", "nvfp4", {2, 1, 1}, rank) - (4ull << 30)) << rank;
  }
}

TEST(PackedShards, KeepVectorsAndFormatsThatDoNotPackAsTheyAre) {
  const model::Catalogue catalogue(model::known::config_of("llama-3.1-8b"), model::known::format_named("fp8"));
  const Plan plan = make_plan(catalogue, {.pack = true});
  for (const Slice& slice : slices_of(plan, 0, catalogue)) {
    EXPECT_EQ(slice.packed, slice.form == Form::packed && slice.weight->format == plain_format(Dtype::bf16)) << slice.region();
  }
}

// Multi-head latent attention: the latent is on both ranks, its heads are dealt out.
TEST(KnownShardsOfDeepSeekV3, ShareTheLatentAndCutItsHeads) {
  const model::Catalogue catalogue(model::known::config_of("deepseek-v3"), model::known::format_named("fp8-block"));
  const Plan plan = make_plan(catalogue, {.layout = {2, 1, 1}});
  EXPECT_TRUE(plan.layers[0].shared_kv);
  EXPECT_EQ(plan.layers[0].half[0].heads.size(), 64);
  EXPECT_EQ(kv_block_bytes(plan, 0, catalogue.checkpoint().config), kv_block_bytes(plan, 1, catalogue.checkpoint().config));
  EXPECT_EQ(kv_block_bytes(make_plan(catalogue, {}), 0, catalogue.checkpoint().config), kv_block_bytes(plan, 0, catalogue.checkpoint().config));
}

TEST(Plan, LaysWholeExpertsOnRanksWithExpertParallelism) {
  const model::Catalogue catalogue(model::known::config_of("qwen3-30b-a3b"), model::known::format_named("bf16"));
  const Plan cut = make_plan(catalogue, {.layout = {2, 1, 1}}), whole = make_plan(catalogue, {.layout = {2, 1, 2}});
  EXPECT_EQ(cut.layers[0].half[1].experts, (Range{0, 128}));
  EXPECT_EQ(cut.layers[0].half[1].expert_features, (Range{384, 768}));
  EXPECT_EQ(whole.layers[0].half[0].experts, (Range{0, 64}));
  EXPECT_EQ(whole.layers[0].half[1].expert_features, (Range{0, 768}));
  EXPECT_EQ(whole.layers[0].half[0].heads, cut.layers[0].half[0].heads);
  EXPECT_EQ(whole.layout.name(), "tp2pp1ep2");
}

TEST(Plan, RefusesExpertParallelismThatMakesNoSense) {
  const model::Catalogue dense(model::known::config_of("llama-3.1-8b"), model::known::format_named("bf16"));
  const model::Catalogue experts(model::known::config_of("mixtral-8x7b"), model::known::format_named("bf16"));
  EXPECT_THROW(make_plan(dense, {.layout = {2, 1, 2}}), Error);
  EXPECT_THROW(make_plan(experts, {.layout = {1, 1, 2}}), Error);
  EXPECT_THROW(make_plan(experts, {.layout = {2, 1, 3}}), Error);
}

TEST(Plan, TakesAQuarterOfTheCacheForEightBits) {
  const model::Catalogue catalogue(model::known::config_of("llama-3.1-405b"), model::known::format_named("nvfp4"));
  const auto block = [&](Dtype kv) { return kv_block_bytes(make_plan(catalogue, {.layout = {2, 1, 1}, .kv = kv}), 0, catalogue.checkpoint().config); };
  EXPECT_EQ(block(Dtype::f32), 126ull * 2 * 4 * 128 * 16 * 4);
  EXPECT_EQ(block(Dtype::bf16) * 2, block(Dtype::f32));
  EXPECT_EQ(block(Dtype::f8_e4m3), block(Dtype::f32) / 4 + 126ull * 2 * 4 * 16 * 4);  // a scale a token and head
}

}  // namespace
}  // namespace yoke::parallel
