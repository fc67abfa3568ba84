// What one core of this machine can do at most: the figures that a kernel's speed is read against, measured in the same run.
// Include in one .cpp only, before any other Highway header.
#pragma once

#include "kernels/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "bench/machine_peaks-inl.h"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <vector>

#include "bench/machine_peaks-inl.h"
#include "core/clock.h"

namespace yoke::bench {

HWY_EXPORT(fma_chains);
HWY_EXPORT(read_all);

struct MachinePeaks {
  double gmacs;      // 10^9 f32 multiply-adds a second
  double gigabytes;  // 10^9 bytes a second read from memory
};

inline MachinePeaks measure_machine_peaks(int repeats) {
  MachinePeaks peaks{};
  float sink = 0;
  const std::vector<float> memory(64u << 20, 1.0f);  // 256 MiB: no cache holds it
  constexpr size_t kSlice = 2u << 20;  // 8 MiB: shorter than a time slice of a busy machine
  for (int i = 0; i < repeats; ++i) {
    for (size_t at = 0; at < memory.size(); at += kSlice) {
      const TimePoint begin = system_clock().now();
      const size_t products = HWY_DYNAMIC_DISPATCH(fma_chains)(20'000, &sink);
      const TimePoint middle = system_clock().now();
      HWY_DYNAMIC_DISPATCH(read_all)(memory.data() + at, kSlice, &sink);
      const double read_seconds = seconds(system_clock().now() - middle);
      peaks.gmacs = std::max(peaks.gmacs, static_cast<double>(products) / seconds(middle - begin) * 1e-9);
      peaks.gigabytes = std::max(peaks.gigabytes, static_cast<double>(kSlice * sizeof(float)) / read_seconds * 1e-9);
    }
  }
  volatile float keep = sink;
  static_cast<void>(keep);
  return peaks;
}

}  // namespace yoke::bench
