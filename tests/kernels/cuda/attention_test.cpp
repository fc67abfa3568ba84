// Attention and the placing of heads over every type of cache, against the reference.
#include <limits>
#include <utility>

#include "core/error.h"
#include "kernels/cuda/place_heads_params.h"
#include "tests/kernels/attention_scene.h"
#include "tests/kernels/cuda/cuda_case.h"

namespace yoke::kernels {
namespace {

using namespace testing;

TEST(CudaKvAppend, WritesTheReferencesBlocks) {
  for_seeds(20, [&](uint64_t seed) {
    Scene scene = random_scene(seed), there = random_scene(seed);
    append_all(scene, reference());
    append_all(there, gpu_mirrored());
    EXPECT_EQ(there.cache, scene.cache);
  });
}

TEST(CudaKvAppend, KeepsANanVisible) {
  for (const KvTypeName& type : kKvTypes) {
    Random random(8);
    Scene scene = one_sequence(random, {type.type, 1, 16, 24}, 1, 3, 1);
    scene.keys[17] = scene.values[30] = std::numeric_limits<float>::quiet_NaN();
    Scene there = scene;
    for (RowPlace& row : there.rows) row.block_table = there.tables[0].data();
    append_all(scene, reference());
    append_all(there, gpu_mirrored());
    EXPECT_EQ(there.cache, scene.cache) << type.name;
  }
}

TEST(CudaAttention, HasTheReferencesBits) {
  for_seeds(40, [&](uint64_t seed) {
    Scene scene = random_scene(seed);
    append_all(scene, reference());
    EXPECT_TRUE(same_bits(scene.attend(gpu_mirrored()), scene.attend(reference())));
  });
}

// Where the host knows how long contexts are, splits are worked at side by side and combined: the same bits.
TEST(CudaAttention, OfSplitsSideBySideHasTheReferencesBits) {
  for_seeds(25, [&](uint64_t seed) {
    Scene scene = random_scene(seed + 500);
    append_all(scene, reference());
    const auto run = [&](Ops& ops) {
      std::vector<float> out = poisoned(static_cast<int64_t>(scene.rows.size()) * scene.out_stride());
      int64_t longest = 1;
      for (const RowPlace& row : scene.rows) longest = std::max(longest, row.end);
      ops.run(Attention{.q = scene.q.data(), .q_stride = scene.q_width(), .rows = scene.rows, .cache = scene.view(), .heads_per_kv = scene.heads_per_kv,
                        .scale = scene.scale, .window = scene.window, .sinks = scene.sinks.empty() ? nullptr : scene.sinks.data(), .out = out.data(),
                        .out_stride = scene.out_stride(), .longest = longest + static_cast<int64_t>(seed % 2) * 300});
      return out;
    };
    EXPECT_TRUE(same_bits(run(gpu_mirrored()), run(reference())));
  });
}

TEST(CudaAttention, OfLongHeadsHasTheReferencesBits) {
  Random random(5);
  for (const KvShape shape : {KvShape{Dtype::bf16, 2, 256, 256}, KvShape{Dtype::f32, 1, 512, 512}, KvShape{Dtype::f8_e4m3, 1, 64, 300}}) {
    Scene scene = one_sequence(random, shape, 5, 290, 2);
    append_all(scene, reference());
    EXPECT_TRUE(same_bits(scene.attend(gpu_mirrored()), scene.attend(reference())));
  }
}

// Rows that only fill a batch up see nothing; they write zeros and read no table.
TEST(CudaAttention, RowsThatFillABatchUpAreZero) {
  Random random(9);
  Scene scene = one_sequence(random, {Dtype::bf16, 2, 16, 16}, 2, 20, 4);
  append_all(scene, reference());
  for (const size_t row : {size_t{1}, size_t{3}}) scene.rows[row] = {nullptr, 0, 0};
  for (const bool sinks : {false, true}) {
    if (sinks) scene.sinks = random.normals(scene.heads());
    EXPECT_TRUE(same_bits(scene.attend(gpu_mirrored()), scene.attend(reference())));
  }
}

TEST(CudaAttention, RefusesHeadsThatAreTooLong) {
  Random random(6);
  Scene scene = one_sequence(random, {Dtype::f32, 1, cuda::kMostHeadDim + 64, 512}, 8, 10, 1);
  EXPECT_THROW(scene.attend(gpu_mirrored()), Error);
}

// Two halves with heads of their own over one batch: norm, rotation, new keys and values, attention, each in one launch.
struct Halves {
  std::vector<Scene> scenes;
  std::vector<std::vector<float>> q, k, v, out;
  std::vector<float> q_norm, k_norm, cos, sin;
  int64_t rotary = 0, rows = 0;
  bool neighbours = false, normed = false;

  std::vector<float> run(Ops& ops) {
    std::vector<PlaceHeads> places;
    std::vector<Attention> attentions;
    for (size_t h = 0; h < scenes.size(); ++h) {
      Scene& s = scenes[h];
      const bool shares = h + 1 < scenes.size() && h % 3 == 1;  // another half appends what it shares
      places.push_back({.q = q[h].data(), .k = shares ? nullptr : k[h].data(), .v = v[h].data(), .heads = s.heads(),
                        .q_norm = normed ? q_norm.data() : nullptr, .k_norm = normed ? k_norm.data() : nullptr, .epsilon = 1e-6f,
                        .rotary_dims = rotary, .cos = cos.data(), .sin = sin.data(), .neighbours = neighbours, .rows = s.rows, .cache = s.view()});
      out.push_back(poisoned(rows * s.heads() * s.shape.value_dim));
      attentions.push_back({.q = q[h].data(), .q_stride = s.q_width(), .rows = s.rows, .cache = s.view(), .heads_per_kv = s.heads_per_kv, .scale = s.scale,
                            .out = out.back().data(), .out_stride = s.heads() * s.shape.value_dim});
    }
    ops.run(std::span<const PlaceHeads>(places));
    ops.run(std::span<const Attention>(attentions));
    std::vector<float> all;
    for (const auto& part : {q, k, out}) {
      for (const std::vector<float>& one : part) all.insert(all.end(), one.begin(), one.end());
    }
    return all;
  }
};

Halves random_halves(uint64_t seed) {
  Random random(seed);
  Halves halves{.normed = random.chance(50)};
  constexpr int64_t kDims[] = {8, 16, 64, 96};
  const KvShape shape{kKvTypes[random.between(0, 4)].type, 1, kDims[random.between(0, 3)], kDims[random.between(0, 3)]};
  halves.rows = random.between(1, 5);
  halves.rotary = random.chance(20) ? 0 : 2 * random.between(1, shape.key_dim / 2);
  halves.neighbours = random.chance(50);
  halves.q_norm = random.normals(shape.key_dim);
  halves.k_norm = random.normals(shape.key_dim);
  halves.cos = random.normals(halves.rows * halves.rotary / 2);
  halves.sin = random.normals(halves.rows * halves.rotary / 2);
  const int64_t tokens = halves.rows + random.between(0, 270);
  for (int64_t h = random.between(1, 5); h > 0; --h) {
    KvShape own = shape;
    own.kv_heads = random.between(1, 3);
    Scene scene = one_sequence(random, own, random.between(1, 6), tokens, halves.rows);
    append_all(scene, reference());
    halves.q.push_back(random.normals(halves.rows * scene.q_width()));
    halves.k.push_back(random.normals(halves.rows * scene.key_width()));
    halves.v.push_back(random.normals(halves.rows * scene.value_width()));
    halves.scenes.push_back(std::move(scene));
    for (RowPlace& row : halves.scenes.back().rows) row.block_table = halves.scenes.back().tables[0].data();
  }
  return halves;
}

TEST(CudaPlaceHeads, HeadsOfAllHalvesHaveTheReferencesBits) {
  for_seeds(25, [&](uint64_t seed) {
    Halves here = random_halves(seed), there = random_halves(seed);
    EXPECT_TRUE(same_bits(there.run(gpu_mirrored()), here.run(reference())));
    for (size_t h = 0; h < here.scenes.size(); ++h) EXPECT_EQ(there.scenes[h].cache, here.scenes[h].cache) << "half " << h;
  });
}

}  // namespace
}  // namespace yoke::kernels
