// The addition of an all-reduce. Apart from the roads, so that every road adds in the same way.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/dtype.h"

namespace yoke::transport {

// sum[i] = a[i] + b[i], each rounded once to the type. `sum` may be `a` or `b`; none needs to be aligned (a piece lies where the
// network left it). Types: see addable().
void add(std::byte* sum, const std::byte* a, const std::byte* b, uint64_t bytes, Dtype dtype);

// f32, f16, bf16.
bool addable(Dtype dtype);

}  // namespace yoke::transport
