#include "tests/kernels/linear_case.h"

namespace yoke::kernels::testing {
namespace {

// Where a part begins: at the whole's begin, at a chunk's edge, anywhere.
int64_t any_begin(Random& random, int64_t edge) {
  if (random.chance(40)) return 0;
  return random.chance(50) ? edge * random.between(1, 3) : random.between(1, 3 * edge);
}

}  // namespace

LinearCase random_linear(uint64_t seed, const FormatSample& sample) {
  Random random(seed);
  const int64_t cols = random.chance(5) ? 0 : random.between(1, random.chance(20) ? 1500 : 200);
  const int64_t outputs = random.between(1, random.chance(30) ? 300 : 70);
  const int64_t rows = random.chance(30) ? 1 : random.chance(5) ? 0 : random.between(2, random.chance(10) ? 130 : 9);
  const int64_t first_col = any_begin(random, 32), first_output = any_begin(random, 16);
  const WeightFile file = random_file(random, sample, first_output + outputs, whole_columns(sample.format, first_col + cols + 1));
  const int64_t x_stride = cols + random.between(0, 5);
  const int64_t y_stride = outputs + random.between(0, 5);
  return {file.pack({first_output, first_output + outputs}, {first_col, first_col + cols}, random), rows, x_stride, y_stride,
          random.normals(rows * x_stride + 1), random.normals(outputs), random.chance(30)};
}

}  // namespace yoke::kernels::testing
