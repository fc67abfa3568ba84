// Memory on a GPU that ops need besides their operands: scratch, which the next op may overwrite, and tables of addresses, which stay.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "kernels/device.h"

namespace yoke::kernels::cuda {

class Scratch {
 public:
  explicit Scratch(Device& device) : device_(device) {}

  // 256-byte aligned, for the launches of one op. It grows; what it was before stays, since a recording may hold it.
  std::byte* room(uint64_t bytes) {
    if (bytes > bytes_) {
      bytes_ = std::max(bytes, 2 * bytes_);
      room_ = device_.allocate(bytes_, Device::Memory::local);
    }
    return room_;
  }

  // These words on the device. Weights do not move, so a table is made once.
  const std::byte* table(const std::vector<uint64_t>& words) {
    const std::byte*& at = tables_[words];
    if (at == nullptr && !words.empty()) {
      const auto bytes = std::as_bytes(std::span(words));
      std::byte* made = device_.allocate(bytes.size(), Device::Memory::local);
      device_.upload(made, bytes);
      at = made;
    }
    return at;
  }

 private:
  Device& device_;
  std::byte* room_ = nullptr;
  uint64_t bytes_ = 0;
  std::map<std::vector<uint64_t>, const std::byte*> tables_;
};

}  // namespace yoke::kernels::cuda
