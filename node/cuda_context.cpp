#include "node/cuda_context.h"

#include <fmt/format.h>

#include "core/error.h"

namespace yoke::node::gpu {

using cuda::check;
using cuda::driver;

cuda::CUdevice device_at(int ordinal) {
  int count = 0;
  check(driver().cuDeviceGetCount(&count), "counting GPUs");
  if (ordinal < 0 || ordinal >= count) {
    throw Error{Code::unsupported, fmt::format("there is no GPU {}: this node has {}, counted from 0; choose another --device cuda:N", ordinal, count),
                "device"};
  }
  cuda::CUdevice device = 0;
  check(driver().cuDeviceGet(&device, ordinal), fmt::format("cuDeviceGet of GPU {}", ordinal));
  return device;
}

int attribute(int ordinal, cuda::CUdevice_attribute which) {
  int value = 0;
  check(driver().cuDeviceGetAttribute(&value, which, device_at(ordinal)), fmt::format("cuDeviceGetAttribute {} of GPU {}", static_cast<int>(which), ordinal));
  return value;
}

Context::Context(int ordinal) : device_(device_at(ordinal)) {
  check(driver().cuDevicePrimaryCtxRetain(&context_, device_), fmt::format("cuDevicePrimaryCtxRetain of GPU {}", ordinal));
  use();
}

// A driver that has failed says so to whoever works with it; here nothing is left to be done.
Context::~Context() { driver().cuDevicePrimaryCtxRelease(device_); }

void Context::use() const { check(driver().cuCtxSetCurrent(context_), "cuCtxSetCurrent"); }

}  // namespace yoke::node::gpu
