// Kernels that nvcc made of kernels_test.cu against the host, and broken variants of them, made by editing their PTX, that the
// interpreter must catch: they test the checkers.
#include <cmath>
#include <fstream>
#include <functional>
#include <sstream>

#include "tests/emulator/ptx/fixture.h"
#include "tests/emulator/ptx/number_formats.h"

namespace yoke::emulator {
namespace {

#ifdef YOKE_PTX_KERNELS

struct Params {
  uint64_t x, y;
  int32_t n;
};

std::string read_kernels(const char* arch) {
  std::ifstream file(std::string(YOKE_PTX_KERNELS) + "." + arch + ".ptx");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

struct Case {
  std::string kernel;
  uint32_t blocks, threads;
  int32_t n;
  std::vector<float> x, expected;
  float tolerance = 0;
};

uint32_t next_random(uint32_t& state) { return state = state * 1664525 + 1013904223; }

std::vector<float> small_integers(size_t count, uint32_t below) {
  uint32_t state = 12345;
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(next_random(state) >> 8) / (1 << 24) * static_cast<float>(below);
  for (float& value : values) value = std::floor(value) + 1;
  return values;
}

Case double_buffer() {
  Case c{"double_buffer", 1, 128, 7, small_integers(7 * 512, 100), std::vector<float>(128, 0)};
  for (int t = 0; t < 128; ++t) {
    for (int k = 0; k < 7; ++k) c.expected[t] = std::fma(c.x[512 * k + (4 * t + 148) % 512], static_cast<float>(k + 1), c.expected[t]);
  }
  return c;
}

Case normalise() {
  Case c{"normalise", 3, 256, 1000, small_integers(3000, 50), std::vector<float>(3000), 1e-6f};
  for (int row = 0; row < 3; ++row) {
    double sum = 0, greatest = 0;
    for (int i = 0; i < 1000; ++i) sum += c.x[1000 * row + i] * c.x[1000 * row + i], greatest = std::max<double>(greatest, c.x[1000 * row + i]);
    for (int i = 0; i < 1000; ++i) c.expected[1000 * row + i] = static_cast<float>(c.x[1000 * row + i] / std::sqrt(sum / 1000) / greatest);
  }
  return c;
}

Case collatz() {
  Case c{"collatz", 4, 64, 250, small_integers(250, 5000), std::vector<float>(250)};
  for (int i = 0; i < 250; ++i) {
    int steps = 0;
    for (auto v = static_cast<int64_t>(c.x[i]); v > 1; ++steps) v = v & 1 ? 3 * v + 1 : v / 2;
    c.expected[i] = static_cast<float>(steps);
  }
  return c;
}

Case multiply() {
  const std::vector<float> values = small_integers(24 * 32, 16);
  Case c{"multiply", 1, 32, 0, std::vector<float>(24 * 16), std::vector<float>(16 * 8, 0)};
  for (size_t i = 0; i < c.x.size(); ++i) c.x[i] = std::bit_cast<float>(pack_halves(f32_to_bf16(values[2 * i]), f32_to_bf16(values[2 * i + 1])));
  for (int row = 0; row < 16; ++row) {
    for (int column = 0; column < 8; ++column) {
      for (int k = 0; k < 32; ++k) c.expected[row * 8 + column] += values[row * 32 + k] * values[(16 + column) * 32 + k];
    }
  }
  return c;
}

Case histogram() {
  Case c{"histogram", 1, 128, 999, small_integers(999, 400), std::vector<float>(16, 0)};
  for (const float x : c.x) ++c.expected[static_cast<size_t>(x) & 15];
  return c;
}

// Why a run went wrong; empty if it did not.
std::string failure(const Case& c, const std::string& ptx, const Options& options) {
  const auto module = Module::parse(ptx);
  std::vector<float> x = c.x, y(c.expected.size(), std::nanf(""));
  AddressSpace memory;
  const Params params{kDeviceTag + reinterpret_cast<uint64_t>(x.data()), kDeviceTag + reinterpret_cast<uint64_t>(y.data()), c.n};
  memory.add(params.x, reinterpret_cast<std::byte*>(x.data()), 4 * x.size(), false);
  memory.add(params.y, reinterpret_cast<std::byte*>(y.data()), 4 * y.size());
  Options limited = options;
  limited.max_steps = 10'000'000;
  const auto fault = run(*module->find(c.kernel), {.grid = {c.blocks}, .block = {c.threads}, .params = std::as_bytes(std::span(&params, 1))}, memory, limited);
  if (fault) return fault->text;
  for (size_t i = 0; i < y.size(); ++i) {
    // Written so that NaN fails.
    if (!(std::fabs(y[i] - c.expected[i]) <= c.tolerance * std::fabs(c.expected[i]))) {
      return "element " + std::to_string(i) + " is " + std::to_string(y[i]) + ", not " + std::to_string(c.expected[i]);
    }
  }
  return "";
}

struct Mode {
  const char* name;
  Options options;
};

std::vector<Mode> modes() {
  return {{"early, forward", {}},
          {"early, reverse", {.reverse_warps = true}},
          {"late, forward", {.late_copies = true}},
          {"late, reverse", {.late_copies = true, .reverse_warps = true}},
          {"early, race check", {.race_check = true}},
          {"late, race check", {.late_copies = true, .race_check = true}}};
}

class PtxKernels : public testing::TestWithParam<const char*> {};

TEST_P(PtxKernels, GiveTheHostsResultsInEveryMode) {
  const std::string ptx = read_kernels(GetParam());
  ASSERT_FALSE(ptx.empty()) << "no PTX beside " << YOKE_PTX_KERNELS;
  for (const Case& c : {double_buffer(), normalise(), collatz(), multiply(), histogram()}) {
    for (const Mode& mode : modes()) EXPECT_EQ(failure(c, ptx, mode.options), "") << c.kernel << ", " << mode.name;
  }
}

// Replaces the nth `from` (0: the first) within one kernel.
std::string broken(const std::string& ptx, const std::string& kernel, const std::string& from, const std::string& to, int nth = 0) {
  size_t at = ptx.find(".entry " + kernel + "(");
  const size_t end = std::min(ptx.find(".entry ", at + 1), ptx.size());
  at = ptx.find(from, at);
  for (; nth > 0; --nth) at = ptx.find(from, at + 1);
  EXPECT_LT(at, end) << kernel << " has no such '" << from << "'";
  return at < end ? ptx.substr(0, at) + to + ptx.substr(at + from.size()) : ptx;
}

// The modes that catch it.
std::vector<std::string> caught(const Case& c, const std::string& ptx) {
  std::vector<std::string> names;
  for (const Mode& mode : modes()) {
    if (!failure(c, ptx, mode.options).empty()) names.push_back(mode.name);
  }
  return names;
}

bool has(const std::vector<std::string>& names, const std::string& name) { return std::find(names.begin(), names.end(), name) != names.end(); }

TEST_P(PtxKernels, AWaitThatLeavesOneCopyTooManyIsSeenWithLateCopies) {
  const auto names = caught(double_buffer(), broken(read_kernels(GetParam()), "double_buffer", "wait_group 1", "wait_group 2"));
  EXPECT_TRUE(has(names, "late, forward") && has(names, "late, reverse"));
  EXPECT_FALSE(has(names, "early, forward"));
}

TEST_P(PtxKernels, EveryBarrierOfADoubleBufferIsNeeded) {
  const std::string ptx = read_kernels(GetParam());
  for (const int barrier : {0, 1}) {
    const auto names = caught(double_buffer(), broken(ptx, "double_buffer", "bar.sync", "// bar.sync", barrier));
    EXPECT_TRUE(has(names, "early, race check")) << barrier;
    EXPECT_TRUE(has(names, "early, forward") || has(names, "early, reverse")) << barrier;
  }
}

TEST_P(PtxKernels, EveryBarrierOfAReductionIsNeeded) {
  const std::string ptx = read_kernels(GetParam());
  for (const int barrier : {0, 1, 2}) {
    const auto names = caught(normalise(), broken(ptx, "normalise", "bar.sync", "// bar.sync", barrier));
    EXPECT_TRUE(has(names, "early, race check")) << barrier;
    EXPECT_TRUE(has(names, "early, forward") || has(names, "early, reverse")) << barrier;
  }
}

TEST_P(PtxKernels, AWrongMaskAWrongBoundAndABrokenSwizzleAreSeen) {
  const std::string ptx = read_kernels(GetParam());
  const std::string mask = failure(normalise(), broken(ptx, "normalise", ", -1;", ", 2147483647;"), {});
  EXPECT_NE(mask.find("lane 31"), std::string::npos) << mask;
  EXPECT_NE(mask.find("member mask"), std::string::npos) << mask;
  const std::string bound = failure(collatz(), broken(ptx, "collatz", "setp.ge.s32", "setp.gt.s32"), {});
  EXPECT_NE(bound.find("behind the end of the range"), std::string::npos) << bound;
  EXPECT_EQ(caught(multiply(), broken(ptx, "multiply", "xor.b32", "or.b32")).size(), modes().size());
  const std::string transposed = broken(ptx, "multiply", "ldmatrix.sync.aligned.m8n8.x2.shared", "ldmatrix.sync.aligned.m8n8.x2.trans.shared");
  EXPECT_EQ(caught(multiply(), transposed).size(), modes().size());
  EXPECT_NE(failure(multiply(), broken(ptx, "multiply", "cp.async.wait_all;", ""), {}).find("before it waited"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(, PtxKernels, testing::Values("compute_121a", "compute_90a"), [](const auto& info) { return std::string(info.param); });

#else

TEST(PtxKernels, AreCompiledByNvcc) { GTEST_SKIP() << "no nvcc where this was built: kernels of kernels_test.cu are left out, 10 tests"; }

#endif

}  // namespace
}  // namespace yoke::emulator
