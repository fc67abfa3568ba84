#include <fmt/format.h>

#include <map>
#include <optional>
#include <tuple>

#include "node/selftest/load_check.h"

namespace yoke::node::selftest {
namespace {

using kernels::PackedMatrix;

// The first and the last of each kind, in the order in which they are met.
class Sampler {
 public:
  void add(std::string_view role, std::string_view where, std::span<const PackedMatrix> matrices, bool grouped = false,
           bool embedding = false) {
    if (matrices.empty() || matrices.front().rows() == 0 || matrices.front().cols() == 0) return;
    const PackedMatrix& w = matrices.front();
    SampledProduct sample{.what = fmt::format("{} of {} ({}, {} x {})", role, where, name(w.shape.format), w.rows(), w.cols()),
                          .matrices = {matrices.begin(), matrices.end()}, .grouped = grouped, .embedding = embedding};
    const auto [at, first] = kinds_.try_emplace(
        {std::string(role), name(w.shape.format), w.rows(), w.cols(), w.shape.row_begin > 0}, samples_.size());
    if (first) {
      samples_.emplace_back(std::move(sample), std::nullopt);
    } else {
      samples_[at->second].second = std::move(sample);
    }
  }
  void add(std::string_view role, std::string_view where, const PackedMatrix& w) { add(role, where, std::span(&w, 1)); }

  // All first ones, then the last ones: where time runs out every kind has been seen.
  std::vector<SampledProduct> take() {
    std::vector<SampledProduct> all;
    for (auto& [first, last] : samples_) all.push_back(std::move(first));
    for (auto& [first, last] : samples_) {
      if (last) all.push_back(std::move(*last));
    }
    return all;
  }

 private:
  std::map<std::tuple<std::string, std::string, int64_t, int64_t, bool>, size_t> kinds_;
  std::vector<std::pair<SampledProduct, std::optional<SampledProduct>>> samples_;
};

void add_mlp(std::string_view prefix, std::string_view where, const forward::MlpWeights& w, Sampler& sampler) {
  sampler.add(fmt::format("{}gate", prefix), where, w.gate);
  sampler.add(fmt::format("{}up", prefix), where, w.up);
  sampler.add(fmt::format("{}down", prefix), where, w.down);
}

void add_half(const std::string& where, const forward::HalfWeights& w, Sampler& sampler) {
  sampler.add("q", where, w.q);
  sampler.add("k", where, w.k);
  sampler.add("v", where, w.v);
  sampler.add("o", where, w.o);
  sampler.add("q_b", where, w.q_b);
  add_mlp("", where, w.mlp, sampler);
  add_mlp("shared ", where, w.shared, sampler);
  sampler.add("experts' gate", where, w.experts.gate.matrices, true);
  sampler.add("experts' up", where, w.experts.up.matrices, true);
  sampler.add("experts' down", where, w.experts.down.matrices, true);
}

}  // namespace

std::vector<SampledProduct> sampled_products(const forward::Weights& weights) {
  Sampler sampler;
  for (size_t layer = 0; layer < weights.layers.size(); ++layer) {
    const forward::LayerWeights& w = weights.layers[layer];
    const std::string where = fmt::format("layer {}", layer);
    sampler.add("q_a", where, w.q_a);
    sampler.add("kv_a", where, w.kv_a);
    sampler.add("router", where, w.router);
    for (size_t half = 0; half < 2; ++half) add_half(fmt::format("layer {}, half {}", layer, half), w.half[half], sampler);
  }
  for (size_t half = 0; half < 2; ++half) {
    const std::string where = fmt::format("half {} of the vocabulary", half);
    sampler.add("embedding", where, std::span(&weights.embedding[half], 1), false, true);
    sampler.add("head", where, weights.head[half]);
  }
  return sampler.take();
}

}  // namespace yoke::node::selftest
