// Which tensor plays which role: the one place where tensor names of the file formats are known. Later issues add
// architectures as rows. Const after construction; any thread.
#pragma once

#include <map>
#include <string_view>
#include <utility>

#include "model/checkpoint.h"

namespace yoke::model {

enum class Role {
  embedding,    // [vocab, hidden]
  attn_norm,    // [hidden]
  q, k, v,      // [heads or kv_heads * head_dim, hidden]
  o,            // [hidden, heads * head_dim]
  q_bias, k_bias, v_bias, o_bias,
  mlp_norm,     // [hidden]
  gate, up,     // [intermediate, hidden]
  down,         // [hidden, intermediate]
  gate_bias, up_bias, down_bias,
  final_norm,   // [hidden]
  head,         // [vocab, hidden]; absent when tied
  rope_freqs,   // [head_dim / 2], divides the frequencies (GGUF); absent mostly
};

std::string_view name(Role role);

// Layer of the roles that belong to no layer.
inline constexpr int kNoLayer = -1;

class Catalogue {
 public:
  // Finds every role's tensor and checks its shape against checkpoint.config. Error{bad_file} names the tensor, the shape
  // found and the shape expected, or the name that is missing. `checkpoint` must outlive the catalogue.
  explicit Catalogue(const Checkpoint& checkpoint);

  const TensorInfo* find(Role role, int layer = kNoLayer) const;  // null where the model has none
  const TensorInfo& at(Role role, int layer = kNoLayer) const;    // asserts that it is there
  const TensorInfo& head() const;                                 // the embedding when tied
  const Checkpoint& checkpoint() const { return *checkpoint_; }

 private:
  const Checkpoint* checkpoint_;
  std::map<std::pair<Role, int>, const TensorInfo*> tensors_;
};

}  // namespace yoke::model
