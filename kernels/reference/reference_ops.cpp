#include "kernels/reference/reference_ops.h"

namespace yoke::kernels::reference {
namespace {

class ReferenceOps final : public Ops {
 public:
  void run(const Linear& problem) override { linear(problem); }
  void run(const RmsNorm& problem) override { rms_norm(problem); }
  void run(const RotaryEmbedding& problem) override { rotary_embedding(problem); }
  void run(const SwiGlu& problem) override { swiglu(problem); }
  void run(const ResidualAdd& problem) override { residual_add(problem); }
  void run(const EmbeddingLookup& problem) override { embedding_lookup(problem); }
  void run(const KvAppend& problem) override { kv_append(problem); }
  void run(const Attention& problem) override { attention(problem, {0, problem.cache.kv_heads}); }
};

}  // namespace

std::unique_ptr<Ops> make_reference_ops(int /*threads*/) { return std::make_unique<ReferenceOps>(); }

}  // namespace yoke::kernels::reference
