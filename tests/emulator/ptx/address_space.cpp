#include <algorithm>
#include <stdexcept>

#include "tests/emulator/ptx/emulator.h"

namespace yoke::emulator {
namespace {

auto first_after(const AddressSpace::Ranges& ranges, uint64_t address) {
  return std::upper_bound(ranges.begin(), ranges.end(), address, [](uint64_t a, const auto& range) { return a < range.device; });
}

}  // namespace

AddressSpace::AddressSpace() : ranges_(std::make_shared<const Ranges>()) {}

void AddressSpace::add(uint64_t device_address, std::byte* host, uint64_t bytes, bool writable) {
  const std::lock_guard lock(mutex_);
  const auto after = first_after(*ranges_, device_address);
  const bool hits_next = after != ranges_->end() && after->device - device_address < bytes;
  const bool hits_previous = after != ranges_->begin() && device_address - std::prev(after)->device < std::prev(after)->bytes;
  if (bytes == 0 || hits_next || hits_previous) throw std::invalid_argument("a range of device memory is empty or overlaps another");
  auto changed = std::make_shared<Ranges>(*ranges_);
  changed->insert(changed->begin() + (after - ranges_->begin()), {device_address, bytes, host, writable});
  ranges_ = std::move(changed);
  version_.fetch_add(1, std::memory_order_release);
}

void AddressSpace::remove(uint64_t device_address) {
  const std::lock_guard lock(mutex_);
  auto changed = std::make_shared<Ranges>(*ranges_);
  if (std::erase_if(*changed, [&](const Range& range) { return range.device == device_address; }) == 0) {
    throw std::invalid_argument("no range of device memory begins there");
  }
  ranges_ = std::move(changed);
  version_.fetch_add(1, std::memory_order_release);
}

std::optional<AddressSpace::Range> AddressSpace::find(uint64_t device_address) const {
  const auto all = ranges();
  const auto after = first_after(*all, device_address);
  if (after == all->begin() || device_address - std::prev(after)->device >= std::prev(after)->bytes) return std::nullopt;
  return *std::prev(after);
}

std::shared_ptr<const AddressSpace::Ranges> AddressSpace::ranges() const {
  const std::lock_guard lock(mutex_);
  return ranges_;
}

}  // namespace yoke::emulator
