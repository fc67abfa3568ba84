#include "kernels/cuda/attention_launch.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>

#include "core/error.h"
#include "kernels/cuda/attention_params.h"
#include "kernels/cuda/place_heads_params.h"

namespace yoke::kernels::cuda {
namespace {

static_assert(sizeof(RowPlaceData) == sizeof(RowPlace) && offsetof(RowPlaceData, position) == offsetof(RowPlace, position) &&
              offsetof(RowPlaceData, end) == offsetof(RowPlace, end));
static_assert(kAttentionPositions == kAttentionSplit);

// Partial results of one launch may take this much; beyond it a row's splits are taken one after the other.
constexpr int64_t kMostPartialFloats = int64_t{16} << 20;
// Blocks a multiprocessor that keep it busy: where rows and heads give fewer, splits are worked at side by side.
constexpr int64_t kBusyBlocks = 2;
constexpr int64_t kBlocksOfFew = 4;  // so many of them then, however long the context may become
constexpr uint32_t kCombineThreads = 128;

KvType type_of(Dtype type) {
  switch (type) {
    case Dtype::f32: return KvType::f32;
    case Dtype::bf16: return KvType::bf16;
    case Dtype::f16: return KvType::f16;
    case Dtype::f8_e4m3: return KvType::e4m3;
    case Dtype::i8: return KvType::i8;
    default: break;
  }
  assertion_failed("a type of cache", __FILE__, __LINE__);
}

std::string_view name_of(KvType type) {
  switch (type) {
    case KvType::f32: return "f32";
    case KvType::bf16: return "bf16";
    case KvType::f16: return "f16";
    case KvType::e4m3: return "e4m3";
    case KvType::i8: return "i8";
  }
  return {};
}

void require_dims(const KvCacheView& cache) {
  if (std::max(cache.key_dim, cache.value_dim) <= kMostHeadDim) return;
  throw Error{Code::unsupported, fmt::format("the CUDA attention takes heads of up to {} elements, these have {} and {}; run the model with --device cpu",
                                             kMostHeadDim, cache.key_dim, cache.value_dim), "device"};
}

AttentionHalf half_of(const Attention& p) {
  require_dims(p.cache);
  const int64_t quads = ceil_div(p.heads_per_kv, int64_t{kQuadHeads});
  const int64_t at_once = std::clamp<int64_t>(kAttentionPositions / std::max<int64_t>(p.cache.value_dim, 1), 1, kMostQuads);
  AttentionHalf half{.q = p.q, .q_stride = p.q_stride, .rows = row_places(p.rows), .cache = kv_params(p.cache),
                     .heads_per_kv = static_cast<int32_t>(p.heads_per_kv), .scale = p.scale, .window = p.window, .sinks = p.sinks,
                     .out = p.out, .out_stride = p.out_stride};
  half.quads = static_cast<int32_t>(std::min(at_once, quads));
  half.groups = static_cast<int32_t>(ceil_div(quads, int64_t{half.quads}));
  half.slices = static_cast<int32_t>(ceil_div(p.cache.value_dim, int64_t{kAttentionPositions}));
  half.units = static_cast<int32_t>(p.cache.kv_heads) * half.groups * half.slices;
  return half;
}

int64_t heads_of(const Attention& p) { return p.cache.kv_heads * p.heads_per_kv; }

struct Launch {
  AttentionParams params{};
  KvType type{};
  int64_t units = 0, shared_floats = 0, partial_floats = 0, most_elements = 0;
  int32_t count = 0;
};

Launch launch_of(std::span<const Attention> problems) {
  Launch launch;
  int64_t longest = 0;
  bool known = true;
  for (const Attention& p : problems) {
    longest = std::max(longest, p.longest);
    known = known && p.longest > 0;
  }
  launch.params.rows = static_cast<int32_t>(problems[0].rows.size());
  launch.params.splits = known ? static_cast<int32_t>(ceil_div(longest, kAttentionSplit)) : 1;
  launch.type = type_of(problems[0].cache.type);
  for (const Attention& p : problems) {
    YOKE_ASSERT(p.rows.size() == problems[0].rows.size() && p.cache.type == problems[0].cache.type);
    const AttentionHalf& half = launch.params.halves[launch.count++] = half_of(p);
    launch.units += half.units;
    launch.shared_floats = std::max(launch.shared_floats, attention_shared_floats(half.quads, half.cache.key_dim));
    launch.partial_floats += attention_partial_floats(launch.params.rows, heads_of(p), launch.params.splits, p.cache.value_dim);
    launch.most_elements = std::max(launch.most_elements, heads_of(p) * p.cache.value_dim);
  }
  return launch;
}

void launch_some(Launcher& launcher, std::span<const Attention> problems, int multiprocessors, const std::function<float*(int64_t)>& workspace) {
  Launch l = launch_of(problems);
  if (l.units == 0) return;
  const uint32_t rows = static_cast<uint32_t>(l.params.rows);
  LaunchShape shape{.x = rows, .y = static_cast<uint32_t>(l.units), .threads = kAttentionThreads,
                    .shared_bytes = static_cast<uint32_t>(l.shared_floats * int64_t{sizeof(float)})};
  const bool few = l.params.rows * l.units < kBusyBlocks * multiprocessors;
  if (l.params.splits == 1 || !few || l.partial_floats > kMostPartialFloats) {
    return launcher.launch("attention", fmt::format("attention_{}", name_of(l.type)), shape, l.params);
  }
  float* partials = workspace(l.partial_floats);
  for (int32_t i = 0; i < l.count; ++i) {
    l.params.halves[i].partials = partials;
    partials += attention_partial_floats(l.params.rows, heads_of(problems[static_cast<size_t>(i)]), l.params.splits, l.params.halves[i].cache.value_dim);
  }
  const int64_t wanted = kBlocksOfFew * multiprocessors / (l.params.rows * l.units);
  shape.z = static_cast<uint32_t>(std::clamp<int64_t>(wanted, 1, l.params.splits));
  launcher.launch("attention", fmt::format("attention_splits_{}", name_of(l.type)), shape, l.params);
  launcher.launch("attention", "attention_combine",
                  {.x = rows, .y = blocks_of(l.most_elements, kCombineThreads), .z = static_cast<uint32_t>(l.count), .threads = kCombineThreads}, l.params);
}

void launch_heads(Launcher& launcher, std::span<const PlaceHeadsHalf> halves, int64_t rows) {
  PlaceHeadsParams params{};
  int64_t units = 0;
  for (size_t i = 0; i < halves.size(); ++i) {
    params.halves[i] = halves[i];
    units += halves[i].heads + 2 * halves[i].kv_heads;
  }
  launcher.launch("place_heads", "place_heads", {.x = static_cast<uint32_t>(rows), .y = static_cast<uint32_t>(units), .threads = kPlaceHeadsThreads}, params);
}

}  // namespace

KvParams kv_params(const KvCacheView& cache) {
  return {.data = reinterpret_cast<unsigned char*>(cache.data), .block_bytes = cache.block_bytes(), .kv_heads = static_cast<int32_t>(cache.kv_heads),
          .key_dim = static_cast<int32_t>(cache.key_dim), .value_dim = static_cast<int32_t>(cache.value_dim), .type = type_of(cache.type)};
}

const RowPlaceData* row_places(std::span<const RowPlace> rows) { return reinterpret_cast<const RowPlaceData*>(rows.data()); }

void launch_attention(Launcher& launcher, std::span<const Attention> problems, int multiprocessors,
                      const std::function<float*(int64_t)>& workspace) {
  if (problems.empty() || problems[0].rows.empty()) return;
  for (size_t first = 0; first < problems.size(); first += kMostHalves) {
    launch_some(launcher, problems.subspan(first, std::min(problems.size() - first, static_cast<size_t>(kMostHalves))), multiprocessors, workspace);
  }
}

void launch_place_heads(Launcher& launcher, std::span<const PlaceHeads> problems) {
  if (problems.empty() || problems[0].rows.empty()) return;
  std::vector<PlaceHeadsHalf> halves;
  for (const PlaceHeads& p : problems) {
    require_dims(p.cache);
    const KvCacheView& c = p.cache;
    halves.push_back({.q = p.q, .q_stride = p.heads * c.key_dim, .k = p.k, .k_stride = c.kv_heads * c.key_dim, .v = p.v,
                      .v_stride = c.kv_heads * c.value_dim, .heads = static_cast<int32_t>(p.heads),
                      .kv_heads = p.k != nullptr ? static_cast<int32_t>(c.kv_heads) : 0, .keep_k = false, .q_norm = p.q_norm, .k_norm = p.k_norm,
                      .epsilon = p.epsilon, .rotary_dims = static_cast<int32_t>(p.rotary_dims), .cos = p.cos, .sin = p.sin,
                      .neighbours = p.neighbours, .rows = row_places(p.rows), .cache = kv_params(c)});
  }
  const int64_t rows = static_cast<int64_t>(problems[0].rows.size());
  for (size_t first = 0; first < halves.size(); first += kMostHalves) {
    launch_heads(launcher, std::span(halves).subspan(first, std::min(halves.size() - first, static_cast<size_t>(kMostHalves))), rows);
  }
}

void launch_kv_append(Launcher& launcher, const KvAppend& p) {
  if (p.rows.empty()) return;
  require_dims(p.cache);
  const PlaceHeadsHalf half{.k = const_cast<float*>(p.k), .k_stride = p.k_stride, .v = p.v, .v_stride = p.v_stride,
                            .kv_heads = static_cast<int32_t>(p.cache.kv_heads), .keep_k = true, .rows = row_places(p.rows), .cache = kv_params(p.cache)};
  launch_heads(launcher, {&half, 1}, static_cast<int64_t>(p.rows.size()));
}

}  // namespace yoke::kernels::cuda
