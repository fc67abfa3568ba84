#include "core/cuda/context.h"

#include <fmt/format.h>

#include "core/error.h"

namespace yoke::cuda {

CUdevice device_at(int ordinal) {
  int count = 0;
  check(driver().cuDeviceGetCount(&count), "counting GPUs");
  if (ordinal < 0 || ordinal >= count) {
    throw Error{Code::unsupported, fmt::format("there is no GPU {}: this node has {}, counted from 0", ordinal, count), "device"};
  }
  CUdevice device = 0;
  check(driver().cuDeviceGet(&device, ordinal), fmt::format("cuDeviceGet of GPU {}", ordinal));
  return device;
}

int attribute(int ordinal, CUdevice_attribute which) {
  int value = 0;
  check(driver().cuDeviceGetAttribute(&value, which, device_at(ordinal)), fmt::format("attribute {} of GPU {}", static_cast<unsigned>(which), ordinal));
  return value;
}

std::string device_name(int ordinal) {
  char text[128] = "";
  check(driver().cuDeviceGetName(text, sizeof text - 1, device_at(ordinal)), fmt::format("the name of GPU {}", ordinal));
  return text;
}

Context::Context(int ordinal) : device_(device_at(ordinal)) {
  check(driver().cuDevicePrimaryCtxRetain(&context_, device_), fmt::format("the primary context of GPU {}", ordinal));
  use();
}

Context::~Context() { driver().cuDevicePrimaryCtxRelease(device_); }

void Context::use() const { check(driver().cuCtxSetCurrent(context_), "cuCtxSetCurrent"); }

}  // namespace yoke::cuda
