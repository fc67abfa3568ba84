// How exporters lay a weight out in several tensors: one row of a table for each layout, with the suffixes of its parts.
// docs/formats.md writes them down.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "model/catalogue.h"
#include "model/quantisation.h"

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

// The tensors that hold a weight hold `rows` x `cols`, `planes` times (0: no dimension of planes).
struct Container {
  std::string module;
  int64_t planes = 0;
  int64_t rows = 0, cols = 0;
  bool transposed = false;  // plain floats: [in, out]
};

// Fills the weight's format, layout and tensors from the first layout whose tensors are there; false where there are none.
// Error{bad_file} for a part that is missing or has the wrong shape, Error{unsupported} for codes that this build does not read.
bool fill_from_layout(TensorIndex& tensors, const Container& container, Weight& weight);

// Whether a tensor belongs to a quantised module and changes nothing that we compute: scales of activations and of the KV cache,
// shapes, group lists that say k / g.
bool is_unread_companion(const TensorIndex& tensors, std::string_view name);

}  // namespace yoke::model
