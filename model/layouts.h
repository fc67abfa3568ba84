// How exporters lay a weight out in several tensors: one row of a table for each layout, with the suffixes of its
// parts. docs/formats.md writes them down.
#pragma once

#include <string>

#include "model/catalogue.h"
#include "model/tensor_index.h"

namespace yoke::model {

// The tensors that hold a weight hold `rows` x `cols`, `planes` times (0: no dimension of planes).
struct Container {
  std::string module;
  int64_t planes = 0;
  int64_t rows = 0, cols = 0;
  bool transposed = false;  // plain floats: [in, out]
};

// Fills the weight's format, layout and tensors from the first layout whose tensors are there; false where there are
// none. Error{bad_file} for a part that is missing or has the wrong shape, Error{unsupported} for codes that this build
// does not read.
bool fill_from_layout(TensorIndex& tensors, const Container& container, Weight& weight);

}  // namespace yoke::model
