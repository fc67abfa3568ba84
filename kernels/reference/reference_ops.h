// The reference backend: plain loops with std::fma in exactly the order that kernels/ops.h states. Slow, and right by
// inspection; every other backend must equal it in every bit. Threads are ignored.
#pragma once

#include <memory>

#include "core/units.h"
#include "kernels/ops.h"

namespace yoke::kernels::reference {

void linear(const Linear& p);
void rms_norm(const RmsNorm& p);
void rotary_embedding(const RotaryEmbedding& p);
void swiglu(const SwiGlu& p);
void residual_add(const ResidualAdd& p);
void embedding_lookup(const EmbeddingLookup& p);
void kv_append(const KvAppend& p);
void attention(const Attention& p, Range kv_heads);  // the heads of those KV heads only

std::unique_ptr<Ops> make_reference_ops(int threads);

}  // namespace yoke::kernels::reference
