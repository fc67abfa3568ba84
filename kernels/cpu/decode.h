// The values of a packed matrix, panel by panel: for every format besides those whose codes gemv and gemm multiply as they are.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/format/packed_form.h"
#include "kernels/packed_matrix.h"

namespace yoke::kernels::cpu {

// Made once for a product, because it works out where everything lies. Const; any thread.
class PanelDecoder {
 public:
  explicit PanelDecoder(const PackedMatrix& w);

  // values[16 i + l] = the weight of column first + i (of the part) of the panel's output l, as format::weight gives it. Outputs past
  // the matrix's last are unspecified numbers.
  void decode(int64_t panel, int64_t first, int64_t count, float* values) const { run_(*this, panel, first, count, values); }

  // For the decoders.
  PackedMatrix w;
  size_t panel_bytes;
  format::PanelOffsets panel_offsets;
  format::TailOffsets tail;
  format::Exceptions exceptions;  // of packed forms
  int64_t stored_before;  // columns held in front of the part's first
  int64_t first_group;
  Range square_cols;
  float global = 1.0f;    // times 1 changes no value
  using Run = void (*)(const PanelDecoder& from, int64_t panel, int64_t first, int64_t count, float* values);

 private:
  Run run_;
};

}  // namespace yoke::kernels::cpu
