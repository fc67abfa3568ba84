// From addresses of lanes to the host's memory, with all checks.
#include <algorithm>
#include <cstdio>

#include "tests/emulator/ptx/machine.h"

namespace yoke::emulator {

std::string hex(uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

namespace {

struct Resolver {
  Warp& warp;
  Block& block;
  uint32_t bytes;
  Access access;
  uint32_t line;

  const char* verb() const { return reads() ? "read" : access == Access::write ? "write" : "atomic"; }

  bool reads() const { return access == Access::read || access == Access::atomic_read; }

  [[noreturn]] void fail(int code, uint32_t lane, uint64_t address, const std::string& why) const {
    throw LaneFault{code, lane, std::string(verb()) + " of " + std::to_string(bytes) + " bytes at " + hex(address) + ": " + why};
  }

  void check_alignment(uint32_t lane, uint64_t address) const {
    if (address & (bytes - 1)) fail(kMisaligned, lane, address, "not aligned to " + std::to_string(bytes));
  }

  std::byte* shared(uint32_t lane, uint64_t offset) {
    check_alignment(lane, offset);
    if (offset >= block.shared_bytes || block.shared_bytes - offset < bytes) {
      fail(kIllegalAddress, lane, offset, "outside the block's " + std::to_string(block.shared_bytes) + " bytes of shared memory");
    }
    if (block.races) {
      const auto kind = static_cast<RaceCheck::Access>(access);
      if (const auto race = block.races->access(warp.index, static_cast<uint32_t>(offset), bytes, kind, line)) {
        throw LaneFault{kLaunchFailure, lane, *race};
      }
    }
    return block.shared.data() + offset;
  }

  std::byte* local(uint32_t lane, uint64_t offset) const {
    check_alignment(lane, offset);
    const uint32_t size = block.program.local_bytes;
    if (offset >= size || size - offset < bytes) {
      fail(kIllegalAddress, lane, offset, "outside the thread's " + std::to_string(size) + " bytes of local memory");
    }
    return warp.local + uint64_t{size} * lane + offset;
  }

  std::byte* param(uint32_t lane, uint64_t offset) const {
    check_alignment(lane, offset);
    const auto& params = block.launch.params;
    if (offset >= params.size() || params.size() - offset < bytes) {
      fail(kIllegalAddress, lane, offset, "outside the kernel's " + std::to_string(params.size()) + " bytes of parameters");
    }
    if (!reads()) fail(kIllegalAddress, lane, offset, "parameters are read-only");
    return const_cast<std::byte*>(params.data()) + offset;
  }

  std::byte* device(uint32_t lane, uint64_t address) const {
    check_alignment(lane, address);
    const bool write = !reads();
    if (std::byte* host = block.memory.host(line, address, bytes, write)) return host;
    fail(kIllegalAddress, lane, address, block.memory.complaint(address, bytes, write));
  }

  std::byte* generic(uint32_t lane, uint64_t address) {
    if (address - kSharedWindow < kWindowBytes) return shared(lane, address - kSharedWindow);
    if (address - kLocalWindow < kWindowBytes) return local(lane, address - kLocalWindow);
    if (address - kParamWindow < kWindowBytes) return param(lane, address - kParamWindow);
    return device(lane, address);
  }

  // All lanes within [base, base + size), aligned, which is the rule. Numbers stay below 2^63, so a sign bit is an overflow.
  bool at_once(uint64_t base, uint64_t size, std::byte* memory, const uint64_t* address, std::byte** host) const {
    if (size < bytes) return false;
    const uint64_t limit = size - bytes, difference = reinterpret_cast<uint64_t>(memory) - base;
    uint64_t outside = 0, low_bits = 0;
    for (uint32_t lane = 0; lane < 32; ++lane) {
      const uint64_t at = address[lane] - base;
      outside |= at | (limit - at);
      low_bits |= address[lane];
      host[lane] = reinterpret_cast<std::byte*>(address[lane] + difference);
    }
    return outside >> 63 == 0 && (low_bits & (bytes - 1)) == 0;
  }

  bool device_at_once(uint32_t mask, const uint64_t* address, std::byte** host) const {
    const bool write = !reads();
    const AddressSpace::Range& last = block.memory.last(line);
    if (last.bytes != 0 && (last.writable || !write) && at_once(last.device, last.bytes, last.host, address, host)) return true;
    const AddressSpace::Range* found = block.memory.search(line, address[first_lane(mask)], bytes, write);
    return found != nullptr && at_once(found->device, found->bytes, found->host, address, host);
  }

  bool run(const AddressOperand& operand, uint32_t mask, std::byte** host) {
    uint64_t address[32];
    if (operand.narrow) {
      const uint32_t* row = warp.row<uint32_t>(operand.row);
      for (uint32_t lane = 0; lane < 32; ++lane) address[lane] = row[lane] + static_cast<uint32_t>(operand.offset);
    } else {
      const uint64_t* row = warp.row<uint64_t>(operand.row);
      for (uint32_t lane = 0; lane < 32; ++lane) address[lane] = row[lane] + static_cast<uint64_t>(int64_t{operand.offset});
    }
    if (mask != kAllLanes) {  // the others must not spoil what is checked for all at once
      const uint64_t valid = address[first_lane(mask)];
      for (uint32_t lane = 0; lane < 32; ++lane) address[lane] = mask >> lane & 1 ? address[lane] : valid;
    }
    switch (operand.space) {
      case Space::generic:
      case Space::global:
      case Space::constant:
        if (!device_at_once(mask, address, host)) each(mask, address, host, &Resolver::generic);
        break;
      case Space::shared:
        if (block.races || !at_once(0, block.shared_bytes, block.shared.data(), address, host)) each(mask, address, host, &Resolver::shared);
        break;
      case Space::local: each(mask, address, host, &Resolver::local); break;
      case Space::param:
        if (!reads() || !at_once(0, block.launch.params.size(), const_cast<std::byte*>(block.launch.params.data()), address, host)) {
          each(mask, address, host, &Resolver::param);
        }
        break;
    }
    return mask == kAllLanes && adjacent(host);
  }

  bool adjacent(std::byte** host) const {
    uint64_t different = 0;
    const auto first = reinterpret_cast<uint64_t>(host[0]);
    for (uint32_t lane = 0; lane < 32; ++lane) different |= reinterpret_cast<uint64_t>(host[lane]) ^ (first + lane * bytes);
    return different == 0;
  }

  template <class F>
  void each(uint32_t mask, const uint64_t* address, std::byte** host, F f) {
    for (; mask != 0; mask &= mask - 1) {
      const uint32_t lane = first_lane(mask);
      host[lane] = (this->*f)(lane, address[lane]);
    }
  }
};

}  // namespace

RangeCache::RangeCache(const AddressSpace& space, const std::vector<Variable>& variables)
    : space_(space), variables_(variables), ranges_(space.ranges()), version_(space.version()) {}

void RangeCache::refresh() {
  version_ = space_.version();
  ranges_ = space_.ranges();
  last_ = {};
}

const AddressSpace::Range* RangeCache::search(uint32_t way, uint64_t address, uint64_t bytes, bool write) {
  if (space_.version() != version_) refresh();
  const auto fits = [&](const AddressSpace::Range& range) {
    return address >= range.device && address - range.device < range.bytes && range.bytes - (address - range.device) >= bytes;
  };
  AddressSpace::Range found;
  auto after = std::upper_bound(ranges_->begin(), ranges_->end(), address, [](uint64_t a, const auto& range) { return a < range.device; });
  if (after != ranges_->begin() && fits(*--after)) {
    found = *after;
  } else {
    for (const Variable& variable : variables_) {
      const AddressSpace::Range range{variable.device_address, variable.bytes, variable.host, variable.writable};
      if (fits(range)) found = range;
    }
  }
  if (found.host == nullptr || (write && !found.writable)) return nullptr;
  last_[way % kWays] = found;
  return &last_[way % kWays];
}

std::string RangeCache::complaint(uint64_t address, uint64_t bytes, bool write) const {
  if (address < kDeviceTag && address >> 48 == 0 && address < 4096) return "a null pointer";
  auto after = std::upper_bound(ranges_->begin(), ranges_->end(), address, [](uint64_t a, const auto& range) { return a < range.device; });
  if (after == ranges_->begin()) return "below all memory of the device";
  const AddressSpace::Range& range = *--after;
  const uint64_t inside = address - range.device;
  if (inside < range.bytes && write && !range.writable && range.bytes - inside >= bytes) return "the memory there is read-only";
  const std::string name = "the range of " + std::to_string(range.bytes) + " bytes at " + hex(range.device);
  if (inside < range.bytes) return "begins inside " + name + " and goes beyond its end";
  return "outside all ranges, " + std::to_string(inside - range.bytes) + " bytes behind the end of " + name;
}

bool resolve(Warp& warp, const AddressOperand& address, uint32_t mask, uint32_t bytes, Access access, std::byte** host) {
  return Resolver{warp, *warp.block, bytes, access, address.line}.run(address, mask, host);
}

bool resolve(Warp& warp, const Instruction& i, uint32_t mask, uint32_t bytes, Access access, std::byte** host) {
  return Resolver{warp, *warp.block, bytes, access, i.line}.run({i.address, i.offset, i.narrow_address, i.space, i.line}, mask, host);
}

}  // namespace yoke::emulator
