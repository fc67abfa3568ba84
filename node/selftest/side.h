// The memory of one side of a comparison: the device under test, or its twin on the host. Problems are written once, against a Side,
// and run on both. One thread.
#pragma once

#include <cstring>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "kernels/ops.h"

namespace yoke::node::selftest {

class Side {
 public:
  // Error{does_not_fit} if the device has not `bytes`.
  Side(kernels::Ops& ops, uint64_t bytes)
      : ops_(ops), memory_(ops.device().allocate(bytes, kernels::Device::Memory::local)), bytes_(bytes) {}

  kernels::Ops& ops() { return ops_; }

  // A copy of `values` that the side's ops can read.
  template <typename T>
  T* put(std::span<const T> values) {
    static_assert(std::is_trivially_copyable_v<T>);
    T* const at = reinterpret_cast<T*>(take(values.size_bytes()));
    if (!values.empty()) ops_.device().upload(reinterpret_cast<std::byte*>(at), std::as_bytes(values));
    return at;
  }
  template <typename T>
  T* put(const std::vector<T>& values) {
    return put(std::span<const T>(values));
  }
  template <typename T>
  std::span<const T> put_span(const std::vector<T>& values) {
    return {put(values), values.size()};
  }

  // Poisoned: as floats NaN.
  template <typename T>
  T* room(int64_t count) {
    return put(std::vector<T>(static_cast<size_t>(count), poison<T>()));
  }

  // When all work before is done.
  template <typename T>
  std::vector<T> get(const T* from, int64_t count) {
    std::vector<T> values(static_cast<size_t>(count));
    wait();
    ops_.device().download(std::as_writable_bytes(std::span(values)), reinterpret_cast<const std::byte*>(from));
    return values;
  }

  void wait() { ops_.device().finish(std::chrono::minutes(5), "a problem of the self-test"); }
  void clear() { used_ = 0; }  // what was put is no more; the next problem takes its place

 private:
  template <typename T>
  static T poison() {
    T value;
    std::memset(&value, 0xFF, sizeof(T));
    return value;
  }
  std::byte* take(uint64_t bytes);

  kernels::Ops& ops_;
  std::byte* memory_;
  uint64_t bytes_, used_ = 0;
};

}  // namespace yoke::node::selftest
