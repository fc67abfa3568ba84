// The check of a load on a GPU, the double of one: weights in each place that a pool may have there, in each math mode.
#include "node/selftest/load_check.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "kernels/ops.h"
#include "tests/node/loaded_model.h"

namespace yoke::node::selftest {
namespace {

std::filesystem::path golden(const std::string& name) { return std::filesystem::path(YOKE_SOURCE_DIR) / "tests/golden" / name; }

struct Where {
  const char* model;
  bool pack;
};

class GpuLoadCheck : public testing::TestWithParam<Where> {
 protected:
  void SetUp() override {
    if (const std::string why = kernels::ops_backend("cuda").unavailable(); !why.empty()) GTEST_SKIP() << "no GPU path here: " << why;
  }
};

TEST_P(GpuLoadCheck, HoldsInEachModeAndPlace) {
  for (const MathMode math : {MathMode::exact, MathMode::bf16}) {
    std::set<uint64_t> hashes;
    for (const PoolPlace place : {PoolPlace::device, PoolPlace::registered}) {
      const auto ops = kernels::ops_backend("cuda").make({.math = math});
      const LoadedModel loaded(golden(GetParam().model), {.tp = 2, .pack = GetParam().pack, .place = place});
      const LoadCheck check = check_load(loaded.weights, loaded.pool, *ops, std::chrono::minutes(2));
      EXPECT_TRUE(check.ok) << name(math) << ": " << check.text;
      EXPECT_GE(check.products, 8);
      EXPECT_EQ(check.left_out, 0);
      hashes.insert(check.hash);
    }
    EXPECT_EQ(hashes.size(), 1u) << name(math);
  }
}

TEST_P(GpuLoadCheck, ModeExactHasTheHashOfTheCpu) {
  const LoadedModel::Options options{.tp = 2, .pack = GetParam().pack};
  const LoadedModel on_host(golden(GetParam().model), options);
  const auto cpu = kernels::ops_backend("cpu").make({}), cuda = kernels::ops_backend("cuda").make({});
  const LoadedModel on_device(golden(GetParam().model), {.tp = 2, .pack = GetParam().pack, .place = PoolPlace::device});
  EXPECT_EQ(check_load(on_device.weights, on_device.pool, *cuda, std::chrono::minutes(2)).hash,
            check_load(on_host.weights, on_host.pool, *cpu, std::chrono::minutes(2)).hash);
}

INSTANTIATE_TEST_SUITE_P(Models, GpuLoadCheck,
                         testing::Values(Where{"models/llama", false}, Where{"models/mixtral", true}, Where{"models/qwen3_moe", false},
                                         Where{"quantised/llama_modelopt_nvfp4", false}, Where{"quantised/llama_modelopt_nvfp4", true},
                                         Where{"quantised/mixtral_ct_fp8_channel", false}, Where{"quantised/gpt_oss_mxfp4", false}),
                         [](const auto& info) {
                           std::string name = std::filesystem::path(info.param.model).filename().string();
                           return name + (info.param.pack ? "_packed" : "");
                         });

}  // namespace
}  // namespace yoke::node::selftest
