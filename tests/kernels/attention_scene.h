// Sequences with keys and values in a paged cache whose blocks lie in random order and are poisoned where no token is, and a
// batch of rows that read them: a function of a seed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/ops.h"
#include "tests/kernels/random_problem.h"

namespace yoke::kernels::testing {

struct Scene {
  KvShape shape;
  int64_t heads_per_kv = 1;
  float scale = 0.125f;
  int64_t window = 0;
  std::vector<float> sinks;  // empty: none
  std::vector<std::vector<int32_t>> tables;
  std::vector<int64_t> lengths;
  std::vector<float> keys, values;  // of all tokens, sequence after sequence
  std::vector<std::byte> cache;
  std::vector<RowPlace> rows;
  std::vector<size_t> row_sequence;
  std::vector<float> q;

  int64_t heads() const { return shape.kv_heads * heads_per_kv; }
  int64_t key_width() const { return shape.kv_heads * shape.key_dim; }
  int64_t value_width() const { return shape.kv_heads * shape.value_dim; }
  int64_t q_width() const { return heads() * shape.key_dim; }
  int64_t out_stride() const { return heads() * shape.value_dim + 1; }
  int64_t first_token(size_t sequence) const;
  KvCacheView view();

  // Appends the sequence's own tokens, or `value` in place of each of their elements.
  void append(Ops& ops, size_t sequence, Range tokens);
  void overwrite(Ops& ops, size_t sequence, Range tokens, float value);

  // [rows, out_stride]; rows outside first .. first + count - 1 stay poisoned, and so does the last element of each.
  std::vector<float> attend(Ops& ops, size_t first, size_t count);
  std::vector<float> attend(Ops& ops) { return attend(ops, 0, rows.size()); }
  std::vector<float> row_of(const std::vector<float>& out, size_t row) const;
};

// Any cache type and shape, causal or an encoder's, with or without a window and sinks; nothing is appended yet.
Scene random_scene(uint64_t seed);
void append_all(Scene& scene, Ops& ops);

// One causal sequence of `tokens`, a row for each of its last `rows`.
Scene one_sequence(Random& random, KvShape shape, int64_t heads_per_kv, int64_t tokens, int64_t rows);

}  // namespace yoke::kernels::testing
