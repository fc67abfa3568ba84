// Which bytes of which files a rank reads, in which order, and what they feed. A pure function of its slices: the loader does what
// it says.
//
// Of a tensor, whole lines are read, in sequence: a column-parallel part is a run of them, a row-parallel one drops the other
// half of each (in transposed layouts the roles swap), and what several slices need is read once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "node/tensor_part.h"

namespace yoke::node {

// Lines of one tensor within a read, and the parts that take something of them.
struct Extent {
  const model::TensorInfo* tensor = nullptr;
  uint64_t line_bytes = 0;
  Range lines;
  uint64_t begin = 0, end = 0;  // bytes of the tensor, out to the edges of chunks where those are checked
  std::vector<const TensorPart*> parts;
};

struct Read {
  size_t file = 0;
  uint64_t offset = 0, bytes = 0;
  std::vector<Extent> extents;
};

struct ReadPlan {
  std::deque<TensorPart> parts;
  std::vector<Read> reads;  // in the files' order
  uint64_t bytes = 0;       // of all reads
};

// Large enough that a disk runs at full speed, and 16 outputs of Llama 405B's widest matrix in BF16.
inline constexpr uint64_t kReadBytes = 2 << 20;

struct ReadPlanOptions {
  bool whole_chunks = false;         // read out to the edges of chunks (model/chunk_hash.h): up to 512 KiB beyond read_bytes
  uint64_t read_bytes = kReadBytes;  // of lines in one read at most
};

// `slices` must outlive the plan. Error{unsupported} where a single line, or what must be put in place at once, is larger than a read.
ReadPlan plan_reads(const std::vector<parallel::Slice>& slices, const ReadPlanOptions& options);

}  // namespace yoke::node
