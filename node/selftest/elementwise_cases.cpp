#include <fmt/format.h>

#include <bit>

#include "node/selftest/cases.h"
#include "node/selftest/made_matrix.h"

namespace yoke::node::selftest {
namespace {

using namespace kernels;

constexpr int64_t kAround = 5;  // elements behind an output that must stay as they were

void append(std::vector<float>& all, const std::vector<float>& more) { all.insert(all.end(), more.begin(), more.end()); }
void append(std::vector<float>& all, const std::vector<int32_t>& more) {
  for (const int32_t value : more) all.push_back(std::bit_cast<float>(value));
}

// With room behind.
float* put_output(Side& side, std::vector<float> values) {
  values.resize(values.size() + kAround, 0.5f);
  return side.put(values);
}

std::vector<float> run_norms(Side& side, bool centred) {
  std::vector<float> all;
  uint64_t seed = 31;
  for (const int64_t width : {8, 100, 700, 5120}) {
    for (const int join : {0, 1, 2, 3}) {  // no halves, one, two, two and no norm
      side.clear();
      Numbers numbers(++seed);
      constexpr int64_t kRows = 3;
      const int64_t count = kRows * width;
      JoinNorm p{.x = put_output(side, numbers.reals(count)), .rows = kRows, .width = width, .centred = centred, .epsilon = 1e-5f};
      if (join > 0) p.h0 = side.put(numbers.reals(count));
      if (join > 1) p.h1 = side.put(numbers.reals(count));
      if (join < 3) {
        p.w = side.put(numbers.reals(width, 0.5f, 1.5f));
        if (centred) p.bias = side.put(numbers.reals(width));
        p.y = side.room<float>(count + kAround);
      }
      side.ops().run(p);
      append(all, side.get(p.x, count + kAround));
      if (p.y != nullptr) append(all, side.get(p.y, count + kAround));
    }
  }
  return all;
}

// A norm of each head, in place, with a weight for each.
std::vector<float> run_head_norm(Side& side) {
  Numbers numbers(41);
  float* const x = put_output(side, numbers.reals(5 * 6 * 64));
  side.ops().run(LayerNorm{.x = x,
                           .x_stride = 64,
                           .rows = 5 * 6,
                           .width = 64,
                           .w = side.put(numbers.reals(6 * 64)),
                           .w_rows = 6,
                           .epsilon = 1e-5f,
                           .y = x,
                           .y_stride = 64});
  return side.get(x, 5 * 6 * 64 + kAround);
}

// Of sizes at which exp is 0, 1 and infinite too.
template <typename Gate>
std::vector<float> run_gates(Side& side, const Gate& gate) {
  std::vector<float> all;
  uint64_t seed = 51;
  for (const float size : {1.0f, 20.0f, 200.0f}) {
    side.clear();
    Numbers numbers(++seed);
    constexpr int64_t kRows = 3, kWidths[] = {100, 515}, kStride = 520;
    Gate problems[2] = {gate, gate};
    for (int half = 0; half < 2; ++half) {
      Gate& p = problems[half];
      p.gate = side.put(numbers.reals(kRows * kStride, -size, size));
      p.up = side.put(numbers.reals(kRows * kStride, -size, size));
      p.rows = kRows;
      p.width = kWidths[half];
      p.stride = kStride;
      p.y = side.room<float>(kRows * kStride);
    }
    side.ops().run(std::span<const Gate>(problems));
    for (const Gate& p : problems) append(all, side.get(p.y, kRows * kStride));
  }
  return all;
}

struct RouteKind {
  std::string name;
  int64_t experts, top_k;
  RouterScore score;
  bool correction, renormalise;
  float scaling;
  int64_t groups, top_groups;
};

const RouteKind kRoutes[] = {
    {"softmax, 8 experts", 8, 2, RouterScore::softmax, false, true, 1, 1, 1},
    {"softmax of the top, 32 experts", 32, 4, RouterScore::softmax_top_k, false, false, 1, 1, 1},
    {"sigmoid, 160 experts", 160, 8, RouterScore::sigmoid, true, true, 2.5f, 1, 1},
    {"sigmoid in groups, 256 experts", 256, 8, RouterScore::sigmoid, true, true, 2.5f, 8, 4},
};

std::vector<float> run_route(Side& side, const RouteKind& kind) {
  Numbers numbers(61);
  constexpr int64_t kRows = 7;
  std::vector<float> logits = numbers.reals(kRows * kind.experts, -4, 4);
  for (int64_t e = 0; e < kind.experts; ++e) logits[static_cast<size_t>(e)] = 0.25f;  // ties go to the lowest
  const int64_t pairs = kRows * kind.top_k;
  Route route{.logits = side.put(logits),
              .rows = kRows,
              .experts = kind.experts,
              .top_k = kind.top_k,
              .score = kind.score,
              .renormalise = kind.renormalise,
              .scaling = kind.scaling,
              .groups = kind.groups,
              .top_groups = kind.top_groups,
              .chosen = side.room<int32_t>(pairs),
              .weights = side.room<float>(pairs)};
  if (kind.correction) route.correction = side.put(numbers.reals(kind.experts, -0.2f, 0.2f));
  side.ops().run(route);
  std::vector<float> all;
  append(all, side.get(route.chosen, pairs));
  append(all, side.get(route.weights, pairs));

  // Of the second half of the experts; row 5 only fills the batch up.
  std::vector<RowPlace> places(kRows, RowPlace{nullptr, 0, 1});
  places[5].end = 0;
  const SortExperts sort{.chosen = route.chosen,
                         .rows = kRows,
                         .top_k = kind.top_k,
                         .experts = {kind.experts / 2, kind.experts},
                         .row_places = side.put_span(places),
                         .offsets = side.room<int32_t>(kind.experts - kind.experts / 2 + 1),
                         .slots = side.put(std::vector<int32_t>(static_cast<size_t>(pairs), -7)),
                         .places = side.room<int32_t>(pairs)};
  side.ops().run(sort);
  const std::vector<int32_t> offsets = side.get(sort.offsets, sort.experts.size() + 1);
  append(all, offsets);
  append(all, side.get(sort.slots, offsets.back()));  // those behind are nobody's
  append(all, side.get(sort.places, pairs));

  constexpr int64_t kWidth = 300;
  const CombineExperts combine{.x = side.put(numbers.reals(pairs * kWidth)),
                               .places = sort.places,
                               .weights = route.weights,
                               .rows = kRows,
                               .top_k = kind.top_k,
                               .width = kWidth,
                               .y = side.room<float>(kRows * kWidth + kAround)};
  side.ops().run(combine);
  append(all, side.get(combine.y, kRows * kWidth + kAround));
  return all;
}

std::vector<float> run_embedding(Side& side, const WeightFormat& f) {
  const MadeMatrix matrix = make_matrix(f, {.rows = 40, .cols = 200}, 71);
  const std::vector<int32_t> tokens = {0, 39, 17, 17, 5};
  const int64_t stride = matrix.shape.cols + 3, count = static_cast<int64_t>(tokens.size()) * stride;
  float* const y = side.room<float>(count);
  side.ops().run(EmbeddingLookup{.w = matrix.at(side.put(matrix.bytes)), .rows_of_w = side.put_span(tokens), .y = y, .y_stride = stride});
  return side.get(y, count);
}

std::vector<float> run_small(Side& side) {
  Numbers numbers(81);
  constexpr int64_t kCount = 1003, kWidth = 59;
  std::vector<float> all;
  float* const x = put_output(side, numbers.reals(kCount));
  side.ops().run(ResidualAdd{.x = x, .h0 = side.put(numbers.reals(kCount)), .h1 = side.put(numbers.reals(kCount)), .count = kCount});
  side.ops().run(ResidualAdd{.x = x, .h0 = side.put(numbers.reals(kCount)), .h1 = nullptr, .count = kCount});
  side.ops().run(Scale{.x = x, .count = kCount, .factor = 0.37f});
  append(all, side.get(x, kCount + kAround));
  float* const rows = side.room<float>(4 * kWidth + kAround);
  side.ops().run(GatherRows{.x = x, .width = kWidth, .from = side.put_span(std::vector<int32_t>{3, 0, 16, 3}), .y = rows});
  append(all, side.get(rows, 4 * kWidth + kAround));
  side.ops().run(Fill{.x = rows, .count = 2 * kWidth});
  append(all, side.get(rows, 4 * kWidth + kAround));
  return all;
}

}  // namespace

std::vector<Case> elementwise_cases(Supports supports) {
  std::vector<Case> cases = {
      {.name = "RMS norm, with and without halves", .run = [](Side& side) { return run_norms(side, false); }},
      {.name = "layer norm, with and without halves", .run = [](Side& side) { return run_norms(side, true); }},
      {.name = "layer norm of heads", .run = run_head_norm},
      {.name = "SwiGLU", .run = [](Side& side) { return run_gates(side, SwiGlu{}); }},
      {.name = "SwiGLU, clamped", .run = [](Side& side) { return run_gates(side, ClampedSwiGlu{.alpha = 1.702f, .limit = 7.0f}); }},
      {.name = "sums, scales, rows", .run = run_small},
  };
  for (const RouteKind& kind : kRoutes)
    cases.push_back({.name = "router, " + kind.name, .run = [kind](Side& side) { return run_route(side, kind); }});
  for (const NamedFormat& row : formats()) {
    const WeightFormat f = row.format;
    if (supports(f, MathMode::exact))
      cases.push_back(
          {.name = fmt::format("embedding {}", row.name), .run = [f](Side& side) { return run_embedding(side, f); }});
  }
  return cases;
}

}  // namespace yoke::node::selftest
