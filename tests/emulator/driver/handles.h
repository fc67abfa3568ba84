// Handles that the caller holds: never a pointer of ours and never given twice, so that a handle that was destroyed, or is of another
// kind, is always told apart. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "tests/emulator/driver/failure.h"

namespace yoke::emulator {

template <typename Object>
class Handles {
 public:
  Handles(const char* kind, uint64_t first) : kind_(kind), next_(first) {}

  template <typename Handle>
  Handle add(std::shared_ptr<Object> object) {
    std::lock_guard lock(mutex_);
    const uint64_t handle = next_;
    next_ += 16;
    objects_[handle] = std::move(object);
    return (Handle)handle;  // a pointer, or a number of 64 bits
  }

  // Failure{CUDA_ERROR_INVALID_HANDLE} where the handle is not of this kind, or no longer.
  template <typename Handle>
  std::shared_ptr<Object> get(Handle handle) const {
    std::lock_guard lock(mutex_);
    const auto at = objects_.find((uint64_t)handle);
    if (at == objects_.end()) fail((uint64_t)handle);
    return at->second;
  }

  template <typename Handle>
  std::shared_ptr<Object> remove(Handle handle) {
    std::shared_ptr<Object> object = get(handle);
    std::lock_guard lock(mutex_);
    objects_.erase((uint64_t)handle);
    return object;
  }

  std::vector<std::shared_ptr<Object>> all() const {
    std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<Object>> objects;
    for (const auto& [handle, object] : objects_) objects.push_back(object);
    return objects;
  }

 private:
  [[noreturn]] void fail(uint64_t handle) const {
    throw Failure{CUDA_ERROR_INVALID_HANDLE, std::string(kind_) + " " + std::to_string(handle) + " was never given out, or was destroyed"};
  }

  const char* kind_;
  mutable std::mutex mutex_;
  uint64_t next_;  // kinds begin far apart, so that no number is a handle of two kinds
  std::map<uint64_t, std::shared_ptr<Object>> objects_;
};

}  // namespace yoke::emulator
