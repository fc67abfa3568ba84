#include "tests/kernels/random_ops.h"

namespace yoke::kernels::testing {

std::vector<float> run_rms_norm(Ops& ops, Random& random) {
  const int64_t rows = random.between(0, 5), width = random.between(1, 200);
  const int64_t x_stride = width + random.between(0, 3), y_stride = width + random.between(0, 3);
  const std::vector<float> x = random.normals(rows * x_stride + 1), w = random.normals(width);
  std::vector<float> y = poisoned(rows * y_stride);
  ops.run(RmsNorm{x.data(), x_stride, rows, width, w.data(), 1e-5f, y.data(), y_stride});
  return y;
}

std::vector<float> run_layer_norm(Ops& ops, Random& random) {
  const int64_t rows = random.between(0, 7), width = random.between(1, 200), w_rows = random.between(1, 3);
  const int64_t x_stride = width + random.between(0, 3), y_stride = width + random.between(0, 3);
  const std::vector<float> x = random.normals(rows * x_stride + 1), w = random.normals(w_rows * width);
  const std::vector<float> bias = random.normals(w_rows * width);
  std::vector<float> y = poisoned(rows * y_stride);
  ops.run(LayerNorm{.x = x.data(), .x_stride = x_stride, .rows = rows, .width = width, .w = w.data(),
                    .bias = random.chance(50) ? bias.data() : nullptr, .w_rows = w_rows, .epsilon = 1e-5f,
                    .y = y.data(), .y_stride = y_stride});
  return y;
}

// A norm in two parts, as two ranks hold it: both parts scaled, then their sums.
std::vector<float> run_split_norm(Ops& ops, Random& random) {
  const int64_t rows = random.between(0, 5), width = random.between(1, 200), left = random.between(0, width);
  std::vector<float> x = random.normals(rows * width), sums = poisoned(rows), right = poisoned(rows);
  const std::vector<float> w = random.normals(width);
  ops.run(SumOfSquares{x.data(), width, rows, left, sums.data()});
  ops.run(SumOfSquares{x.data() + left, width, rows, width - left, right.data()});
  for (size_t r = 0; r < sums.size(); ++r) sums[r] += right[r];
  ops.run(RmsScale{x.data(), width, rows, left, width, sums.data(), w.data(), 1e-5f});
  ops.run(RmsScale{x.data() + left, width, rows, width - left, width, sums.data(), w.data() + left, 1e-5f});
  x.insert(x.end(), sums.begin(), sums.end());
  return x;
}

std::vector<float> run_rotary_embedding(Ops& ops, Random& random) {
  const int64_t rows = random.between(0, 5), heads = random.between(1, 4), dims = 2 * random.between(1, 70);
  const int64_t head_stride = dims + random.between(0, 1) * random.between(1, 70);
  const int64_t stride = heads * head_stride + random.between(0, 3);
  std::vector<float> x = random.normals(rows * stride);
  const std::vector<float> cos = random.normals(rows * dims / 2), sin = random.normals(rows * dims / 2);
  ops.run(RotaryEmbedding{x.data(), stride, rows, heads, head_stride, dims, cos.data(), sin.data(), random.chance(50)});
  return x;
}

std::vector<float> run_swiglu(Ops& ops, Random& random) {
  const int64_t rows = random.between(0, random.chance(5) ? 300 : 5), width = random.between(1, random.chance(5) ? 900 : 200);
  const int64_t stride = width + random.between(0, 3);
  const std::vector<float> gate = random.normals(rows * stride + 1, 20.0f), up = random.normals(rows * stride + 1);
  std::vector<float> y = poisoned(rows * stride);
  ops.run(SwiGlu{gate.data(), up.data(), rows, width, stride, y.data()});
  return y;
}

std::vector<float> run_clamped_swiglu(Ops& ops, Random& random) {
  const int64_t rows = random.between(0, random.chance(5) ? 300 : 5), width = random.between(1, random.chance(5) ? 900 : 200);
  const int64_t stride = width + random.between(0, 3);
  const std::vector<float> gate = random.normals(rows * stride + 1, 8.0f), up = random.normals(rows * stride + 1, 8.0f);
  std::vector<float> y = poisoned(rows * stride);
  ops.run(ClampedSwiGlu{gate.data(), up.data(), rows, width, stride, 1.702f, 7.0f, y.data()});
  return y;
}

// Gelu, tanh and a scale, each on numbers of every size.
std::vector<float> run_in_place(Ops& ops, Random& random) {
  std::vector<float> all;
  for (int op = 0; op < 3; ++op) {
    std::vector<float> x = random.normals(random.between(0, 200), random.chance(50) ? 1.0f : 30.0f);
    for (float& value : x) value = random.chance(5) ? value * 1e-30f : random.chance(2) ? value * 1e30f : value;
    const auto count = static_cast<int64_t>(x.size());
    if (op == 0) ops.run(Gelu{x.data(), count});
    if (op == 1) ops.run(Tanh{x.data(), count});
    if (op == 2) ops.run(Scale{x.data(), count, random.normal()});
    all.insert(all.end(), x.begin(), x.end());
  }
  return all;
}

// Rows gathered, then added in turn to rows that may repeat.
std::vector<float> run_rows(Ops& ops, Random& random) {
  const int64_t rows = random.between(1, 5), width = random.between(0, 100);
  std::vector<int32_t> from, to;
  for (int64_t i = random.between(0, 8); i > 0; --i) {
    from.push_back(static_cast<int32_t>(random.between(0, rows - 1)));
    to.push_back(static_cast<int32_t>(random.between(0, rows - 1)));
  }
  const std::vector<float> x = random.normals(rows * width), weights = random.normals(static_cast<int64_t>(to.size()));
  std::vector<float> gathered = poisoned(static_cast<int64_t>(from.size()) * width), y = random.normals(rows * width);
  ops.run(GatherRows{x.data(), width, from, gathered.data()});
  ops.run(ScatterAdd{gathered.data(), width, to, weights, y.data()});
  y.insert(y.end(), gathered.begin(), gathered.end());
  return y;
}

std::vector<float> run_residual_add(Ops& ops, Random& random) {
  const int64_t count = random.between(0, 200);
  std::vector<float> x = random.normals(count);
  const std::vector<float> h0 = random.normals(count), h1 = random.normals(count);
  ops.run(ResidualAdd{x.data(), h0.data(), random.chance(50) ? h1.data() : nullptr, count});
  return x;
}

}  // namespace yoke::kernels::testing
