// The products of one decoded token of a known model, as a rank of two runs them: one launch each. Pure.
#pragma once

#include <string>
#include <vector>

#include "core/weight_format.h"
#include "model/config.h"

namespace yoke::node::selftest {

struct DecodeProduct {
  std::string model, name;       // "llama-3.1-405b", "gate,up"
  std::vector<int64_t> outputs;  // of products side by side, all of `inputs`
  int64_t inputs = 0;
  int64_t experts = 0, top_k = 0;  // of grouped ones: a token's row goes through top_k of the experts

  std::vector<PackedShape> shapes(const WeightFormat& format) const;
  uint64_t bytes(const WeightFormat& format) const;  // that the token reads
  uint64_t room(const WeightFormat& format) const;   // that the matrices take, all experts, each at a multiple of 256
};

// Half 0 of a layer of each kind, and of the head. docs/bits.md rule 3 cuts.
std::vector<DecodeProduct> decode_products(const std::string& model, const model::ModelConfig& config, const WeightFormat& format);
// Of llama-3.1-405b, llama-3.3-70b and mixtral-8x22b.
std::vector<DecodeProduct> measured_products(const WeightFormat& format);
// Where no rate means anything: one of each kind, small.
std::vector<DecodeProduct> emulated_products();

}  // namespace yoke::node::selftest
