// A checkpoint of headers alone: enough for everything that plans.
#pragma once

#include <memory>

#include "model/catalogue.h"

namespace yoke::parallel {

struct MadeShape {
  int64_t heads = 4;
  int64_t kv_heads = 2;
  int64_t layers = 3;
  int64_t head_dim = 32;
  int64_t intermediate = 192;
  int64_t vocab = 512;
  Dtype weights = Dtype::q4_1;
};

class MadeModel {
 public:
  explicit MadeModel(const MadeShape& shape) {
    model::ModelConfig& c = checkpoint_.config;
    c.architecture = "llama";
    c.hidden = shape.heads * shape.head_dim;
    c.heads = shape.heads;
    c.kv_heads = shape.kv_heads;
    c.layers = shape.layers;
    c.head_dim = shape.head_dim;
    c.intermediate = shape.intermediate;
    c.vocab = shape.vocab;
    c.context_length = 2048;
    c.tied = true;
    c.value_dim = c.head_dim;
    c.rope.dims = c.head_dim;
    c.layer_kinds.resize(static_cast<size_t>(c.layers));
    checkpoint_.path = "made";
    checkpoint_.files = {"made"};
    add("model.embed_tokens.weight", Dtype::q8_0, {c.vocab, c.hidden});
    for (int64_t layer = 0; layer < c.layers; ++layer) {
      const std::string at = "model.layers." + std::to_string(layer) + ".";
      add(at + "input_layernorm.weight", Dtype::f32, {c.hidden});
      add(at + "self_attn.q_proj.weight", shape.weights, {c.heads * c.head_dim, c.hidden});
      add(at + "self_attn.k_proj.weight", shape.weights, {c.kv_heads * c.head_dim, c.hidden});
      add(at + "self_attn.v_proj.weight", shape.weights, {c.kv_heads * c.head_dim, c.hidden});
      add(at + "self_attn.o_proj.weight", shape.weights, {c.hidden, c.heads * c.head_dim});
      add(at + "post_attention_layernorm.weight", Dtype::f32, {c.hidden});
      add(at + "mlp.gate_proj.weight", shape.weights, {c.intermediate, c.hidden});
      add(at + "mlp.up_proj.weight", shape.weights, {c.intermediate, c.hidden});
      add(at + "mlp.down_proj.weight", shape.weights, {c.hidden, c.intermediate});
    }
    add("model.norm.weight", Dtype::f32, {c.hidden});
    checkpoint_.file_bytes = {next_offset_};
    catalogue_ = std::make_unique<model::Catalogue>(checkpoint_);
  }

  const model::ModelConfig& config() const { return checkpoint_.config; }
  const model::Catalogue& catalogue() const { return *catalogue_; }

 private:
  void add(const std::string& name, Dtype dtype, std::vector<int64_t> shape) {
    model::TensorInfo tensor{name, dtype, shape, 0, next_offset_, 0};
    tensor.bytes = static_cast<uint64_t>(tensor.rows()) * row_bytes(dtype, tensor.cols());
    next_offset_ += tensor.bytes;
    checkpoint_.tensors[name] = tensor;
  }

  model::Checkpoint checkpoint_;
  std::unique_ptr<model::Catalogue> catalogue_;
  uint64_t next_offset_ = 0;
};

}  // namespace yoke::parallel
