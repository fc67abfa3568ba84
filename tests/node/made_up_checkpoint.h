// A checkpoint of tensors that a test makes up: one file of random bytes, sound where they must be numbers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "model/catalogue.h"
#include "node/pool.h"
#include "parallel/slice.h"

namespace yoke::node {

class MadeUpCheckpoint {
 public:
  explicit MadeUpCheckpoint(uint32_t seed = 1);
  ~MadeUpCheckpoint();
  MadeUpCheckpoint(const MadeUpCheckpoint&) = delete;
  MadeUpCheckpoint& operator=(const MadeUpCheckpoint&) = delete;

  const model::TensorInfo* add(Dtype dtype, std::vector<int64_t> shape);     // any bytes; numbers between -2 and 2 for floats
  const model::TensorInfo* add_blocks(Dtype dtype, int64_t rows, int64_t cols);
  const model::TensorInfo* add_groups(int64_t cols, int32_t groups);          // of GPTQ's act-order
  const model::TensorInfo* add_zeros(Dtype dtype, std::vector<int64_t> shape);  // a hole in the file; the last tensor
  void write();                                                               // after the last

  const model::Checkpoint& checkpoint() const { return checkpoint_; }
  const std::filesystem::path& file() const { return checkpoint_.files[0]; }

 private:
  const model::TensorInfo* keep(Dtype dtype, std::vector<int64_t> shape, std::string bytes);

  std::mt19937 random_;
  std::filesystem::path folder_;
  model::Checkpoint checkpoint_;
  uint64_t zeros_ = 0;
  std::string bytes_ = std::string(100, 'h');  // a header that nobody reads
};

std::vector<Region> regions_of(const std::vector<parallel::Slice>& slices);

}  // namespace yoke::node
