// The short form of the self-test over loaded goldens.
#include "node/selftest/load_check.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/node/forward_group.h"
#include "tests/node/loaded_model.h"
#include "tests/node/wrong_ops.h"

namespace yoke::node::selftest {
namespace {

std::filesystem::path quantised(const std::string& name) {
  return std::filesystem::path(YOKE_SOURCE_DIR) / "tests/golden/quantised" / name;
}

const std::filesystem::path kModels[] = {golden_model("llama"),
                                         golden_model("mixtral"),
                                         golden_model("qwen3_moe"),
                                         golden_model("gpt_oss"),
                                         golden_model("deepseek_v3"),
                                         quantised("llama_modelopt_nvfp4"),
                                         quantised("mixtral_ct_fp8_channel"),
                                         quantised("llama_awq")};

TEST(LoadCheck, HoldsForEveryKindOfModelAndIsTheSameEachTime) {
  for (const std::filesystem::path& folder : kModels) {
    const LoadedModel loaded(folder);
    std::set<uint64_t> hashes;
    for (int load = 0; load < 2; ++load) {
      const auto ops = kernels::ops_backend("cpu").make({});
      const LoadCheck check = check_load(loaded.weights, loaded.pool, *ops, std::chrono::minutes(1));
      EXPECT_TRUE(check.ok) << folder << ": " << check.text;
      EXPECT_GE(check.products, 8) << folder;
      EXPECT_EQ(check.left_out, 0) << folder;
      hashes.insert(check.hash);
    }
    EXPECT_EQ(hashes.size(), 1u) << folder;
  }
}

TEST(LoadCheck, SamplesEachRoleOfTheFirstAndTheLastLayer) {
  const LoadedModel loaded(golden_model("mixtral"));
  const std::vector<SampledProduct> products = sampled_products(loaded.weights);
  const std::string last = "layer " + std::to_string(loaded.weights.layers.size() - 1);
  for (const std::string role : {"q", "k", "v", "o", "router", "experts' gate", "experts' up", "experts' down"}) {
    for (const std::string& layer : {std::string("layer 0"), last}) {
      EXPECT_TRUE(std::ranges::any_of(
          products, [&](const SampledProduct& p) { return p.what.starts_with(role + " of " + layer); }))
          << role << " of " << layer;
    }
  }
  EXPECT_TRUE(std::ranges::any_of(products, &SampledProduct::embedding));
  EXPECT_TRUE(std::ranges::any_of(products, [](const SampledProduct& p) { return p.what.starts_with("head of"); }));
  EXPECT_TRUE(std::ranges::all_of(products, [](const SampledProduct& p) { return p.grouped == p.what.starts_with("experts'"); }));
}

TEST(LoadCheck, AHalfOfTwoIsCheckedToo) {
  const LoadedModel loaded(golden_model("llama"), {.tp = 2});
  const auto ops = kernels::ops_backend("cpu").make({});
  const LoadCheck check = check_load(loaded.weights, loaded.pool, *ops);
  EXPECT_TRUE(check.ok) << check.text;
}

TEST(LoadCheck, AWrongProductIsNamed) {
  const LoadedModel loaded(golden_model("llama"));
  WrongOps wrong;
  const LoadCheck check = check_load(loaded.weights, loaded.pool, wrong);
  EXPECT_FALSE(check.ok);
  EXPECT_TRUE(check.text.starts_with("q of layer 0, half 0 (")) << check.text;
}

TEST(LoadCheck, WhatTheBudgetLeavesOutIsCounted) {
  const LoadedModel loaded(golden_model("llama"));
  const auto ops = kernels::ops_backend("cpu").make({});
  const LoadCheck check = check_load(loaded.weights, loaded.pool, *ops, Duration::zero());
  EXPECT_TRUE(check.ok);
  EXPECT_GT(check.left_out, 0);
  EXPECT_NE(check.text.find("left out"), std::string::npos) << check.text;
}

}  // namespace
}  // namespace yoke::node::selftest
