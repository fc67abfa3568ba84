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
  std::vector<float> sums;    // sums of x over each chunk
  std::vector<float> scores;
  std::vector<float> kv;      // one split of a narrower cache as f32
};

void gemv(const Linear& p, Workspace& workspace);  // p.rows == 1
void gemm(const Linear& p, Workspace& workspace);
void rms_norm(const RmsNorm& p);
void rotary_embedding(const RotaryEmbedding& p);
void swiglu(const SwiGlu& p);
void residual_add(const ResidualAdd& p);
void attention(const Attention& p, Range heads, Workspace& workspace);  // those query heads only

}  // namespace yoke::kernels::cpu
