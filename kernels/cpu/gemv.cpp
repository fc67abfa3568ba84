// One row of activations times a packed matrix. What bounds it is decoding, so several panels go at once: their chains of
// fma are independent and hide each other's latency, and one broadcast of x serves all of them.
#include "kernels/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/gemv.cpp"
#include <hwy/foreach_target.h>
#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <algorithm>

#include "core/error.h"
#include "kernels/cpu/codes-inl.h"
#include "kernels/cpu/decode.h"
#include "kernels/cpu/kernels.h"
#include "kernels/cpu/unroll.h"
#include "kernels/reference/reference_ops.h"

HWY_BEFORE_NAMESPACE();
namespace yoke::kernels::cpu::HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR
void run_gemv(const Linear& p, Range panels, Workspace& /*workspace*/) { reference::linear(p, panels); }
#else

// 8 chains fill two fma pipes of 4 cycles; NEON machines have four pipes and twice the registers.
inline constexpr size_t kChains = HWY_ARCH_ARM ? 16 : 8;
inline constexpr int64_t kPanelsAtOnce = static_cast<int64_t>(kChains / kPanelVectors);

struct RowInputs {
  const float* x;     // [cols], for the in-place formats divided as they demand
  const float* sums;  // [chunks]; q4_1 only
};

// acc[v] += codes * x over the columns of one chunk, for kPanels panels that lie `panel_bytes` apart.
template <class Format, size_t kPanels>
HWY_INLINE void accumulate(const std::byte* codes, size_t panel_bytes, const float* x, size_t columns,
                           V (&acc)[kPanels * kPanelVectors]) {
  const auto column = [&](size_t k) HWY_ATTR {
    const V xk = broadcast(x[k]);
    YOKE_UNROLL(16)
    for (size_t v = 0; v < kPanels * kPanelVectors; ++v) {
      const std::byte* panel = codes + v / kPanelVectors * panel_bytes;
      acc[v] = fma(Format::load(panel, k, v % kPanelVectors * kLanes), xk, acc[v]);
    }
  };
  if (HWY_LIKELY(columns == static_cast<size_t>(kChunk))) {
    for (size_t word = 0; word < static_cast<size_t>(kChunk); word += 8) {
      YOKE_UNROLL(8)
      for (size_t j = 0; j < 8; ++j) column(word + j);
    }
    return;
  }
  for (size_t k = 0; k < columns; ++k) column(k);
}

// Whether the sum of a span ends with the chunk at column k.
HWY_INLINE bool ends_span(int64_t k, int64_t cols) { return (k + kChunk) % kSpan == 0 || k + kChunk >= cols; }

template <size_t kVectors>
HWY_INLINE void join_span(V (&total)[kVectors], V (&acc)[kVectors]) {
  YOKE_UNROLL(16)
  for (size_t v = 0; v < kVectors; ++v) {
    total[v] = hn::Add(total[v], acc[v]);
    acc[v] = zero();
  }
}

template <class Format>
HWY_INLINE V joined(V total, V acc, const std::byte* chunk, size_t lane, float sum) {
  total = fma(load_f16(chunk, lane), acc, total);
  if constexpr (kHasMinimum<Format>) total = fma(load_f16(chunk, kPanel + lane), broadcast(sum), total);
  return total;
}

// Panels are read side by side, and each is short: the hardware's prefetcher finds its stream and loses it again. So each
// chunk asks for the same chunk of the next panels. Past the end of the matrix lies, in a pool, the next matrix.
template <size_t kPanels>
HWY_INLINE void prefetch_next_panels(const std::byte* chunk, size_t panel_bytes, size_t chunk_bytes) {
  constexpr size_t kLine = 64;
  for (size_t panel = kPanels; panel < 2 * kPanels; ++panel) {
    for (size_t at = 0; at < chunk_bytes; at += kLine) hwy::Prefetch(chunk + panel * panel_bytes + at);
  }
}

template <class Format, size_t kPanels>
void multiply_panels(const Linear& p, const RowInputs& in, int64_t first_panel, float* totals) {
  constexpr size_t kVectors = kPanels * kPanelVectors;
  const size_t panel_bytes = static_cast<size_t>(p.w.shape.panel_bytes());
  const size_t chunk_bytes = format::chunk_bytes(Format::kDtype);
  const std::byte* chunk = format::chunk_at(p.w, first_panel, 0);
  V total[kVectors], acc[kVectors];
  for (size_t v = 0; v < kVectors; ++v) total[v] = acc[v] = zero();
  for (int64_t k = 0; k < p.w.cols(); k += kChunk, chunk += chunk_bytes) {
    prefetch_next_panels<kPanels>(chunk, panel_bytes, chunk_bytes);
    const size_t columns = static_cast<size_t>(std::min(kChunk, p.w.cols() - k));
    accumulate<Format, kPanels>(chunk + format::codes_offset(Format::kDtype), panel_bytes, in.x + k, columns, acc);
    if constexpr (!kIsBlockFormat<Format>) {
      if (ends_span(k, p.w.cols())) join_span(total, acc);
      continue;
    }
    const float sum = kHasMinimum<Format> ? in.sums[k / kChunk] : 0.0f;
    YOKE_UNROLL(16)
    for (size_t v = 0; v < kVectors; ++v) {
      const std::byte* scales = chunk + v / kPanelVectors * panel_bytes;
      total[v] = joined<Format>(total[v], acc[v], scales, v % kPanelVectors * kLanes, sum);
      acc[v] = zero();
    }
  }
  for (size_t v = 0; v < kVectors; ++v) store(total[v], totals + v * kLanes);
}

void write_outputs(const Linear& p, int64_t first, const float* totals, int64_t count) {
  for (int64_t i = 0; i < std::min(count, p.w.rows() - first); ++i) {
    p.y[first + i] = p.bias != nullptr ? totals[i] + p.bias[first + i] : totals[i];
  }
}

template <class Format>
void multiply(const Linear& p, Range panels, const RowInputs& in) {
  float totals[kPanelsAtOnce * kPanelRows];
  int64_t panel = panels.begin;
  for (; panel + kPanelsAtOnce <= panels.end; panel += kPanelsAtOnce) {
    multiply_panels<Format, kPanelsAtOnce>(p, in, panel, totals);
    write_outputs(p, panel * kPanelRows, totals, kPanelsAtOnce * kPanelRows);
  }
  for (; panel < panels.end; ++panel) {
    multiply_panels<Format, 1>(p, in, panel, totals);
    write_outputs(p, panel * kPanelRows, totals, kPanelRows);
  }
}

// Formats that are multiplied by value: a chunk of each panel is decoded into L1, where it is a chunk of f32.
template <size_t kPanels>
void multiply_decoded(const Linear& p, const PanelDecoder& weights, int64_t first_panel, float* totals) {
  constexpr size_t kVectors = kPanels * kPanelVectors;
  constexpr size_t kChunkFloats = static_cast<size_t>(kChunk) * kPanel;
  alignas(64) float values[kPanels * kChunkFloats];
  V total[kVectors], acc[kVectors];
  for (size_t v = 0; v < kVectors; ++v) total[v] = acc[v] = zero();
  for (int64_t k = 0; k < p.w.cols(); k += kChunk) {
    const int64_t columns = std::min(kChunk, p.w.cols() - k);
    for (size_t i = 0; i < kPanels; ++i) {
      weights.decode(first_panel + static_cast<int64_t>(i), k, columns, values + i * kChunkFloats);
    }
    const std::byte* chunk = reinterpret_cast<const std::byte*>(values);
    accumulate<F32, kPanels>(chunk, sizeof(float) * kChunkFloats, p.x + k, static_cast<size_t>(columns), acc);
    if (ends_span(k, p.w.cols())) join_span(total, acc);
  }
  for (size_t v = 0; v < kVectors; ++v) store(total[v], totals + v * kLanes);
}

void multiply_values(const Linear& p, Range panels) {
  const PanelDecoder weights(p.w);
  float totals[kPanelsAtOnce * kPanelRows];
  int64_t panel = panels.begin;
  for (; panel + kPanelsAtOnce <= panels.end; panel += kPanelsAtOnce) {
    multiply_decoded<kPanelsAtOnce>(p, weights, panel, totals);
    write_outputs(p, panel * kPanelRows, totals, kPanelsAtOnce * kPanelRows);
  }
  for (; panel < panels.end; ++panel) {
    multiply_decoded<1>(p, weights, panel, totals);
    write_outputs(p, panel * kPanelRows, totals, kPanelRows);
  }
}

// x divided as the in-place formats demand; null where that would lose a bit.
const float* divided_inputs(const Linear& p, Workspace& workspace) {
  workspace.inputs.resize(static_cast<size_t>(p.w.cols()));
  bool exact = true;
  for (size_t k = 0; k < workspace.inputs.size(); ++k) {
    static constexpr float kDivisors[8] = {1, 0x1p-4f, 0x1p-8f, 0x1p-12f, 0x1p-16f, 0x1p-20f, 0x1p-24f, 1};
    static constexpr float kFactors[8] = {1, 0x1p4f, 0x1p8f, 0x1p12f, 0x1p16f, 0x1p20f, 0x1p24f, 1};
    const float divided = p.x[k] * kDivisors[k % 8];
    workspace.inputs[k] = divided;
    exact &= divided * kFactors[k % 8] == p.x[k];
  }
  return exact ? workspace.inputs.data() : nullptr;
}

// Each chunk's sum in ascending order. 8 chunks at once, because one sum is a chain of 32 dependent additions.
const float* chunk_sums(const Linear& p, Workspace& workspace) {
  const size_t width = static_cast<size_t>(p.w.cols()), columns = static_cast<size_t>(kChunk);
  workspace.sums.resize((width + columns - 1) / columns);
  size_t c = 0;
  for (; (c + 8) * columns <= width; c += 8) {
    float sums[8] = {};
    for (size_t k = 0; k < columns; ++k) {
      for (size_t i = 0; i < 8; ++i) sums[i] += p.x[(c + i) * columns + k];
    }
    std::copy_n(sums, 8, workspace.sums.data() + c);
  }
  for (; c < workspace.sums.size(); ++c) {
    float sum = 0;
    for (size_t k = c * columns; k < std::min((c + 1) * columns, width); ++k) sum += p.x[k];
    workspace.sums[c] = sum;
  }
  return workspace.sums.data();
}

template <class Format, class InPlace>
void multiply_nibbles(const Linear& p, Range panels, const float* sums, Workspace& workspace) {
  const float* divided = divided_inputs(p, workspace);
  if (divided != nullptr) return multiply<InPlace>(p, panels, {divided, sums});
  multiply<Format>(p, panels, {p.x, sums});
}

void run_gemv(const Linear& p, Range panels, Workspace& workspace) {
  if (!format::multiplies_codes(p.w.shape)) return multiply_values(p, panels);
  switch (p.w.shape.format.codes) {
    case Dtype::f32: return multiply<F32>(p, panels, {p.x, nullptr});
    case Dtype::f16: return multiply<F16>(p, panels, {p.x, nullptr});
    case Dtype::bf16: return multiply<Bf16>(p, panels, {p.x, nullptr});
    case Dtype::q8_0: return multiply<Q8_0>(p, panels, {p.x, nullptr});
    case Dtype::q4_0: return multiply_nibbles<Q4_0, Q4_0InPlace>(p, panels, nullptr, workspace);
    case Dtype::q4_1: return multiply_nibbles<Q4_1, Q4_1InPlace>(p, panels, chunk_sums(p, workspace), workspace);
    default: break;
  }
  assertion_failed("a format whose codes are multiplied", __FILE__, __LINE__);
}

#endif  // HWY_SCALAR

}  // namespace yoke::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace yoke::kernels::cpu {

HWY_EXPORT(run_gemv);

void gemv(const Linear& p, Range panels, Workspace& workspace) { HWY_DYNAMIC_DISPATCH(run_gemv)(p, panels, workspace); }

}  // namespace yoke::kernels::cpu
#endif
