// Broken variants of right kernels, made from their PTX: the conditions under which the kernels are tested must show
// each of them.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <regex>

#include "kernels/cuda/images.h"
#include "kernels/cuda/linear_launch.h"
#include "tests/emulator/driver/image.h"
#include "tests/kernels/cuda/emulated.h"
#include "tests/kernels/cuda/linear_twin.h"
#include "tests/kernels/random_weight.h"

namespace yoke::kernels::cuda::testing {
namespace {

using namespace kernels::testing;

std::string ptx_of_image(const std::string& name) {
  for (const Image& image : images()) {
    if (image.name == name) return emulator::ptx_of(image.fatbin.data(), 121);
  }
  return {};
}

// A product of BF16 weights whose K fills no unit.
class Product {
 public:
  explicit Product(int64_t rows) : rows_(rows) {
    Random random(3);
    const WeightFile file = random_file(random, {"BF16", plain_format(Dtype::bf16)}, kOutputs, kCols);
    weight_ = file.pack();
    x_ = random.normals(rows * kCols);
  }

  LinearLaunch launch(std::vector<float>& y) const {
    const Linear product{.w = {weight_.shape, device(weight_.bytes.data())},
                         .x = device(x_.data()),
                         .x_stride = kCols,
                         .rows = rows_,
                         .y = device(y.data()),
                         .y_stride = kOutputs};
    return plan_linear({&product, 1}).at(0);
  }
  std::string kernel() const {
    std::vector<float> y(1);
    return launch(y).kernel;
  }

  // What is wrong under one setting; empty: nothing was noticed.
  std::string noticed(const emulator::Module& module, const emulator::Options& options) const {
    std::vector<float> y = poisoned(rows_ * kOutputs);
    emulator::AddressSpace memory;
    const OnDevice weight(memory, weight_.bytes.data(), static_cast<size_t>(weight_.shape.bytes()), false);
    const OnDevice x(memory, x_.data(), x_.size() * sizeof(float), false),
        out(memory, y.data(), y.size() * sizeof(float), true);
    const LinearLaunch l = launch(y);
    const emulator::Launch how{.grid = {l.grid},
                               .block = {kLinearThreads},
                               .dynamic_shared = l.shared_bytes,
                               .params = std::as_bytes(std::span(&l.params, 1))};
    if (const auto fault = emulator::run(*module.find(l.kernel), how, memory, options)) return fault->text;
    const std::vector<TwinValue> twin = linear_twin(
        {.w = weight_.matrix(), .x = x_.data(), .x_stride = kCols, .rows = rows_, .y = nullptr, .y_stride = kOutputs});
    for (size_t i = 0; i < twin.size(); ++i) {
      if (!(std::abs(y[i] - twin[i].value) <= twin[i].bound))
        return "element " + std::to_string(i) + " is " + std::to_string(y[i]);
    }
    return {};
  }
  bool noticed_at_all(const emulator::Module& module) const {
    for (const emulator::Options& options : all_options()) {
      if (!noticed(module, options).empty()) return true;
    }
    return false;
  }

 private:
  static constexpr int64_t kOutputs = 40, kCols = 1000;
  int64_t rows_;
  PackedPart weight_;
  std::vector<float> x_;
};

// The text of one kernel within its file.
std::string replaced_in(const std::string& ptx, const std::string& kernel, const std::regex& what,
                        const std::string& with) {
  const size_t begin = ptx.find(".entry " + kernel + "(");
  const size_t end = std::min(ptx.find(".entry ", begin + 1), ptx.size());
  const std::string body = ptx.substr(begin, end - begin), changed = std::regex_replace(body, what, with);
  EXPECT_NE(body, changed) << kernel << " has nothing to break there";
  return ptx.substr(0, begin) + changed + ptx.substr(end);
}

struct Mutation {
  const char* name;
  int64_t rows;
  const char* what;  // in the kernel for so many rows
  const char* with;
};
constexpr Mutation kMutations[] = {
    {"waits for one unit less, few rows", 3, R"(cp\.async\.wait_group\s+1;)", "cp.async.wait_group 2;"},
    {"waits for one unit less, many rows", 40, R"(cp\.async\.wait_group\s+1;)", "cp.async.wait_group 2;"},
    {"parts meet without a barrier", 3, R"((bar\.sync|barrier\.sync)\s+0;)", ""},
    {"x is staged without a barrier", 20, R"((bar\.sync|barrier\.sync)\s+0;)", ""},
    {"fragments not transposed", 3, R"(\.x4\.trans\.)", ".x4."},
    {"the other order of a pair of x", 40, R"((cvt\.rn\.bf16x2\.f32\s+\S+),\s*(\S+),\s*(\S+);)", "$1, $3, $2;"},
    {"sums of another token", 12,
     R"(mma\.sync\.aligned\.m16n8k16(\S+\s+\{\S+ \S+ \S+ \S+\}, \{\S+ \S+ \S+ \S+\}), \{(\S+), (\S+)\})",
     "mma.sync.aligned.m16n8k16$1, {$3, $2}"},
};

TEST(LinearMutants, EveryBrokenVariantIsNoticed) {
  const std::string ptx = ptx_of_image("linear_bf16");
  for (const Mutation& m : kMutations) {
    const Product product(m.rows);
    ASSERT_FALSE(product.noticed_at_all(module_of("linear_bf16", 121))) << m.name << ": the right kernel";
    const auto broken = emulator::Module::parse(replaced_in(ptx, product.kernel(), std::regex(m.what), m.with));
    EXPECT_TRUE(product.noticed_at_all(*broken)) << m.name;
  }
}

}  // namespace
}  // namespace yoke::kernels::cuda::testing
