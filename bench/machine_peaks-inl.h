// The loops behind bench/machine_peaks.h, compiled once for each instruction set of the kernels.
#include <hwy/highway.h>

#include <cstddef>

#if defined(YOKE_BENCH_MACHINE_PEAKS_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef YOKE_BENCH_MACHINE_PEAKS_INL
#undef YOKE_BENCH_MACHINE_PEAKS_INL
#else
#define YOKE_BENCH_MACHINE_PEAKS_INL
#endif

HWY_BEFORE_NAMESPACE();
namespace yoke::bench::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using Floats = hn::CappedTag<float, 16>;

// 12 independent chains of fma without a load. Returns the multiplications done; `sink` keeps the compiler honest.
size_t fma_chains(size_t rounds, float* sink) {
  constexpr size_t kChains = 12;
  const Floats d;
  hn::Vec<Floats> acc[kChains];
  for (size_t i = 0; i < kChains; ++i) acc[i] = hn::Set(d, static_cast<float>(i));
  const auto a = hn::Set(d, 0.999f), b = hn::Set(d, 0.001f);
  for (size_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (size_t i = 0; i < kChains; ++i) acc[i] = hn::MulAdd(acc[i], a, b);
  }
  auto sum = acc[0];
  for (size_t i = 1; i < kChains; ++i) sum = hn::Add(sum, acc[i]);
  *sink += hn::GetLane(sum);
  return rounds * kChains * hn::MaxLanes(d);
}

// Reads every float of [data, data + count); count is a multiple of 64.
void read_all(const float* data, size_t count, float* sink) {
  constexpr size_t kChains = 8;
  const Floats d;
  hn::Vec<Floats> acc[kChains];
  for (size_t i = 0; i < kChains; ++i) acc[i] = hn::Zero(d);
  const size_t lanes = hn::MaxLanes(d);
  for (size_t at = 0; at + kChains * lanes <= count; at += kChains * lanes) {
#pragma GCC unroll 8
    for (size_t i = 0; i < kChains; ++i) acc[i] = hn::Add(acc[i], hn::LoadU(d, data + at + i * lanes));
  }
  auto sum = acc[0];
  for (size_t i = 1; i < kChains; ++i) sum = hn::Add(sum, acc[i]);
  *sink += hn::GetLane(sum);
}

}  // namespace yoke::bench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
