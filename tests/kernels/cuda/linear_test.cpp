// Products of mode exact, embeddings and the experts' products: every format that the GPU reads, parts that begin anywhere.
#include "core/error.h"
#include "kernels/cuda/exact_launch.h"
#include "tests/kernels/cuda/cuda_case.h"
#include "tests/kernels/linear_case.h"

namespace yoke::kernels {
namespace {

using namespace testing;

std::vector<FormatSample> gpu_samples() {
  std::vector<FormatSample> samples;
  for (const FormatSample& sample : format_samples()) {
    if (cuda::reads_weights(sample.format)) samples.push_back(sample);
  }
  return samples;
}

class CudaLinearTest : public ::testing::TestWithParam<FormatSample> {};

TEST_P(CudaLinearTest, HasTheReferencesBits) {
  for_seeds(8, [&](uint64_t seed) {
    const LinearCase c = random_linear(seed, GetParam());
    EXPECT_TRUE(same_bits(c.run(gpu_mirrored()), c.run(reference())));
  });
}

// One row takes another kernel than several.
TEST_P(CudaLinearTest, ARowsResultDoesNotDependOnItsNeighbours) {
  for_seeds(2, [&](uint64_t seed) {
    const LinearCase c = random_linear(seed + 1000, GetParam());
    if (c.rows == 0) return;
    const std::vector<float> together = c.run(gpu_mirrored());
    for (const int64_t row : {int64_t{0}, c.rows / 2, c.rows - 1}) {
      const std::vector<float> alone = c.run(gpu_mirrored(), row, 1);
      const auto slice = [&](const std::vector<float>& y) {
        return std::vector<float>(y.begin() + row * c.y_stride, y.begin() + row * c.y_stride + c.outputs());
      };
      EXPECT_TRUE(same_bits(slice(alone), slice(together))) << "row " << row << " of " << c.rows;
    }
  });
}

// More spans than a block takes at once, the last of them short.
TEST_P(CudaLinearTest, LongRowsHaveTheReferencesBits) {
  Random random(77);
  const int64_t cols = 16 * 256 + 8 * 256 + 37, whole = whole_columns(GetParam().format, cols + 5);
  const WeightFile file = random_file(random, GetParam(), 20, whole);
  const PackedPart part = file.pack({0, 20}, {5, 5 + cols}, random);
  for (const int64_t rows : {1, 3}) {
    const std::vector<float> x = random.normals(rows * cols);
    const auto run = [&](Ops& ops) {
      std::vector<float> y = poisoned(rows * 20);
      ops.run(Linear{.w = part.matrix(), .x = x.data(), .x_stride = cols, .rows = rows, .y = y.data(), .y_stride = 20});
      return y;
    };
    EXPECT_TRUE(same_bits(run(gpu_mirrored()), run(reference())));
  }
}

TEST_P(CudaLinearTest, EmbeddingsHaveTheReferencesBits) {
  for_seeds(3, [&](uint64_t seed) {
    const LinearCase c = random_linear(seed + 5000, GetParam());
    const std::vector<int32_t> rows = {0, static_cast<int32_t>(c.outputs() - 1), static_cast<int32_t>(c.outputs() / 2)};
    const auto run = [&](Ops& ops) {
      std::vector<float> y = poisoned(3 * (c.cols() + 2));
      ops.run(EmbeddingLookup{c.weight.matrix(), rows, y.data(), c.cols() + 2});
      return y;
    };
    EXPECT_TRUE(same_bits(run(gpu_mirrored()), run(reference())));
  });
}

INSTANTIATE_TEST_SUITE_P(Formats, CudaLinearTest, ::testing::ValuesIn(gpu_samples()), [](const auto& test) { return test.param.name; });

// Of one list: all formats, more of one than a launch takes, some of no rows of outputs, some of the outputs alone.
TEST(CudaLinear, AListOfProductsHasTheReferencesBits) {
  for_seeds(4, [&](uint64_t seed) {
    Random random(seed);
    const std::vector<FormatSample> samples = gpu_samples();
    const int64_t rows = random.between(0, 5), cols = random.between(1, 300);
    const std::vector<float> x = random.normals(rows * cols);
    std::vector<PackedPart> parts;
    std::vector<bool> some;
    for (int i = 0; i < 14; ++i) {
      const FormatSample& sample = samples[static_cast<size_t>(i < 10 ? 0 : random.between(0, static_cast<int64_t>(samples.size()) - 1))];
      const int64_t outputs = random.between(1, 50);
      parts.push_back(random_file(random, sample, outputs, whole_columns(sample.format, cols)).pack({0, outputs}, {0, cols}, random));
      some.push_back(outputs > 32 && random.chance(50));
    }
    const auto run = [&](Ops& ops) {
      std::vector<std::vector<float>> y;
      std::vector<Linear> problems;
      for (size_t i = 0; i < parts.size(); ++i) {
        y.push_back(poisoned(rows * parts[i].shape.rows));
        problems.push_back({.w = parts[i].matrix(), .x = x.data(), .x_stride = cols, .rows = rows, .y = y.back().data(), .y_stride = parts[i].shape.rows,
                            .outputs = some[i] ? Range{16, 32} : Range{}});
      }
      ops.run(std::span<const Linear>(problems));
      std::vector<float> all;
      for (const std::vector<float>& one : y) all.insert(all.end(), one.begin(), one.end());
      return all;
    };
    EXPECT_TRUE(same_bits(run(gpu_mirrored()), run(reference())));
  });
}

TEST(CudaLinear, RefusesByNameWhatItDoesNotRead) {
  for (const FormatSample& sample : format_samples()) {
    if (cuda::reads_weights(sample.format)) continue;
    EXPECT_FALSE(ops_backend("cuda").supports(sample.format, MathMode::exact));
    try {
      random_linear(1, sample).run(gpu_mirrored());
      ADD_FAILURE() << sample.name;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::unsupported);
      EXPECT_NE(std::string(error.what()).find(name(sample.format)), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace yoke::kernels
