// The keys and values of one split of the context, as f32: where they lie in an f32 cache, else converted into scratch once for
// all tiles that read them. A value is code * scale, rounded once.
#include <hwy/highway.h>

#include "kernels/cpu/lanes-inl.h"
#include "kernels/format/kv_code.h"

#if defined(YOKE_KERNELS_CPU_ATTENTION_SPLIT_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef YOKE_KERNELS_CPU_ATTENTION_SPLIT_INL
#undef YOKE_KERNELS_CPU_ATTENTION_SPLIT_INL
#else
#define YOKE_KERNELS_CPU_ATTENTION_SPLIT_INL
#endif

HWY_BEFORE_NAMESPACE();
namespace yoke::kernels::cpu::HWY_NAMESPACE {

#if HWY_TARGET != HWY_SCALAR

inline constexpr size_t kSplit = static_cast<size_t>(kAttentionSplit);
inline constexpr size_t kBlock = static_cast<size_t>(kKvBlockTokens);
static_assert(kBlock == kPanel);  // a block's keys are one group of 16 outputs

// Blocks of one split and KV head; only those are set that somebody sees.
struct SplitKv {
  const float* keys[kSplit / kBlock];    // [key_dim, 16 tokens]
  const float* values[kSplit / kBlock];  // [16 tokens, value_dim]
};

// kLanes codes from `at` on.
template <Dtype kType>
HWY_INLINE V load_codes(const std::byte* at) {
  const hn::Rebind<uint16_t, Floats> halves;
  if constexpr (kType == Dtype::bf16) {
    const auto bits = hn::LoadU(halves, reinterpret_cast<const uint16_t*>(at));
    return hn::BitCast(kFloats, hn::ShiftLeft<16>(hn::PromoteTo(Words(), bits)));
  } else if constexpr (kType == Dtype::f16) {
    const hn::Rebind<hwy::float16_t, Floats> half_floats;
    return hn::PromoteTo(kFloats, hn::BitCast(half_floats, hn::LoadU(halves, reinterpret_cast<const uint16_t*>(at))));
  } else if constexpr (kType == Dtype::f8_e4m3) {  // as f8_e4m3_to_f32: the fields of an f16, times 2^8
    const hn::Rebind<hwy::float16_t, Floats> half_floats;
    const hn::Rebind<uint8_t, Floats> bytes;
    const auto code = hn::PromoteTo(halves, hn::LoadU(bytes, reinterpret_cast<const uint8_t*>(at)));
    const auto sign = hn::ShiftLeft<8>(hn::And(code, hn::Set(halves, 0x80)));
    const auto magnitude = hn::ShiftLeft<7>(hn::And(code, hn::Set(halves, 0x7F)));
    const V value = hn::Mul(hn::PromoteTo(kFloats, hn::BitCast(half_floats, hn::Or(sign, magnitude))), broadcast(256.0f));
    return hn::IfThenElse(hn::Eq(hn::Abs(value), broadcast(480.0f)), hn::NaN(kFloats), value);
  } else {
    static_assert(kType == Dtype::i8);
    const hn::Rebind<int8_t, Floats> bytes;
    return hn::ConvertTo(kFloats, hn::PromoteTo(Ints(), hn::LoadU(bytes, reinterpret_cast<const int8_t*>(at))));
  }
}

template <Dtype kType>
void convert_keys(const format::KvHeadBlock& block, size_t key_dim, float* out) {
  constexpr size_t kBytes = info(kType).block_bytes;
  for (size_t i = 0; i < key_dim * kBlock; i += kLanes) {
    V value = load_codes<kType>(block.keys + i * kBytes);
    if constexpr (kv_has_scales(kType)) value = hn::Mul(value, load(block.key_scales + i % kBlock));
    store(value, out + i);
  }
}

// Tokens begin .. end - 1: what stands at the others no query sees.
template <Dtype kType>
void convert_values(const format::KvHeadBlock& block, size_t value_dim, Range tokens, float* out) {
  constexpr size_t kBytes = info(kType).block_bytes;
  for (size_t t = static_cast<size_t>(tokens.begin); t < static_cast<size_t>(tokens.end); ++t) {
    const float scale = kv_has_scales(kType) ? block.value_scales[t] : 1.0f;
    const std::byte* codes = block.values + t * value_dim * kBytes;
    float* values = out + t * value_dim;
    size_t d = 0;
    for (; d + kLanes <= value_dim; d += kLanes) store(hn::Mul(load_codes<kType>(codes + d * kBytes), broadcast(scale)), values + d);
    for (; d < value_dim; ++d) values[d] = format::kv_code(kType, codes, static_cast<int64_t>(d)) * scale;
  }
}

struct SplitSource {
  const KvCacheView* cache;
  const int32_t* block_table;
  int64_t kv_head;
  Range positions;  // within one split: what some query sees
  float* scratch;   // [256 * (key_dim + value_dim)], unless the cache is f32
};

template <Dtype kType>
void convert_block(const SplitSource& source, int64_t block, float* keys, float* values) {
  const KvCacheView& cache = *source.cache;
  const format::KvHeadBlock at = format::kv_head_block(cache, source.block_table[block], source.kv_head);
  const int64_t first = block * kKvBlockTokens;
  const Range tokens{std::max<int64_t>(source.positions.begin - first, 0), std::min(source.positions.end - first, kKvBlockTokens)};
  convert_keys<kType>(at, static_cast<size_t>(cache.key_dim), keys);
  convert_values<kType>(at, static_cast<size_t>(cache.value_dim), tokens, values);
}

inline void convert_block_any(const SplitSource& source, int64_t block, float* keys, float* values) {
  switch (source.cache->type) {
    case Dtype::bf16: return convert_block<Dtype::bf16>(source, block, keys, values);
    case Dtype::f16: return convert_block<Dtype::f16>(source, block, keys, values);
    case Dtype::f8_e4m3: return convert_block<Dtype::f8_e4m3>(source, block, keys, values);
    default: return convert_block<Dtype::i8>(source, block, keys, values);
  }
}

inline SplitKv read_split(const SplitSource& source) {
  SplitKv kv{};
  const KvCacheView& cache = *source.cache;
  for (int64_t b = source.positions.begin / kKvBlockTokens; b * kKvBlockTokens < source.positions.end; ++b) {
    const size_t i = static_cast<size_t>(b) % (kSplit / kBlock);
    if (cache.type == Dtype::f32) {
      const format::KvHeadBlock at = format::kv_head_block(cache, source.block_table[b], source.kv_head);
      kv.keys[i] = reinterpret_cast<const float*>(at.keys);
      kv.values[i] = reinterpret_cast<const float*>(at.values);
      continue;
    }
    float* keys = source.scratch + i * kBlock * static_cast<size_t>(cache.key_dim + cache.value_dim);
    float* values = keys + kBlock * static_cast<size_t>(cache.key_dim);
    convert_block_any(source, b, keys, values);
    kv.keys[i] = keys;
    kv.values[i] = values;
  }
  return kv;
}

#endif  // HWY_SCALAR

}  // namespace yoke::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
