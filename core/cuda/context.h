// The primary context of a GPU, held for as long as this lives; all who use the GPU in one process share it.
#pragma once

#include <string>

#include "core/cuda/driver.h"

namespace yoke::cuda {

// Error{unsupported} for a GPU that is not there.
CUdevice device_at(int ordinal);
int attribute(int ordinal, CUdevice_attribute which);
std::string device_name(int ordinal);  // "NVIDIA GB10"

class Context {
 public:
  explicit Context(int ordinal);  // current on this thread from then on
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  void use() const;  // makes it current on this thread
  CUdevice device() const { return device_; }

 private:
  CUdevice device_ = 0;
  CUcontext context_ = nullptr;
};

}  // namespace yoke::cuda
