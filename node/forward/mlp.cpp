#include "node/forward/linear.h"
#include "node/forward/transformer.h"

namespace yoke::node::forward {

const float* activated(const model::ModelConfig& c, int half, const Activations& a) {
  return c.mlp == model::MlpKind::gelu ? a.up[half] : a.gate[half];
}

void activate(const Problems<ActivationPart>& parts, const model::ModelConfig& c, int64_t rows, Activations& a, kernels::Ops& ops) {
  Problems<kernels::SwiGlu> gated;
  Problems<kernels::ClampedSwiGlu> clamped;
  for (const auto& [half, features] : parts) {
    switch (c.mlp) {
      case model::MlpKind::swiglu:
        gated.push_back({.gate = a.gate[half], .up = a.up[half], .rows = rows, .width = features, .stride = features, .y = a.gate[half]});
        break;
      case model::MlpKind::swiglu_clamped:
        clamped.push_back({.gate = a.gate[half], .up = a.up[half], .rows = rows, .width = features, .stride = features,
                           .alpha = c.swiglu_alpha, .limit = c.swiglu_limit, .y = a.gate[half]});
        break;
      case model::MlpKind::gelu: ops.run(kernels::Gelu{.x = a.up[half], .count = rows * features}); break;
    }
  }
  run(ops, gated);
  run(ops, clamped);
}

// Each part's features, its columns of the down projection.
void mlp(const Problems<MlpPart>& parts, const model::ModelConfig& c, int64_t rows, const float* in, Activations& a, kernels::Ops& ops) {
  Problems<kernels::Linear> in_products, out_products;
  Problems<ActivationPart> activations;
  for (const auto& [w, half, sum] : parts) {
    if (w.features() == 0) {  // an empty half adds +0
      ops.run(kernels::Fill{.x = sum, .count = rows * c.hidden});
      continue;
    }
    if (w.gate.rows() > 0) in_products.push_back(linear(w.gate, in, rows, a.gate[half], w.gate_bias));  // a.gate [rows, features]
    in_products.push_back(linear(w.up, in, rows, a.up[half], w.up_bias));                               // a.up   [rows, features]
    activations.push_back({half, w.features()});
    out_products.push_back(linear(w.down, activated(c, half, a), rows, sum, w.down_bias));              // sum    [rows, hidden]
  }
  run(ops, in_products);
  activate(activations, c, rows, a, ops);
  run(ops, out_products);
}

}  // namespace yoke::node::forward
