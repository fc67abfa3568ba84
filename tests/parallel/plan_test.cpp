#include "parallel/plan.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "parallel/ledger.h"
#include "parallel/slice.h"
#include "tests/parallel/made_model.h"

namespace yoke::parallel {
namespace {

using model::Role;

Plan plan_of(const MadeModel& made, Layout layout) { return make_plan(made.catalogue(), {.layout = layout}); }

TEST(CanonicalCut, IsThatOfTheContractOfBits) {
  EXPECT_EQ(canonical_cut(3, 1), 2);        // SmolLM2's KV groups: 6 + 3 heads
  EXPECT_EQ(canonical_cut(1536, 32), 768);
  EXPECT_EQ(canonical_cut(160, 16), 80);
  EXPECT_EQ(canonical_cut(96, 32), 64);
  EXPECT_EQ(canonical_cut(1, 1), 1);        // MQA: the second half is empty
  EXPECT_EQ(canonical_cut(20, 32), 20);
}

TEST(Plan, CutsNineHeadsIntoSixAndThree) {
  const MadeModel made({.heads = 9, .kv_heads = 3});
  const Plan plan = plan_of(made, {.tp = 2});
  EXPECT_EQ(plan.layers[0].half[0].heads, (Range{0, 6}));
  EXPECT_EQ(plan.layers[0].half[1].heads, (Range{6, 9}));
  EXPECT_EQ(plan.ranks[1].halves, std::vector<int>{1});
}

TEST(Plan, HalvesAreTheSameWhoeverHoldsThem) {
  const MadeModel made({});
  const Plan one = plan_of(made, {.tp = 1, .pp = 1});
  const Plan two = plan_of(made, {.tp = 2, .pp = 2});
  for (size_t layer = 0; layer < one.layers.size(); ++layer) {
    for (int half : {0, 1}) {
      EXPECT_EQ(one.layers[layer].half[half].features, two.layers[layer].half[half].features);
      EXPECT_EQ(one.layers[layer].half[half].kv_heads, two.layers[layer].half[half].kv_heads);
    }
  }
  EXPECT_EQ(one.ranks[0].halves, (std::vector<int>{0, 1}));
}

TEST(Plan, StagesCoverEveryLayerOnceAndInOrder) {
  const MadeModel made({.layers = 5});
  for (int pp = 1; pp <= 5; ++pp) {
    const Plan plan = plan_of(made, {.tp = 1, .pp = pp});
    int64_t next = 0;
    for (const RankPlan& rank : plan.ranks) {
      EXPECT_EQ(rank.layers.begin, next);
      EXPECT_GE(rank.layers.size(), 1);
      next = rank.layers.end;
    }
    EXPECT_EQ(next, 5);
    EXPECT_TRUE(plan.ranks.front().first_stage);
    EXPECT_TRUE(plan.ranks.back().last_stage);
  }
}

TEST(Plan, RefusesLayoutsThatItCannotCut) {
  const MadeModel made({.layers = 3});
  EXPECT_THROW(plan_of(made, {.tp = 3, .pp = 1}), Error);
  EXPECT_THROW(plan_of(made, {.tp = 1, .pp = 4}), Error);
  EXPECT_THROW(plan_of(made, {.tp = 1, .pp = 0}), Error);
}

// Every element of a cut tensor lies in exactly one rank's slice; of a whole one in every rank of its stage.
TEST(Slices, OfAllRanksTileEveryCutTensor) {
  const MadeModel made({.heads = 9, .kv_heads = 3, .layers = 4});
  for (const Layout layout : {Layout{1, 1, 1}, Layout{2, 1, 1}, Layout{1, 2, 1}, Layout{2, 2, 1}}) {
    const Plan plan = plan_of(made, layout);
    std::map<std::pair<Role, int>, int64_t> elements;
    for (int rank = 0; rank < layout.world(); ++rank) {
      for (const Slice& slice : slices_of(plan, rank, made.catalogue())) {
        elements[{slice.weight->role, slice.weight->layer}] += slice.rows.size() * slice.cols.size();
      }
    }
    for (const Role role : {Role::q, Role::k, Role::v, Role::o, Role::gate, Role::up, Role::down}) {
      for (int layer = 0; layer < 4; ++layer) {
        const model::Weight& weight = made.catalogue().at(role, layer);
        EXPECT_EQ((elements[{role, layer}]), weight.rows * weight.cols) << model::name(role) << " " << layout.name();
      }
    }
  }
}

TEST(Slices, AreReadInTheFilesOrder) {
  const MadeModel made({});
  const Plan plan = plan_of(made, {.tp = 2, .pp = 1});
  uint64_t last = 0;
  for (const Slice& slice : slices_of(plan, 1, made.catalogue())) {
    EXPECT_GE(slice.weight->codes->offset, last);
    last = slice.weight->codes->offset;
  }
}

TEST(Slices, ATiedHeadIsTheEmbeddingOnFirstAndLastStage) {
  const MadeModel made({.layers = 2});
  const Plan plan = plan_of(made, {.tp = 1, .pp = 2});
  for (int rank : {0, 1}) {
    int embeddings = 0;
    for (const Slice& slice : slices_of(plan, rank, made.catalogue())) embeddings += slice.weight->role == Role::embedding;
    EXPECT_EQ(embeddings, 2) << "both halves of the vocabulary on rank " << rank;
  }
}

TEST(Ledger, CountsTheContextOfAGpuAndWhatALoadIsPackedIn) {
  const MadeModel made({});
  const Plan plan = plan_of(made, {.tp = 1, .pp = 1});
  const auto buffers = [&](const LedgerLimits& limits) { return make_ledger(plan, 0, made.catalogue(), 1, limits, 8ull << 30).buffer_bytes; };
  EXPECT_EQ(buffers({.staging_bytes = 5}), buffers({}) + 5);
  EXPECT_EQ(buffers({.gpu = true}), buffers({}) + (768ull << 20));
}

TEST(Ledger, RefusesWithTheArithmeticAndTheRemedy) {
  const MadeModel made({});
  const Plan plan = plan_of(made, {.tp = 1, .pp = 1});
  const Ledger ledger = make_ledger(plan, 0, made.catalogue(), 1000, {}, 64 << 20);
  EXPECT_FALSE(ledger.fits());
  try {
    check(ledger);
    FAIL() << "did not refuse";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::does_not_fit);
    EXPECT_EQ(exit_code(error.code()), 4);
    for (const char* word : {"weights", "KV cache", "available", "short", "--kv-tokens"}) {
      EXPECT_NE(std::string(error.what()).find(word), std::string::npos) << word;
    }
  }
}

TEST(Ledger, CountsCacheBytesPerRankByItsOwnHeads) {
  const MadeModel made({.heads = 9, .kv_heads = 3});
  const Plan plan = plan_of(made, {.tp = 2, .pp = 1});
  EXPECT_EQ(kv_block_bytes(plan, 0, made.config()), 2 * kv_block_bytes(plan, 1, made.config()));
}

TEST(Ledger, DefaultCacheIsTwoContextsWhereMemoryAllows) {
  const MadeModel made({});
  const Plan plan = plan_of(made, {.tp = 2, .pp = 1});
  const uint64_t plenty = 8ull << 30;
  EXPECT_EQ(default_kv_blocks(plan, made.catalogue(), {}, plenty, 2),
            static_cast<uint64_t>(2 * made.config().context_length / kKvBlockTokens));
  const Ledger bare = make_ledger(plan, 0, made.catalogue(), 0, {}, plenty);
  EXPECT_THROW(default_kv_blocks(plan, made.catalogue(), {}, 2 * bare.needed_bytes() + 2048, 2), Error);
}

}  // namespace
}  // namespace yoke::parallel
