// The reference backend: plain loops with std::fma in exactly the order that kernels/ops.h states. Slow, and right by
// inspection; every other backend must equal it in every bit. Threads are ignored.
#pragma once

#include <memory>

#include "core/units.h"
#include "kernels/ops.h"

namespace yoke::kernels::reference {

void linear(const Linear& p);
void linear(const Linear& p, Range panels);  // the outputs of those panels only
void transposed_linear(const TransposedLinear& p);
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
void route(const Route& p);
void scatter_add(const ScatterAdd& p);
void gather_rows(const GatherRows& p);
void residual_add(const ResidualAdd& p);
void embedding_lookup(const EmbeddingLookup& p);
void kv_append(const KvAppend& p);
void candidates(const Candidates& p);
void attention(const Attention& p, Range heads);  // those query heads only

std::unique_ptr<Ops> make_reference_ops(const OpsConfig& config);

}  // namespace yoke::kernels::reference
