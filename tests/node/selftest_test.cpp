// The self-test's own rules, and all of it on the CPU's kernels.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cmath>
#include <filesystem>
#include <limits>
#include <set>

#include "core/half.h"
#include "kernels/format/values.h"
#include "model/known/layers.h"
#include "model/known/models.h"
#include "node/selftest/cases.h"
#include "node/selftest/decode_products.h"
#include "node/selftest/made_matrix.h"
#include "node/selftest/selftest.h"
#include "node/selftest/verdict.h"
#include "parallel/gpu_fit.h"
#include "tests/node/wrong_ops.h"

namespace yoke::node::selftest {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

Report sound() {
  Report report;
  report.device = {.name = "NVIDIA GB10", .gpu = true, .major = 12, .minor = 1, .multiprocessors = 48, .driver = "580.95.05"};
  report.device.loaded.sm_mhz = 2460;
  report.checks = {{.name = "product NVFP4", .ok = true}};
  report.copy_gb_per_s = 191;
  report.bandwidth = {{.model = "llama-3.1-405b", .product = "down", .bytes = 245 << 20, .share = 1.1}};
  report.collectives = {{.operation = "all_reduce", .backend = "ucx", .bytes = 8192, .microseconds = 4}};
  return report;
}

// The one finding that a change of a sound report brings.
Remedy finding_of(const std::function<void(Report&)>& change) {
  Report report = sound();
  change(report);
  judge(report);
  EXPECT_EQ(report.remedies.size(), 1u);
  if (report.remedies.empty()) return {};
  EXPECT_FALSE(report.remedies[0].remedy.empty());
  EXPECT_EQ(report.passed, !report.remedies[0].fails);
  return report.remedies[0];
}

TEST(SelftestVerdict, ASoundDevicePassesWithoutFindings) {
  Report report = sound();
  judge(report);
  EXPECT_TRUE(report.passed);
  EXPECT_TRUE(report.remedies.empty());
}

TEST(SelftestVerdict, WhatIsWrongFailsAndNamesItself) {
  EXPECT_TRUE(finding_of([](Report& r) {
                r.checks.push_back({.name = "SwiGLU", .ok = false, .note = "3 differ"});
              }).finding.find("SwiGLU: 3 differ") != std::string::npos);
  EXPECT_TRUE(finding_of([](Report& r) { r.collectives[0].ok = false; }).fails);
  EXPECT_TRUE(finding_of([](Report& r) { r.checks.clear(); }).fails);
  EXPECT_TRUE(finding_of([](Report& r) { r.device.driver = "590.44.01"; }).fails);
  EXPECT_TRUE(finding_of([](Report& r) { r.device.loaded.sm_mhz = 695; }).finding.find("695 MHz") != std::string::npos);
  EXPECT_TRUE(finding_of([](Report& r) { r.device.major = 8; }).fails);
}

TEST(SelftestVerdict, WhatIsSlowIsAdvice) {
  EXPECT_FALSE(finding_of([](Report& r) { r.copy_gb_per_s = 120; }).fails);
  EXPECT_FALSE(finding_of([](Report& r) { r.bandwidth[0].share = 0.5; }).fails);
  EXPECT_FALSE(finding_of([](Report& r) { r.device.loaded.temperature_c = 95; }).fails);
  EXPECT_FALSE(finding_of([](Report& r) { r.collectives.push_back({.operation = "link", .backend = "ucx", .gb_per_s = 12}); }).fails);
}

TEST(SelftestVerdict, WhatCouldNotRunIsNoFailure) {
  Report report = sound();
  report.checks.push_back({.name = "mode bf16", .ok = false, .note = "the cpu kernels have none", .ran = false});
  report.collectives.push_back({.operation = "all_reduce", .backend = "nccl", .ok = false, .ran = false});
  judge(report);
  EXPECT_TRUE(report.passed);
}

TEST(SelftestVerdict, RatesOfADoubleAreNotJudged) {
  Report report = sound();
  report.device.emulated = true;
  report.device.loaded.sm_mhz = 100;
  report.copy_gb_per_s = 0.5;
  report.bandwidth[0].share = 0.01;
  judge(report);
  EXPECT_TRUE(report.passed);
  EXPECT_TRUE(report.remedies.empty());
  report.checks[0].ok = false;
  judge(report);
  EXPECT_FALSE(report.passed);
}

TEST(SelftestCompare, BitsAreBits) {
  EXPECT_TRUE(same_bits(std::vector<float>{1, kNaN, -0.0f}, std::vector<float>{1, kNaN, -0.0f}).ok);
  const Comparison zero = same_bits(std::vector<float>{1, 0.0f}, std::vector<float>{1, -0.0f});
  EXPECT_FALSE(zero.ok);
  EXPECT_NE(zero.text.find("the first is 1"), std::string::npos) << zero.text;
  EXPECT_FALSE(same_bits(std::vector<float>{1}, std::vector<float>{1, 2}).ok);
  EXPECT_TRUE(std::isnan(same_bits(std::vector<float>{kNaN}, std::vector<float>{1}).worst));
}

TEST(SelftestCompare, NothingThatIsNoNumberIsWithinABound) {
  const Expected expected{{1, 2}, {0.1, 0.1}};
  EXPECT_TRUE(within(std::vector<float>{1.05f, 2}, expected).ok);
  EXPECT_FALSE(within(std::vector<float>{1.05f, 2.2f}, expected).ok);
  EXPECT_FALSE(within(std::vector<float>{kNaN, 2}, expected).ok);
  EXPECT_FALSE(within(std::vector<float>{1}, expected).ok);
  EXPECT_NEAR(within(std::vector<float>{1.05f, 2.01f}, expected).worst, 0.05, 1e-6) << "of the one closest to its bound";
}

TEST(SelftestOperands, EveryFormatIsOneThatAGpuMultipliesAndIsFinite) {
  std::set<std::string_view> names;
  for (const NamedFormat& row : formats()) {
    EXPECT_TRUE(parallel::gpu_multiplies(row.format)) << row.name;
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    const MadeMatrix matrix = make_matrix(row.format, {.rows = 40, .cols = 300}, 3);
    std::vector<float> values(static_cast<size_t>(matrix.shape.cols));
    double size = 0;
    for (int64_t n = 0; n < matrix.shape.rows; ++n) {
      kernels::format::weights(matrix.at(matrix.bytes.data()), n, {0, matrix.shape.cols}, values.data());
      for (const float value : values) {
        ASSERT_TRUE(std::isfinite(value)) << row.name << " output " << n;
        size += std::abs(value);
      }
    }
    EXPECT_GT(size, 0) << row.name;
  }
}

TEST(SelftestOperands, APartHasTheValuesOfTheWhole) {
  for (const NamedFormat& row : formats()) {
    const MadeMatrix whole = make_matrix(row.format, {.rows = 72, .cols = 300}, 5);
    const MadeMatrix part = make_matrix(row.format, {.rows = 72, .cols = 300, .part_rows = {24, 61}, .part_cols = {96, 200}}, 5);
    for (int64_t n = 0; n < 37; ++n) {
      for (int64_t k = 0; k < 104; ++k) {
        ASSERT_EQ(kernels::format::weight(part.at(part.bytes.data()), n, k),
                  kernels::format::weight(whole.at(whole.bytes.data()), n + 24, k + 96))
            << row.name << " (" << n << ", " << k << ")";
      }
    }
  }
}

// A product as a GPU makes it in mode bf16, with f32 sums in another order, is within the bound; one that forgot a column is not.
TEST(SelftestBounds, HoldForRoundingAndFailForALostColumn) {
  const MadeMatrix matrix = make_matrix(model::known::format_named("nvfp4"), {.rows = 40, .cols = 344}, 7);
  const kernels::PackedMatrix w = matrix.at(matrix.bytes.data());
  const int64_t cols = w.cols();
  const std::vector<float> x = Numbers(1).reals(cols);
  const Expected expected = bf16_expected(w, x, cols, 1, nullptr, {});
  std::vector<float> right, lost, weights(static_cast<size_t>(cols));
  for (int64_t n = 0; n < w.rows(); ++n) {
    kernels::format::weights(w, n, {0, cols}, weights.data());
    float sum = 0, last = 0;
    for (int64_t k = cols - 1; k >= 0; --k)
      sum += last = weights[static_cast<size_t>(k)] * bf16_to_f32(f32_to_bf16(x[static_cast<size_t>(k)]));
    right.push_back(sum);
    lost.push_back(sum - last);
  }
  EXPECT_TRUE(within(right, expected).ok) << within(right, expected).text;
  EXPECT_FALSE(within(lost, expected).ok);
}

TEST(SelftestProducts, AreHalvesOfTheModels) {
  const WeightFormat nvfp4 = model::known::format_named("nvfp4");
  const std::vector<DecodeProduct> products = decode_products("405b", model::known::config_of("llama-3.1-405b"), nvfp4);
  ASSERT_EQ(products.size(), 5u);
  EXPECT_EQ(products[0].outputs, (std::vector<int64_t>{8192, 512, 512}));
  EXPECT_EQ(products[2].outputs, (std::vector<int64_t>{26624, 26624}));
  EXPECT_EQ(products[3].inputs, 26624);
  EXPECT_EQ(products[4].outputs, (std::vector<int64_t>{64128}));
  EXPECT_NEAR(static_cast<double>(products[3].bytes(nvfp4)), 26624.0 * 16384 * 4.5 / 8, 64);
  for (const DecodeProduct& p : measured_products(nvfp4)) EXPECT_LE(p.room(nvfp4), uint64_t{1} << 30) << p.model << " " << p.name;
}

TEST(SelftestProducts, AnExpertReadsOnlyWhatItsTokenTakes) {
  const WeightFormat nvfp4 = model::known::format_named("nvfp4");
  const std::vector<DecodeProduct> products = decode_products("8x22b", model::known::config_of("mixtral-8x22b"), nvfp4);
  EXPECT_EQ(products[2].experts, 8);
  EXPECT_NEAR(static_cast<double>(products[2].bytes(nvfp4)), 2 * 8192.0 * 6144 * 4.5 / 8, 128);
}

TEST(SelftestKernels, AWrongOneFailsItsCasesAndNoOther) {
  const auto wrong = std::make_unique<WrongOps>();
  const kernels::OpsBackend& reference = kernels::ops_backend("reference");
  const auto twin_ops = reference.make({});
  Side device(*wrong, kSideBytes), twin(*twin_ops, kSideBytes);
  std::vector<Case> cases = product_cases(MathMode::exact, reference.supports);
  for (Case& one : elementwise_cases(reference.supports)) cases.push_back(std::move(one));
  for (Case& one : attention_cases()) cases.push_back(std::move(one));
  for (const Case& one : cases) {
    const Check check = check_case(one, device, twin);
    const bool broken = one.name == "SwiGLU" || one.name.starts_with("product ") || one.name.starts_with("experts ");
    EXPECT_EQ(check.ok, !broken) << one.name << ": " << check.note;
  }
}

TEST(SelftestRun, OnTheCpuPassesAndSaysThatThereIsNoGpu) {
  const std::string program = (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "yoke-node").string();
  size_t steps = 0;
  const Report report = run({.cpu = true, .program = program}, [&](const std::string&, size_t done, size_t total) {
    EXPECT_LT(done, total);
    ++steps;
  });
  EXPECT_TRUE(report.passed) << to_text(report);
  EXPECT_GT(steps, 50u);
  for (const Check& check : report.checks) EXPECT_TRUE(check.ok || !check.ran) << check.name << ": " << check.note;
  EXPECT_EQ(report.device.no_gpu, "--device cpu");

  const boost::json::object json = boost::json::parse(to_json(report)).as_object();
  EXPECT_EQ(json.at("verdict").as_string(), "pass");
  EXPECT_EQ(json.at("emulated").as_bool(), false);
  EXPECT_EQ(json.at("checks").as_array().size(), report.checks.size());
  EXPECT_NE(to_text(report).find("PASS"), std::string::npos);
  size_t latencies = 0;
  for (const Collective& row : report.collectives) latencies += row.ran && row.ok && row.operation == "all_reduce" && row.microseconds > 0;
  EXPECT_EQ(latencies, 4u) << to_text(report);
}

}  // namespace
}  // namespace yoke::node::selftest
