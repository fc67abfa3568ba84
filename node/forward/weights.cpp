#include "node/forward/weights.h"

#include <fmt/format.h>

#include "core/error.h"
#include "parallel/slice.h"

namespace yoke::node::forward {
namespace {

using kernels::PackedMatrix;
using model::Role;

class Binder {
 public:
  explicit Binder(const Pool& pool) : pool_(pool) {}

  PackedMatrix matrix(Role role, int layer, int half, int64_t rows, int64_t cols) const {
    if (rows == 0 || cols == 0) return {};
    const std::string name = parallel::region_name(role, layer, half);
    const Region* region = pool_.find(name);
    if (region == nullptr) missing(name);
    if (region->rows != rows || region->cols != cols || region->bytes != packed_matrix_bytes(region->dtype, rows, cols)) {
      throw Error{Code::bad_file, fmt::format("the pool's {} is {} x {} {} in {} bytes, expected {} x {}", name, region->rows,
                                              region->cols, yoke::name(region->dtype), region->bytes, rows, cols)};
    }
    return {region->dtype, rows, cols, pool_.data(*region)};
  }

  const float* vector(Role role, int layer, int half, int64_t n) const {
    const float* found = optional_vector(role, layer, half, n);
    if (found == nullptr) missing(parallel::region_name(role, layer, half));
    return found;
  }

  const float* optional_vector(Role role, int layer, int half, int64_t n) const {
    const std::string name = parallel::region_name(role, layer, half);
    const Region* region = pool_.find(name);
    if (region == nullptr) return nullptr;
    if (region->dtype != Dtype::f32 || region->bytes != static_cast<uint64_t>(n) * sizeof(float)) {
      throw Error{Code::bad_file, fmt::format("the pool's {} has {} bytes, expected {} F32 values", name, region->bytes, n)};
    }
    return reinterpret_cast<const float*>(pool_.data(*region));
  }

 private:
  [[noreturn]] static void missing(const std::string& name) {
    throw Error{Code::bad_file, fmt::format("the pool has no region {}", name)};
  }
  const Pool& pool_;
};

HalfWeights bind_half(const Binder& pool, const model::ModelConfig& c, const parallel::HalfLayer& cut, int layer, int half) {
  const int64_t q_width = cut.heads.size() * c.head_dim, kv_width = cut.kv_heads.size() * c.head_dim, features = cut.features.size();
  HalfWeights w;
  w.heads = cut.heads.size();
  w.kv_heads = cut.kv_heads.size();
  w.features = features;
  w.q = pool.matrix(Role::q, layer, half, q_width, c.hidden);
  w.k = pool.matrix(Role::k, layer, half, kv_width, c.hidden);
  w.v = pool.matrix(Role::v, layer, half, kv_width, c.hidden);
  w.o = pool.matrix(Role::o, layer, half, c.hidden, q_width);
  w.gate = pool.matrix(Role::gate, layer, half, features, c.hidden);
  w.up = pool.matrix(Role::up, layer, half, features, c.hidden);
  w.down = pool.matrix(Role::down, layer, half, c.hidden, features);
  w.q_bias = pool.optional_vector(Role::q_bias, layer, half, q_width);
  w.k_bias = pool.optional_vector(Role::k_bias, layer, half, kv_width);
  w.v_bias = pool.optional_vector(Role::v_bias, layer, half, kv_width);
  w.gate_bias = pool.optional_vector(Role::gate_bias, layer, half, features);
  w.up_bias = pool.optional_vector(Role::up_bias, layer, half, features);
  // Biases of what is summed over halves join half 0 alone: only that half has a region.
  w.o_bias = pool.optional_vector(Role::o_bias, layer, half, c.hidden);
  w.down_bias = pool.optional_vector(Role::down_bias, layer, half, c.hidden);
  return w;
}

// A tied head is the embedding's region: the checkpoint has no tensor for it.
Role head_role(const Pool& pool, int half) {
  return pool.find(parallel::region_name(Role::head, model::kNoLayer, half)) != nullptr ? Role::head : Role::embedding;
}

}  // namespace

Weights::Weights(const model::ModelConfig& config, const parallel::Plan& plan, int rank, const Pool& pool, const KvCache& cache) {
  const parallel::RankPlan& r = plan.ranks.at(static_cast<size_t>(rank));
  const Binder bind(pool);
  for (int64_t i = r.layers.begin; i < r.layers.end; ++i) {
    const int layer = static_cast<int>(i);
    LayerWeights& w = layers.emplace_back();
    w.attn_norm = bind.vector(Role::attn_norm, layer, 0, config.hidden);
    w.mlp_norm = bind.vector(Role::mlp_norm, layer, 0, config.hidden);
    for (const int half : r.halves) {
      w.half[half] = bind_half(bind, config, plan.layers[static_cast<size_t>(i)].half[half], layer, half);
      w.half[half].cache = cache.view(i, half);
    }
  }
  for (const int half : r.halves) {
    const int64_t vocab = plan.vocab[half].size();
    if (r.first_stage) embedding[half] = bind.matrix(Role::embedding, model::kNoLayer, half, vocab, config.hidden);
    if (r.last_stage) head[half] = bind.matrix(head_role(pool, half), model::kNoLayer, half, vocab, config.hidden);
  }
  if (r.last_stage) final_norm = bind.vector(Role::final_norm, model::kNoLayer, 0, config.hidden);
  rope_freqs = bind.optional_vector(Role::rope_freqs, model::kNoLayer, 0, config.head_dim / 2);
}

}  // namespace yoke::node::forward
