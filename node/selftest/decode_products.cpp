#include "node/selftest/decode_products.h"

#include <algorithm>

#include "model/known/models.h"

namespace yoke::node::selftest {
namespace {

// The larger half (docs/bits.md rule 3).
int64_t half(int64_t n, int64_t group) { return std::min(n, group * ceil_div(ceil_div(n, group), 2)); }

constexpr uint64_t kAlignment = 256;
uint64_t aligned(uint64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

std::vector<PackedShape> DecodeProduct::shapes(const WeightFormat& format) const {
  std::vector<PackedShape> all;
  for (const int64_t n : outputs) all.push_back({.format = format, .rows = n, .cols = inputs});
  return all;
}

uint64_t DecodeProduct::bytes(const WeightFormat& format) const {
  uint64_t sum = 0;
  for (const PackedShape& shape : shapes(format)) sum += shape.bytes();
  return experts > 0 ? sum * static_cast<uint64_t>(top_k) : sum;
}

uint64_t DecodeProduct::room(const WeightFormat& format) const {
  uint64_t sum = 0;
  for (const PackedShape& shape : shapes(format)) sum += aligned(shape.bytes());
  return experts > 0 ? sum * static_cast<uint64_t>(experts) : sum;
}

std::vector<DecodeProduct> decode_products(const std::string& model, const model::ModelConfig& c, const WeightFormat& format) {
  const int64_t kv_heads = half(c.kv_heads, 1), heads = kv_heads * (c.heads / c.kv_heads);
  const int64_t features = half(c.moe.experts > 0 ? c.moe.intermediate : c.intermediate, feature_cut_group(format));
  const int64_t q = heads * c.head_dim, kv = kv_heads * c.head_dim;
  std::vector<DecodeProduct> products = {{.model = model, .name = "q,k,v", .outputs = {q, kv, kv}, .inputs = c.hidden},
                                         {.model = model, .name = "o", .outputs = {c.hidden}, .inputs = q}};
  if (c.moe.experts > 0) {
    // Each of a layer's three in a launch of its own.
    products.push_back({.model = model,
                        .name = "expert up",
                        .outputs = {features},
                        .inputs = c.hidden,
                        .experts = c.moe.experts,
                        .top_k = c.moe.top_k});
    products.push_back({.model = model,
                        .name = "expert down",
                        .outputs = {c.hidden},
                        .inputs = features,
                        .experts = c.moe.experts,
                        .top_k = c.moe.top_k});
  } else {
    products.push_back({.model = model, .name = "gate,up", .outputs = {features, features}, .inputs = c.hidden});
    products.push_back({.model = model, .name = "down", .outputs = {c.hidden}, .inputs = features});
  }
  products.push_back({.model = model, .name = "head", .outputs = {half(c.vocab, 1)}, .inputs = c.hidden});
  return products;
}

std::vector<DecodeProduct> measured_products(const WeightFormat& format) {
  // Llama 3.3 70B has the sizes of 3.1's.
  constexpr struct { const char *shown, *known; } kModels[] = {
      {"llama-3.1-405b", "llama-3.1-405b"}, {"llama-3.3-70b", "llama-3.1-70b"}, {"mixtral-8x22b", "mixtral-8x22b"}};
  std::vector<DecodeProduct> all;
  for (const auto& [shown, known] : kModels) {
    for (DecodeProduct& product : decode_products(shown, model::known::config_of(known), format)) all.push_back(std::move(product));
  }
  return all;
}

std::vector<DecodeProduct> emulated_products() {
  return {{.model = "small", .name = "q,k,v", .outputs = {64, 32, 32}, .inputs = 256},
          {.model = "small", .name = "down", .outputs = {128}, .inputs = 512},
          {.model = "small", .name = "expert up", .outputs = {64}, .inputs = 128, .experts = 4, .top_k = 2}};
}

}  // namespace yoke::node::selftest
