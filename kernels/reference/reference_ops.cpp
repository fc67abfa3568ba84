#include "kernels/reference/reference_ops.h"

namespace yoke::kernels::reference {
namespace {

class ReferenceOps final : public Ops {
 public:
  using Ops::run;
  void run(const Linear& problem) override { linear(problem); }
  void run(const TransposedLinear& problem) override { transposed_linear(problem); }
  void run(const RmsNorm& problem) override { rms_norm(problem); }
  void run(const LayerNorm& problem) override { layer_norm(problem); }
  void run(const SumOfSquares& problem) override { sum_of_squares(problem); }
  void run(const RmsScale& problem) override { rms_scale(problem); }
  void run(const RotaryEmbedding& problem) override { rotary_embedding(problem); }
  void run(const SwiGlu& problem) override { swiglu(problem); }
  void run(const ClampedSwiGlu& problem) override { clamped_swiglu(problem); }
  void run(const Gelu& problem) override { gelu(problem); }
  void run(const Tanh& problem) override { tanh(problem); }
  void run(const Scale& problem) override { scale(problem); }
  void run(const Route& problem) override { route(problem); }
  void run(const ScatterAdd& problem) override { scatter_add(problem); }
  void run(const GatherRows& problem) override { gather_rows(problem); }
  void run(const ResidualAdd& problem) override { residual_add(problem); }
  void run(const EmbeddingLookup& problem) override { embedding_lookup(problem); }
  void run(const KvAppend& problem) override { kv_append(problem); }
  void run(const Attention& problem) override { attention(problem, {0, problem.cache.kv_heads * problem.heads_per_kv}); }
};

}  // namespace

std::unique_ptr<Ops> make_reference_ops(const OpsConfig&) { return std::make_unique<ReferenceOps>(); }

}  // namespace yoke::kernels::reference
