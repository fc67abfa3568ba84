#include "node/pool.h"

#include <utility>

#include "core/error.h"
#include "node/pool_directory.h"

namespace yoke::node {

Pool Pool::create(std::vector<Region> regions, PoolPlace place, int device) {
  return create(std::move(regions), [&](uint64_t bytes, uint64_t directory) { return pool_place(place).create(device, bytes, directory); });
}

Pool Pool::create(std::vector<Region> regions, const MakeMemory& make) {
  Pool pool;
  pool.bytes_ = lay_out(regions);
  pool.memory_ = make(pool.bytes_, directory_bytes(regions.size()));
  write_directory(regions, pool.memory_->directory(), pool.bytes_);
  pool.keep(std::move(regions));
  return pool;
}

Pool Pool::attach(std::vector<Descriptor> descriptors, PoolPlace place, int device) {
  Pool pool;
  pool.memory_ = pool_place(place).attach(device, std::move(descriptors));
  pool.bytes_ = pool_bytes(pool.memory_->directory());
  if (pool.bytes_ > pool.memory_->bytes()) {
    throw Error{Code::bad_file, "the pool's directory is damaged: it claims more memory than there is; let the agent load the model again"};
  }
  pool.keep(read_directory(pool.memory_->directory(), pool.bytes_));
  return pool;
}

Pool Pool::attach(int owned) {
  std::vector<Descriptor> descriptors;
  descriptors.emplace_back(owned);
  return attach(std::move(descriptors));
}

Pool::Pool(Pool&& other) noexcept
    : memory_(std::move(other.memory_)),
      bytes_(std::exchange(other.bytes_, 0)),
      regions_(std::move(other.regions_)),
      by_name_(std::move(other.by_name_)) {
  other.regions_.clear();
  other.by_name_.clear();
}

Pool& Pool::operator=(Pool&& other) noexcept {
  std::swap(memory_, other.memory_);
  std::swap(bytes_, other.bytes_);
  std::swap(regions_, other.regions_);
  std::swap(by_name_, other.by_name_);
  return *this;
}

void Pool::keep(std::vector<Region> regions) {
  regions_ = std::move(regions);
  by_name_.reserve(regions_.size());
  for (const Region& region : regions_) by_name_.emplace(region.name, &region);
}

const Region* Pool::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

const Region& Pool::at(std::string_view name) const {
  const Region* region = find(name);
  YOKE_ASSERT(region != nullptr);
  return *region;
}

}  // namespace yoke::node
