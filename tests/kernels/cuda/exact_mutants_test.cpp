// Kernels of mode exact with one barrier left out: the ways in which the tests run them must show
// each. They test the tests.
#include <algorithm>
#include <memory>
#include <regex>
#include <stdexcept>

#include "kernels/cuda/attention_params.h"
#include "kernels/cuda/exact_launch.h"
#include "kernels/cuda/images.h"
#include "kernels/cuda/norms_params.h"
#include "tests/emulator/driver/image.h"
#include "tests/kernels/cuda/cuda_case.h"
#include "tests/kernels/cuda/emulated.h"
#include "tests/kernels/random_weight.h"

namespace yoke::kernels::cuda::testing {
namespace {

using namespace kernels::testing;

std::string text_of(const std::string& image) {
  for (const Image& candidate : images()) {
    if (candidate.name == image) return emulator::ptx_of(candidate.fatbin.data(), 121);
  }
  throw std::runtime_error("no image " + image);
}

// A kernel's text without its n-th match of `what`; empty where there are no more than n.
std::string without(const std::string& ptx, const std::string& kernel, const std::regex& what, const std::string& with, size_t n) {
  const size_t begin = ptx.find(".entry " + kernel + "("), end = std::min(ptx.find(".entry ", begin + 1), ptx.size());
  const std::string body = ptx.substr(begin, end - begin);
  std::sregex_iterator match(body.begin(), body.end(), what);
  for (; n > 0 && match != std::sregex_iterator(); --n) ++match;
  if (match == std::sregex_iterator()) return {};
  return ptx.substr(0, begin) + body.substr(0, static_cast<size_t>(match->position())) + match->format(with) +
         body.substr(static_cast<size_t>(match->position() + match->length())) + ptx.substr(end);
}

// One launch, and whether what it wrote is right.
struct Subject {
  std::string image, kernel;
  emulator::Dim3 grid;
  uint32_t threads = 0, shared_bytes = 0;
  std::span<const std::byte> params;
  std::vector<std::pair<const void*, size_t>> inputs;
  std::vector<float>* output = nullptr;
  std::vector<float> expected;

  bool noticed(const emulator::Module& module) const {
    for (const emulator::Options& options : all_options()) {
      std::fill(output->begin(), output->end(), poisoned(1)[0]);
      emulator::AddressSpace memory;
      std::vector<std::unique_ptr<OnDevice>> operands;
      for (const auto& [bytes, size] : inputs) operands.push_back(std::make_unique<OnDevice>(memory, bytes, size, false));
      operands.push_back(std::make_unique<OnDevice>(memory, output->data(), output->size() * sizeof(float), true));
      const emulator::Launch how{.grid = grid, .block = {threads}, .dynamic_shared = shared_bytes, .params = params};
      if (emulator::run(*module.find(kernel), how, memory, options).has_value() || !same_bits(*output, expected)) return true;
    }
    return false;
  }

  // Every barrier of the kernel left out, one at a time.
  void expect_barriers_missed() const {
    const std::string ptx = text_of(image);
    ASSERT_FALSE(noticed(*emulator::Module::parse(ptx))) << "the right kernel";
    const std::regex barrier(R"((bar\.sync|barrier\.sync)\s+0;)");
    size_t count = 0;
    for (std::string broken; !(broken = without(ptx, kernel, barrier, "", count)).empty(); ++count) {
      EXPECT_TRUE(noticed(*emulator::Module::parse(broken))) << kernel << " without barrier " << count;
    }
    EXPECT_GE(count, 2u);
  }
};

template <class T>
std::pair<const void*, size_t> operand(const std::vector<T>& values) {
  return {values.data(), values.size() * sizeof(T)};
}

// Two chunks of a row, so that the second waits for the first.
TEST(ExactMutants, ANormNeedsEveryBarrier) {
  Random random(1);
  const int64_t width = kNormThreads * 20;
  const std::vector<float> x = random.normals(2 * width), w = random.normals(width), bias = random.normals(width);
  std::vector<float> y = poisoned(2 * width), expected = poisoned(2 * width);
  reference().run(LayerNorm{.x = x.data(), .x_stride = width, .rows = 2, .width = width, .w = w.data(), .bias = bias.data(), .epsilon = 1e-5f,
                            .y = expected.data(), .y_stride = width});
  const NormParams params{.x = device(x.data()), .x_stride = width, .width = static_cast<int32_t>(width), .w_rows = 1, .w = device(w.data()),
                          .bias = device(bias.data()), .epsilon = 1e-5f, .y = device(y.data()), .y_stride = width};
  Subject{.image = "norms", .kernel = "layer_norm", .grid = {2}, .threads = kNormThreads, .params = std::as_bytes(std::span(&params, 1)),
          .inputs = {operand(x), operand(w), operand(bias)}, .output = &y, .expected = expected}
      .expect_barriers_missed();
}

// More spans than a block takes at once.
TEST(ExactMutants, AProductNeedsEveryBarrier) {
  Random random(2);
  const int64_t cols = 20 * 256 + 30, rows = 3, outputs = 18;
  const PackedPart part = random_file(random, {"F32", plain_format(Dtype::f32)}, outputs, cols).pack();
  const std::vector<float> x = random.normals(rows * cols);
  std::vector<float> y = poisoned(rows * outputs), expected = poisoned(rows * outputs);
  reference().run(Linear{.w = part.matrix(), .x = x.data(), .x_stride = cols, .rows = rows, .y = expected.data(), .y_stride = outputs});
  LinearExactParams params{.rows = rows};
  params.products[0] = {.w = coded_weights({part.shape, device(part.bytes.data())}).params, .x = device(x.data()), .x_stride = cols,
                        .y = device(y.data()), .y_stride = outputs, .bias = nullptr, .first_panel = 0, .panels = 2, .vector = false};
  Subject{.image = "linear_exact", .kernel = "linear_exact_f32_r4", .grid = {1, 2}, .threads = kExactThreads,
          .params = std::as_bytes(std::span(&params, 1)), .inputs = {operand(x), operand(part.bytes)}, .output = &y, .expected = expected}
      .expect_barriers_missed();
}

struct AttentionSubject {
  static constexpr int64_t kTokens = 600, kDim = 8, kHeads = 3;
  std::vector<float> q, k, v, out, expected;
  std::vector<int32_t> table;
  std::vector<std::byte> cache;
  std::vector<RowPlace> rows, rows_there;
  KvCacheView view;
  AttentionParams params{};

  AttentionSubject() {
    Random random(3);
    q = random.normals(kHeads * kDim);
    k = random.normals(kTokens * kDim);
    v = random.normals(kTokens * kDim);
    for (int32_t i = 0; i < ceil_div(kTokens, kKvBlockTokens); ++i) table.push_back(i);
    static_cast<KvShape&>(view) = {Dtype::f32, 1, kDim, kDim};
    cache.resize(table.size() * static_cast<size_t>(view.block_bytes()));
    view.data = cache.data();
    std::vector<RowPlace> appended;
    for (int64_t t = 0; t < kTokens; ++t) appended.push_back({table.data(), t, t + 1});
    reference().run(KvAppend{k.data(), kDim, v.data(), kDim, appended, view});
    rows = {appended.back()};
    rows_there = {{device(table.data()), kTokens - 1, kTokens}};
    out = poisoned(kHeads * kDim);
    expected = out;
    reference().run(Attention{.q = q.data(), .q_stride = kHeads * kDim, .rows = rows, .cache = view, .heads_per_kv = kHeads, .scale = 0.3f, .out = expected.data(),
                              .out_stride = kHeads * kDim});
    params.halves[0] = {.q = device(q.data()), .q_stride = kHeads * kDim, .rows = reinterpret_cast<const RowPlaceData*>(device(rows_there.data())),
                        .cache = {.data = reinterpret_cast<unsigned char*>(device(cache.data())), .block_bytes = view.block_bytes(), .kv_heads = 1,
                                  .key_dim = kDim, .value_dim = kDim, .type = KvType::f32},
                        .heads_per_kv = kHeads, .scale = 0.3f, .out = device(out.data()), .out_stride = kHeads * kDim, .quads = 1, .groups = 1, .slices = 1, .units = 1};
    params.rows = 1;
    params.splits = 1;
  }

  Subject subject() {
    return {.image = "attention", .kernel = "attention_f32", .grid = {1, 1}, .threads = kAttentionThreads,
            .shared_bytes = static_cast<uint32_t>(attention_shared_floats(1, kDim) * int64_t{sizeof(float)}), .params = std::as_bytes(std::span(&params, 1)),
            .inputs = {operand(q), operand(cache), operand(table), operand(rows_there)}, .output = &out, .expected = expected};
  }
};

TEST(ExactMutants, AttentionNeedsEveryBarrier) {
  AttentionSubject attention;
  attention.subject().expect_barriers_missed();
}

}  // namespace
}  // namespace yoke::kernels::cuda::testing
