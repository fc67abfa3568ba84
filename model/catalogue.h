// Which tensors play which role: the one place where tensor names of the file formats are known. Architectures are rows of
// tables (architectures.cpp, roles.cpp). Const after construction; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "core/weight_format.h"
#include "model/checkpoint.h"

namespace yoke::model {

enum class Role : uint8_t {
  embedding,                            // [vocab, hidden]
  position_embedding,                   // [positions, hidden]; encoders
  token_type_embedding,                 // [token types, hidden]; encoders
  embedding_norm, embedding_norm_bias,  // [hidden]; encoders
  attn_norm, attn_norm_bias,            // [hidden]; post_norm: behind the attention
  q, k, v,                              // [heads or kv_heads * head_dim, hidden]
  o,                                    // [hidden, heads * value width]
  q_bias, k_bias, v_bias, o_bias,
  q_norm, k_norm,                       // [head_dim], [heads, head_dim] or [heads * head_dim]: see QkNorm
  sinks,                                // [heads]
  q_a, q_a_norm, q_b,                   // MLA: [q_rank, hidden], [q_rank], [heads * (nope + rope), q_rank or hidden]
  kv_a, kv_a_norm, kv_b,                // MLA: [kv_rank + rope, hidden], [kv_rank], [heads * (nope + value), kv_rank]
  mlp_norm, mlp_norm_bias,              // [hidden]; post_norm: behind the MLP
  gate, up,                             // [intermediate, hidden]
  down,                                 // [hidden, intermediate]
  gate_bias, up_bias, down_bias,
  router, router_bias,                  // [experts, hidden], [experts]
  router_correction,                    // [experts]
  expert_gate, expert_up, expert_down,  // as gate, up, down, one for each expert
  expert_gate_bias, expert_up_bias, expert_down_bias,
  shared_gate, shared_up, shared_down,  // [shared_intermediate, hidden], ...
  final_norm, final_norm_bias,          // [hidden]
  head,                                 // [vocab, hidden]; absent when tied
  pooler, pooler_bias,                  // [hidden, hidden], [hidden]; encoders (a classifier's dense layer too)
  classifier, classifier_bias,          // [labels, hidden], [labels]
  rope_freqs,                           // [rope dims / 2], divides the frequencies (GGUF); absent mostly
};

std::string_view name(Role role);
bool is_expert(Role role);  // has one tensor an expert

// Layer of the roles that belong to no layer.
inline constexpr int kNoLayer = -1;

// A logical matrix [rows, cols] = [out, in], or a vector {1, n}, and the tensors that hold it.
struct Weight {
  Role role;
  int layer = kNoLayer;
  int expert = 0;
  int64_t rows = 1, cols = 1;
  bool vector = false;                 // floats that are widened to f32: norms, biases; whatever the tensor's own dimensions
  WeightFormat format;
  CodeLayout layout = CodeLayout::rows;
  const TensorInfo* codes = nullptr;
  const TensorInfo* scales = nullptr;  // null where the format has none; so the others
  const TensorInfo* zeros = nullptr;
  const TensorInfo* groups = nullptr;  // the group of each column
  const TensorInfo* global = nullptr;  // one float, or one for each plane
  bool global_divides = false;         // value = code * scale / global (compressed-tensors)
  // Where it lies in tensors that hold more than it: merged experts are planes of the slowest dimension; fused rows (qkv,
  // gate_up) begin at first_row and follow each other by row_step. Layout `columns`: of its columns. A vector: of its elements.
  int64_t plane = 0;
  int64_t first_row = 0;
  int64_t row_step = 1;
};

class Catalogue {
 public:
  // Finds every role's tensors and checks their shapes against checkpoint.config. Error{bad_file} names the tensor, the shape
  // found and the shape expected, or the name that is missing; Error{unsupported} a tensor that has no place or a scheme of
  // quantisation that this build does not know. `checkpoint` must outlive the catalogue.
  explicit Catalogue(const Checkpoint& checkpoint);

  // The same of a model without any file: every matrix of its layers in `scheme`, as publishers do it; embeddings, heads, routers and
  // vectors in BF16. gpt-oss in MXFP4 keeps its attention in BF16 too. A matrix whose inputs do not fill the scheme's blocks stays in
  // BF16. The tensors have made-up names and follow each other in one file that does not exist.
  Catalogue(const ModelConfig& config, const WeightFormat& scheme);

  const Weight* find(Role role, int layer = kNoLayer, int expert = 0) const;  // null where the model has none
  const Weight& at(Role role, int layer = kNoLayer, int expert = 0) const;    // asserts that it is there
  const Weight& head() const;                                                 // the embedding when tied
  const std::vector<std::string>& skipped() const { return skipped_; }        // tensors of parts that are not served: vision, MTP
  const Checkpoint& checkpoint() const { return *checkpoint_; }
  const std::map<std::tuple<Role, int, int>, Weight>& weights() const { return weights_; }
  // Numbers that the model's weights are, however they are coded. Without a router's correction, which is no parameter of training.
  int64_t parameters() const;

 private:
  std::shared_ptr<const Checkpoint> made_;  // of a model without files
  const Checkpoint* checkpoint_;
  std::map<std::tuple<Role, int, int>, Weight> weights_;
  std::vector<std::string> skipped_;
};

}  // namespace yoke::model
