#include "tests/kernels/attention_scene.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "core/units.h"

namespace yoke::kernels::testing {
namespace {

// Tables for all sequences, their blocks in random order; every byte of the cache 0xFF, which is a NaN of every float type.
void lay_out(Scene& scene, Random& random) {
  std::vector<int32_t> blocks;
  for (const int64_t length : scene.lengths) {
    scene.tables.emplace_back(static_cast<size_t>(ceil_div(length, kKvBlockTokens)));
    blocks.resize(blocks.size() + scene.tables.back().size());
  }
  std::iota(blocks.begin(), blocks.end(), 0);
  for (size_t i = blocks.size(); i > 1; --i) {
    std::swap(blocks[i - 1], blocks[static_cast<size_t>(random.between(0, static_cast<int64_t>(i) - 1))]);
  }
  scene.cache.assign(blocks.size() * static_cast<size_t>(scene.shape.block_bytes()), std::byte{0xFF});
  for (std::vector<int32_t>& table : scene.tables) {
    for (int32_t& block : table) {
      block = blocks.back();
      blocks.pop_back();
    }
  }
}

// For scales that matter, tokens of unlike size and one of zeros.
void fill(Scene& scene, Random& random) {
  const int64_t tokens = std::accumulate(scene.lengths.begin(), scene.lengths.end(), int64_t{0});
  scene.keys = random.normals(tokens * scene.key_width(), 2.0f);
  scene.values = random.normals(tokens * scene.value_width());
  for (int64_t t = 0; t < tokens; ++t) {
    const float size = random.chance(5) ? 0.0f : random.chance(20) ? 1e-3f : 1.0f;
    for (int64_t d = 0; d < scene.key_width(); ++d) scene.keys[static_cast<size_t>(t * scene.key_width() + d)] *= size;
    for (int64_t d = 0; d < scene.value_width(); ++d) scene.values[static_cast<size_t>(t * scene.value_width() + d)] *= size;
  }
  scene.q = random.normals(static_cast<int64_t>(scene.rows.size()) * scene.q_width(), 2.0f);
}

void add_rows(Scene& scene, size_t sequence, Range positions, bool encoder) {
  for (int64_t t = positions.begin; t < positions.end; ++t) {
    scene.rows.push_back({scene.tables[sequence].data(), t, encoder ? scene.lengths[sequence] : t + 1});
    scene.row_sequence.push_back(sequence);
  }
}

KvShape random_shape(Random& random) {
  constexpr int64_t kDims[] = {2, 8, 16, 20, 64, 80, 128};
  KvShape shape{kKvTypes[random.between(0, 4)].type, random.between(1, 3), kDims[random.between(0, 6)], 0};
  shape.value_dim = random.chance(70) ? shape.key_dim : kDims[random.between(0, 6)];
  return shape;
}

}  // namespace

int64_t Scene::first_token(size_t sequence) const {
  return std::accumulate(lengths.begin(), lengths.begin() + static_cast<int64_t>(sequence), int64_t{0});
}

KvCacheView Scene::view() {
  KvCacheView view;
  static_cast<KvShape&>(view) = shape;
  view.data = cache.data();
  return view;
}

void Scene::append(Ops& ops, size_t sequence, Range tokens) {
  std::vector<RowPlace> places;
  for (int64_t t = tokens.begin; t < tokens.end; ++t) places.push_back({tables[sequence].data(), t, t + 1});
  const int64_t first = first_token(sequence) + tokens.begin;
  ops.run(KvAppend{keys.data() + first * key_width(), key_width(), values.data() + first * value_width(), value_width(), places, view()});
}

void Scene::overwrite(Ops& ops, size_t sequence, Range tokens, float value) {
  std::vector<RowPlace> places;
  for (int64_t t = tokens.begin; t < tokens.end; ++t) places.push_back({tables[sequence].data(), t, t + 1});
  const std::vector<float> k(static_cast<size_t>(key_width()), value), v(static_cast<size_t>(value_width()), value);
  ops.run(KvAppend{k.data(), 0, v.data(), 0, places, view()});
}

std::vector<float> Scene::attend(Ops& ops, size_t first, size_t count) {
  std::vector<float> out = poisoned(static_cast<int64_t>(rows.size()) * out_stride());
  const int64_t at = static_cast<int64_t>(first);
  ops.run(Attention{.q = q.data() + at * q_width(), .q_stride = q_width(), .rows = std::span(rows).subspan(first, count),
                    .cache = view(), .heads_per_kv = heads_per_kv, .scale = scale, .window = window,
                    .sinks = sinks.empty() ? nullptr : sinks.data(), .out = out.data() + at * out_stride(), .out_stride = out_stride()});
  return out;
}

std::vector<float> Scene::row_of(const std::vector<float>& out, size_t row) const {
  const auto begin = out.begin() + static_cast<int64_t>(row) * out_stride();
  return {begin, begin + out_stride()};
}

Scene random_scene(uint64_t seed) {
  Random random(seed);
  Scene scene{.shape = random_shape(random), .heads_per_kv = random.between(1, 7)};
  if (random.chance(10)) {  // one latent head that all queries share
    scene.shape.kv_heads = 1;
    scene.heads_per_kv = random.between(8, 60);
  }
  if (random.chance(40)) scene.window = random.chance(50) ? random.between(1, 40) : random.between(200, 400);
  if (random.chance(30)) scene.sinks = random.normals(scene.heads(), 3.0f);
  const int64_t sequences = random.between(0, 3);
  for (int64_t s = 0; s < sequences; ++s) scene.lengths.push_back(random.between(1, random.chance(40) ? 600 : 40));
  lay_out(scene, random);
  for (size_t s = 0; s < scene.tables.size(); ++s) {  // a decode row, the rows of a prefill, or those of an encoder
    const int64_t end = scene.lengths[s];
    const bool encoder = random.chance(20);
    const int64_t begin = random.chance(40) ? end - 1 : random.between(std::max<int64_t>(0, end - (encoder ? 10 : 40)), end - 1);
    add_rows(scene, s, {begin, end}, encoder);
  }
  fill(scene, random);
  return scene;
}

void append_all(Scene& scene, Ops& ops) {
  for (size_t s = 0; s < scene.lengths.size(); ++s) scene.append(ops, s, {0, scene.lengths[s]});
}

Scene one_sequence(Random& random, KvShape shape, int64_t heads_per_kv, int64_t tokens, int64_t rows) {
  Scene scene{.shape = shape, .heads_per_kv = heads_per_kv};
  scene.lengths = {tokens};
  lay_out(scene, random);
  add_rows(scene, 0, {tokens - rows, tokens}, false);
  fill(scene, random);
  return scene;
}

}  // namespace yoke::kernels::testing
