#include <fmt/format.h>

#include <bit>

#include "node/selftest/cases.h"
#include "node/selftest/made_matrix.h"

namespace yoke::node::selftest {
namespace {

using namespace kernels;

// A step over three sequences: one decodes at position 530 (two splits lie whole before it), one ends a prefill of 21 rows at 36, one is
// a prompt of 4; and a row that fills the batch up.
struct Sequence {
  int64_t before, rows;
};
constexpr Sequence kSequences[] = {{530, 1}, {16, 21}, {0, 4}};
constexpr int64_t kLongest = 531;

struct Kind {
  KvShape shape;
  int64_t heads_per_kv;
  int64_t window = 0;
  bool sinks = false, norms = false, neighbours = false;
  int64_t rotary_dims;
};

struct Placed {
  KvCacheView cache;
  uint64_t cache_bytes = 0;
  std::vector<int32_t*> tables;
};

// Blocks of the sequences in mixed order, all poisoned.
Placed place_cache(const Kind& kind, Side& side) {
  Placed placed;
  static_cast<KvShape&>(placed.cache) = kind.shape;
  int32_t blocks = 0;
  for (const Sequence& s : kSequences) blocks += static_cast<int32_t>(ceil_div(s.before + s.rows, kKvBlockTokens));
  int32_t next = 0;
  for (const Sequence& s : kSequences) {
    std::vector<int32_t> table;
    for (int64_t i = 0; i < ceil_div(s.before + s.rows, kKvBlockTokens); ++i) table.push_back((7 * next++ + 3) % blocks);
    placed.tables.push_back(side.put(table));
  }
  placed.cache_bytes = static_cast<uint64_t>(blocks * kind.shape.block_bytes());
  placed.cache.data = side.room<std::byte>(static_cast<int64_t>(placed.cache_bytes));
  return placed;
}

std::vector<RowPlace> places(const Placed& placed, bool before) {
  std::vector<RowPlace> rows;
  for (size_t s = 0; s < std::size(kSequences); ++s) {
    const auto [begin, count] = kSequences[s];
    const int64_t first = before ? 0 : begin, end = before ? begin : begin + count;
    for (int64_t t = first; t < end; ++t) rows.push_back({placed.tables[s], t, t + 1});
  }
  if (!before) rows.push_back({placed.tables[0], 0, 0});
  return rows;
}

void append_before(const Kind& kind, const Placed& placed, Side& side, Numbers& numbers) {
  const std::vector<RowPlace> rows = places(placed, true);
  const int64_t n = static_cast<int64_t>(rows.size()), k = kind.shape.kv_heads * kind.shape.key_dim,
                v = kind.shape.kv_heads * kind.shape.value_dim;
  side.ops().run(KvAppend{.k = side.put(numbers.reals(n * k, -2, 2)), .k_stride = k, .v = side.put(numbers.reals(n * v)), .v_stride = v,
                          .rows = side.put_span(rows), .cache = placed.cache});
}

std::vector<float> run_step(Side& side, const Kind& kind) {
  Numbers numbers(91);
  const Placed placed = place_cache(kind, side);
  append_before(kind, placed, side, numbers);
  const std::vector<RowPlace> host_rows = places(placed, false);
  const std::span<const RowPlace> rows = side.put_span(host_rows);
  const KvShape& shape = kind.shape;
  const int64_t n = static_cast<int64_t>(rows.size()), heads = shape.kv_heads * kind.heads_per_kv;
  PlaceHeads place{.q = side.put(numbers.reals(n * heads * shape.key_dim, -2, 2)),
                   .k = side.put(numbers.reals(n * shape.kv_heads * shape.key_dim, -2, 2)),
                   .v = side.put(numbers.reals(n * shape.kv_heads * shape.value_dim)),
                   .heads = heads,
                   .epsilon = 1e-6f,
                   .rotary_dims = kind.rotary_dims,
                   .neighbours = kind.neighbours,
                   .rows = rows,
                   .cache = placed.cache};
  if (kind.norms) {
    place.q_norm = side.put(numbers.reals(shape.key_dim, 0.5f, 1.5f));
    place.k_norm = side.put(numbers.reals(shape.key_dim, 0.5f, 1.5f));
  }
  if (kind.rotary_dims > 0) {
    place.cos = side.put(numbers.reals(n * kind.rotary_dims / 2));
    place.sin = side.put(numbers.reals(n * kind.rotary_dims / 2));
  }
  side.ops().run(std::span<const PlaceHeads>(&place, 1));

  const int64_t out_width = heads * shape.value_dim;
  Attention attention{.q = place.q,
                      .q_stride = heads * shape.key_dim,
                      .rows = rows,
                      .cache = placed.cache,
                      .heads_per_kv = kind.heads_per_kv,
                      .scale = 0.125f,
                      .window = kind.window,
                      .out = side.room<float>(n * (out_width + 1)),
                      .out_stride = out_width + 1,
                      .longest = kLongest};
  if (kind.sinks) attention.sinks = side.put(numbers.reals(heads, -3, 3));
  side.ops().run(attention);

  std::vector<float> all = side.get(place.q, n * heads * shape.key_dim);
  const std::vector<float> cache = side.get(reinterpret_cast<const float*>(placed.cache.data),
                                            static_cast<int64_t>(placed.cache_bytes / sizeof(float)));
  const std::vector<float> out = side.get(attention.out, n * (out_width + 1));
  all.insert(all.end(), cache.begin(), cache.end());
  all.insert(all.end(), out.begin(), out.end());
  return all;
}

}  // namespace

std::vector<Case> attention_cases() {
  std::vector<Case> cases;
  const auto add = [&](std::string name, const Kind& kind) {
    cases.push_back({.name = fmt::format("heads and attention, KV {}, {}", kv_type_name(kind.shape.type), name),
                     .run = [kind](Side& side) { return run_step(side, kind); }});
  };
  for (const KvTypeName& row : kKvTypes) add("decode and prefill", {.shape = {row.type, 2, 64, 64}, .heads_per_kv = 3, .rotary_dims = 64});
  add("head norms, dims 128", {.shape = {Dtype::bf16, 1, 128, 128}, .heads_per_kv = 8, .norms = true, .rotary_dims = 128});
  add("window and sinks", {.shape = {Dtype::bf16, 2, 64, 64}, .heads_per_kv = 4, .window = 128, .sinks = true, .rotary_dims = 64});
  add("neighbours, half the dims turn", {.shape = {Dtype::f32, 1, 80, 80}, .heads_per_kv = 1, .neighbours = true, .rotary_dims = 40});
  return cases;
}

}  // namespace yoke::node::selftest
