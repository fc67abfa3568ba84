#include "node/forward/binder.h"

#include <fmt/format.h>

#include "core/error.h"
#include "parallel/slice.h"

namespace yoke::node::forward {
namespace {

using kernels::PackedMatrix;

std::string region_of(model::Role role, Place place) { return parallel::region_name(role, place.layer, place.half, place.expert); }

[[noreturn]] void missing(const std::string& name) { throw Error{Code::bad_file, fmt::format("the pool has no region {}", name)}; }

}  // namespace

PackedMatrix Binder::optional_matrix(model::Role role, Place place, int64_t rows, int64_t cols) const {
  if (rows == 0 || cols == 0) return {};
  const std::string name = region_of(role, place);
  const Region* region = pool_.find(name);
  if (region == nullptr) return {};
  const PackedShape& shape = region->shape;
  if (shape.rows != rows || shape.cols != cols || region->bytes != shape.bytes()) {
    throw Error{Code::bad_file, fmt::format("the pool's {} is {} x {} {} in {} bytes, expected {} x {}", name, shape.rows, shape.cols,
                                            yoke::name(shape.format), region->bytes, rows, cols)};
  }
  return {shape, pool_.data(*region)};
}

PackedMatrix Binder::matrix(model::Role role, Place place, int64_t rows, int64_t cols) const {
  PackedMatrix found = optional_matrix(role, place, rows, cols);
  if (found.data == nullptr && rows != 0 && cols != 0) missing(region_of(role, place));
  return found;
}

const float* Binder::optional_vector(model::Role role, Place place, int64_t n) const {
  const std::string name = region_of(role, place);
  const Region* region = pool_.find(name);
  if (region == nullptr || n == 0) return nullptr;
  if (region->bytes != static_cast<uint64_t>(n) * sizeof(float)) {
    throw Error{Code::bad_file, fmt::format("the pool's {} has {} bytes, expected {} F32 values", name, region->bytes, n)};
  }
  return reinterpret_cast<const float*>(pool_.data(*region));
}

const float* Binder::vector(model::Role role, Place place, int64_t n) const {
  const float* found = optional_vector(role, place, n);
  if (found == nullptr && n != 0) missing(region_of(role, place));
  return found;
}

}  // namespace yoke::node::forward
