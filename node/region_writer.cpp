#include "node/region_writer.h"

#include "core/error.h"
#include "node/staging.h"

namespace yoke::node {
namespace {

bool shares_no_panel(const TensorPart& part, Range index) {
  if (index == part.index) return true;
  if (part.unit == 0) return false;
  const int64_t begin = index.begin - part.index.begin, end = index.end - part.index.begin;
  return begin % part.unit == 0 && (end % part.unit == 0 || index.end == part.index.end);
}

}  // namespace

RegionWriter::RegionWriter(const std::vector<parallel::Slice>& slices, const Pool& pool, int threads) : slices_(slices) {
  std::vector<const Region*> regions;
  for (const parallel::Slice& slice : slices) {
    const Region* region = pool.find(slice.region());
    YOKE_ASSERT(region != nullptr && region->bytes == slice.pool_bytes());
    regions.push_back(region);
    targets_.push_back(pool.host(*region));
  }
  if (!targets_.empty() && targets_[0] == nullptr) staging_ = std::make_unique<Staging>(std::move(regions), pool.memory(), threads);
}

RegionWriter::~RegionWriter() = default;

void RegionWriter::put(const TensorPart& part, Range index, const std::byte* line) {
  const size_t slice = static_cast<size_t>(part.slice - slices_.data());
  std::unique_lock<std::mutex> order(orders_[slice % orders_.size()], std::defer_lock);
  if (!shares_no_panel(part, index)) order.lock();
  if (staging_) return staging_->put(slice, part, index, line);
  node::put({.part = part, .index = index, .line = line, .region = targets_[slice]});
}

void RegionWriter::finish() {
  if (staging_) staging_->finish();
}

CopyTimes RegionWriter::times() const { return staging_ ? staging_->times() : CopyTimes{}; }

uint64_t staging_bytes(PoolPlace place, int threads) { return place == PoolPlace::device ? Staging::most_bytes(threads) : 0; }

}  // namespace yoke::node
