// The primary context of a GPU, held for as long as this lives: the one that kernels use in the same process.
#pragma once

#include "core/cuda/driver.h"

namespace yoke::node::gpu {

class Context {
 public:
  explicit Context(int device);  // Error{unsupported} for no such device; current on this thread from then on
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  void use() const;  // on this thread
  cuda::CUdevice device() const { return device_; }

 private:
  cuda::CUdevice device_ = 0;
  cuda::CUcontext context_ = nullptr;
};

// Error{unsupported} for no such device.
cuda::CUdevice device_at(int ordinal);
int attribute(int ordinal, cuda::CUdevice_attribute which);

}  // namespace yoke::node::gpu
