// What a slice needs of each of its weight's tensors, and what becomes of it. Pure functions of the slice.
//
// A tensor is seen as lines of equal length: the outputs of [out, in], the columns of [in, out], the words of eight columns of GPTQ,
// the groups of transposed scales, the elements of a vector. A part takes some of the lines, and of each line some bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/units.h"
#include "parallel/slice.h"

namespace yoke::node {

enum class Feed : uint8_t { codes, scales, zeros, row_scales, block_scales, column_groups, global_scale, vector };

struct TensorPart {
  const parallel::Slice* slice = nullptr;
  Feed feed = Feed::codes;
  const model::TensorInfo* tensor = nullptr;
  uint64_t line_bytes = 0;
  int64_t first = 0;        // line of index 0
  int64_t step = 1;         // lines from one index to the next
  Range index;              // what the slice needs: outputs, columns, words, groups, rows of squares or elements
  uint64_t byte_begin = 0;  // of a line: where the slice's part of it begins
  int skip = 0;             // outputs of the first word before the slice's first
  int64_t unit = 0;         // pieces cut at multiples of this many indices may be put in place at once; 0: never at once
  bool whole = false;       // put in place by a single call

  // The lines that hold it. Where the lines of other weights alternate with its own, theirs too: one pass reads all.
  Range lines() const;
  Range indices_in(Range lines) const;
};

// Error{bad_file} for a part that its tensor does not have, Error{unsupported} for a layout that no reader makes.
std::vector<TensorPart> parts_of(const parallel::Slice& slice);

}  // namespace yoke::node
