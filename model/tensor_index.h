// The tensors of a checkpoint while a catalogue finds their places.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "model/checkpoint.h"

namespace yoke::model {

// The tensors of a checkpoint and which of them have found their place. One thread.
class TensorIndex {
 public:
  explicit TensorIndex(const Checkpoint& checkpoint) : checkpoint_(checkpoint) {}

  const Checkpoint& checkpoint() const { return checkpoint_; }
  const TensorInfo* find(const std::string& name) const;  // null where there is none
  const TensorInfo* take(const std::string& name);        // and marks it
  bool taken(const TensorInfo& tensor) const { return taken_.contains(&tensor); }
  bool any_begins_with(const std::string& prefix) const;

  // Error{bad_file}: the tensor's shape is not what `of` needs.
  [[noreturn]] void refuse_shape(const TensorInfo& tensor, const std::string& expected, std::string_view of) const;
  [[noreturn]] void refuse_type(const TensorInfo& tensor, const std::string& expected) const;

 private:
  const Checkpoint& checkpoint_;
  std::set<const TensorInfo*> taken_;
};

// Whether a tensor belongs to a quantised module and changes nothing that we compute: scales of activations and of the
// KV cache, shapes, group lists that say k / g.
bool is_unread_companion(const TensorIndex& tensors, std::string_view name);

}  // namespace yoke::model
