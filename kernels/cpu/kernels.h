// The kernels behind CpuOps, each choosing its instruction set at run time. One call runs on one thread; the Workspace is
// that thread's.
#pragma once

#include <vector>

#include "core/units.h"
#include "kernels/ops.h"

namespace yoke::kernels::cpu {

// Memory that a kernel needs while it runs. Kept between calls so that a step allocates nothing once it is warm.
struct Workspace {
  std::vector<float> inputs;  // activations in the order in which a kernel reads them
  std::vector<float> sums;    // of x over each chunk, or of products
  std::vector<float> scores;
  std::vector<float> kv;      // one split of a narrower cache as f32
};

void gemv(const Linear& p, Range panels, Workspace& workspace);  // one row; the outputs of those panels only
void gemm(const Linear& p, Range panels, Workspace& workspace);
// The columns of those strips only. 64 columns fill the pipes with independent sums.
inline constexpr int64_t kStripColumns = 64;
void transposed_linear(const TransposedLinear& p, Range strips, Workspace& workspace);
void rms_norm(const RmsNorm& p);
void layer_norm(const LayerNorm& p);
void sum_of_squares(const SumOfSquares& p);
void rms_scale(const RmsScale& p);
void rotary_embedding(const RotaryEmbedding& p);
void swiglu(const SwiGlu& p);
void clamped_swiglu(const ClampedSwiGlu& p);
void gelu(const Gelu& p);
void tanh(const Tanh& p);
void scale(const Scale& p);
void scatter_add(const ScatterAdd& p);
void residual_add(const ResidualAdd& p);
void attention(const Attention& p, Range heads, Workspace& workspace);  // those query heads only

}  // namespace yoke::kernels::cpu
