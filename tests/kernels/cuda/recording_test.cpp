// CudaOps as an engine uses it: a step recorded once and played with other contents, halves that meet within it, the row of backends.
#include <atomic>
#include <cstring>
#include <thread>

#include "core/error.h"
#include "kernels/cuda/images.h"
#include "tests/kernels/attention_scene.h"
#include "tests/kernels/cuda/cuda_case.h"
#include "tests/kernels/random_weight.h"

namespace yoke::kernels {
namespace {

using namespace testing;

constexpr Duration kLong = std::chrono::minutes(2);

// Floats that device and host share.
std::span<float> shared(const std::vector<float>& values) {
  auto* at = reinterpret_cast<float*>(gpu().device().allocate(values.size() * sizeof(float), Device::Memory::shared));
  std::copy(values.begin(), values.end(), at);
  return {at, values.size()};
}
std::vector<float> copy_of(std::span<const float> values) { return {values.begin(), values.end()}; }

TEST(CudaRecording, PlaysItsLaunchesWithWhatTheAddressesHoldThen) {
  Random random(1);
  const int64_t rows = 3, width = 40, outputs = 24;
  const PackedPart part = random_file(random, {"BF16", plain_format(Dtype::bf16)}, outputs, width).pack();
  std::byte* weights = gpu().device().allocate(part.bytes.size(), Device::Memory::local);
  gpu().device().upload(weights, part.bytes);
  const std::vector<float> w = random.normals(width);
  const std::span<float> x = shared(random.normals(rows * width)), norm = shared(w), normed = shared(poisoned(rows * width)),
                         y = shared(poisoned(rows * outputs));
  const auto step = [&](Ops& ops, const PackedMatrix& matrix, const float* in, const float* by, float* between, float* out) {
    ops.run(RmsNorm{in, width, rows, width, by, 1e-5f, between, width});
    ops.run(Linear{.w = matrix, .x = between, .x_stride = width, .rows = rows, .y = out, .y_stride = outputs});
    ops.run(Tanh{out, rows * outputs});
  };
  const auto recording = gpu().device().record([&] { step(gpu(), {part.shape, weights}, x.data(), norm.data(), normed.data(), y.data()); });
  EXPECT_EQ(recording->launches(), 3);
  EXPECT_TRUE(same_bits(copy_of(y), poisoned(rows * outputs)));  // recorded, not run
  for (int i = 0; i < 3; ++i) {
    const std::vector<float> next = random.normals(rows * width);
    std::copy(next.begin(), next.end(), x.begin());
    recording->play();
    gpu().device().finish(kLong, "a recording");
    std::vector<float> between = poisoned(rows * width), expected = poisoned(rows * outputs);
    step(reference(), part.matrix(), next.data(), w.data(), between.data(), expected.data());
    EXPECT_TRUE(same_bits(copy_of(y), expected));
  }
}

// The first use takes scratch memory while it is recorded; a row grows from play to play, beyond a split.
TEST(CudaRecording, AttentionFollowsARowThatGrows) {
  Random random(5);
  constexpr int64_t kTokens = 530;
  Scene scene = one_sequence(random, {Dtype::bf16, 2, 16, 16}, 3, kTokens, 1);
  append_all(scene, reference());
  const auto of_bytes = [](const auto& values) {
    auto* at = gpu().device().allocate(std::span(values).size_bytes(), Device::Memory::shared);
    std::memcpy(at, values.data(), std::span(values).size_bytes());
    return at;
  };
  auto* table = reinterpret_cast<int32_t*>(of_bytes(scene.tables[0]));
  auto* row = reinterpret_cast<RowPlace*>(gpu().device().allocate(sizeof(RowPlace), Device::Memory::shared));
  const std::span<float> q = shared(scene.q), out = shared(poisoned(scene.heads() * 16));
  KvCacheView view = scene.view();
  view.data = of_bytes(scene.cache);
  *row = {table, 0, 1};
  const auto recording = gpu().device().record([&] {
    gpu().run(Attention{.q = q.data(), .q_stride = scene.q_width(), .rows = {row, 1}, .cache = view, .heads_per_kv = 3, .scale = 0.2f, .out = out.data(),
                        .out_stride = scene.heads() * 16, .longest = 4096});
  });
  EXPECT_EQ(recording->launches(), 2);
  for (const int64_t end : {int64_t{1}, int64_t{256}, int64_t{257}, kTokens}) {
    *row = {table, end - 1, end};
    recording->play();
    gpu().device().finish(kLong, "a recording");
    const RowPlace here{scene.tables[0].data(), end - 1, end};
    std::vector<float> expected = poisoned(scene.heads() * 16);
    reference().run(Attention{.q = scene.q.data(), .q_stride = scene.q_width(), .rows = {&here, 1}, .cache = scene.view(), .heads_per_kv = 3, .scale = 0.2f,
                              .out = expected.data(), .out_stride = scene.heads() * 16});
    EXPECT_TRUE(same_bits(copy_of(out), expected)) << end;
  }
}

// The host sees `sent` before the join reads the other half, and the join reads it only once `arrived` says so.
TEST(CudaMeeting, AJoinWaitsForTheOtherHalf) {
  Random random(2);
  const int64_t rows = 3, width = 70;
  const std::vector<float> x0 = random.normals(rows * width), mine = random.normals(rows * width), theirs = random.normals(rows * width), w = random.normals(width);
  for (const bool normed : {true, false}) {
    const std::span<float> x = shared(x0), h0 = shared(mine), h1 = shared(poisoned(rows * width)), norm = shared(w), y = shared(poisoned(rows * width));
    auto* words = reinterpret_cast<uint64_t*>(gpu().device().allocate(3 * sizeof(uint64_t), Device::Memory::shared));
    words[0] = 700, words[1] = words[2] = 0;
    const Meeting meeting{.base = words, .index = 5, .sent = words + 1, .arrived = words + 2};
    JoinNorm join{.x = x.data(), .h0 = h0.data(), .h1 = h1.data(), .rows = rows, .width = width, .w = norm.data(), .epsilon = 1e-5f,
                  .y = normed ? y.data() : nullptr, .meeting = &meeting};
    gpu().run(join);
    std::atomic_ref<uint64_t> sent(words[1]), arrived(words[2]);
    const TimePoint begin = system_clock().now();
    while (sent.load(std::memory_order_acquire) != 705) ASSERT_LT(system_clock().now() - begin, kLong);
    EXPECT_FALSE(gpu().device().idle());
    EXPECT_TRUE(same_bits(copy_of(x), x0));
    std::copy(theirs.begin(), theirs.end(), h1.begin());
    arrived.store(705, std::memory_order_release);
    gpu().device().finish(kLong, "a join");
    std::vector<float> expected = x0, expected_y = poisoned(rows * width);
    reference().run(JoinNorm{.x = expected.data(), .h0 = mine.data(), .h1 = theirs.data(), .rows = rows, .width = width, .w = w.data(), .epsilon = 1e-5f,
                             .y = normed ? expected_y.data() : nullptr});
    EXPECT_TRUE(same_bits(copy_of(x), expected));
    EXPECT_TRUE(same_bits(copy_of(y), expected_y));
  }
}

TEST(CudaMeeting, AReleasedStepGoesOn) {
  const std::span<float> x = shared({1.0f}), h0 = shared({2.0f}), h1 = shared({3.0f});
  auto* words = reinterpret_cast<uint64_t*>(gpu().device().allocate(3 * sizeof(uint64_t), Device::Memory::shared));
  words[0] = 1, words[1] = 0, words[2] = 0;
  const Meeting meeting{.base = words, .index = 0, .sent = words + 1, .arrived = words + 2};
  gpu().run(JoinNorm{.x = x.data(), .h0 = h0.data(), .h1 = h1.data(), .rows = 1, .width = 1, .meeting = &meeting});
  std::atomic_ref<uint64_t>(words[2]).store(kReleased, std::memory_order_release);
  gpu().device().finish(kLong, "a released join");
  EXPECT_EQ(words[1], 1u);
}

TEST(CudaBackend, IsAvailableOnTheDoubleAndCarriesBothArchitectures) {
  EXPECT_EQ(ops_backend("cuda").unavailable(), "");
  EXPECT_TRUE(cuda::images_absent().empty());
  EXPECT_FALSE(cuda::images().empty());
  EXPECT_THROW(ops_backend("cuda").make({.gpu = 7}), Error);
}

}  // namespace
}  // namespace yoke::kernels
