// Made-up operands: numbers that are a function of a seed alone, on every machine, and weights of every format that a GPU multiplies
// with, as a checkpoint would hold them, packed as the pool holds them. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "kernels/packed_matrix.h"

namespace yoke::node::selftest {

class Numbers {
 public:
  explicit Numbers(uint64_t seed) : state_(seed) {}
  uint64_t bits();                                     // splitmix64
  int64_t between(int64_t low, int64_t high);          // both included
  float real(float low, float high);                   // a multiple of 2^-24 of the range
  std::vector<float> reals(int64_t count, float low = -1, float high = 1);

 private:
  uint64_t state_;
};

struct NamedFormat {
  std::string_view name;
  WeightFormat format;
};
// A row for each kind of what parallel::gpu_multiplies says yes to.
std::span<const NamedFormat> formats();

struct MadeMatrix {
  PackedShape shape;
  std::vector<std::byte> bytes;
  kernels::PackedMatrix at(const std::byte* data) const { return {shape, data}; }
};

// A part of a weight of `rows` x `cols`, of which cols is rounded up to the format's unit. Exceptions of packed forms are among them.
struct Part {
  int64_t rows, cols;
  Range part_rows, part_cols;  // empty: all
};
MadeMatrix make_matrix(const WeightFormat& format, Part part, uint64_t seed);

}  // namespace yoke::node::selftest
