#include "kernels/elementary.h"
#include "kernels/reference/reference_ops.h"

namespace yoke::kernels::reference {

void swiglu(const SwiGlu& p) {
  for (int64_t r = 0; r < p.rows; ++r) {
    for (int64_t i = r * p.stride; i < r * p.stride + p.width; ++i) {
      p.y[i] = p.gate[i] / (1.0f + exp_f32(-p.gate[i])) * p.up[i];
    }
  }
}

// Comparisons, not std::min and std::max: a NaN passes them.
void clamped_swiglu(const ClampedSwiGlu& p) {
  for (int64_t r = 0; r < p.rows; ++r) {
    for (int64_t i = r * p.stride; i < r * p.stride + p.width; ++i) {
      const float gate = p.gate[i] > p.limit ? p.limit : p.gate[i];
      const float raised = p.up[i] < -p.limit ? -p.limit : p.up[i];
      const float up = raised > p.limit ? p.limit : raised;
      p.y[i] = gate / (1.0f + exp_f32(-(p.alpha * gate))) * (up + 1.0f);
    }
  }
}

void gelu(const Gelu& p) {
  for (int64_t i = 0; i < p.count; ++i) p.x[i] = 0.5f * p.x[i] * (1.0f + erf_f32(p.x[i] / kSqrt2));
}

void tanh(const Tanh& p) {
  for (int64_t i = 0; i < p.count; ++i) p.x[i] = tanh_f32(p.x[i]);
}

}  // namespace yoke::kernels::reference
