// Shared by the double's tests: a device with a current context, and statements in a process of their own with settings of their own.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "core/cuda/driver.h"

namespace yoke::cuda {

using Environment = std::vector<std::pair<const char*, std::string>>;

inline CUcontext make_current(int ordinal = 0) {
  CUcontext context = nullptr;
  check(driver().cuDevicePrimaryCtxRetain(&context, ordinal), "cuDevicePrimaryCtxRetain");
  check(driver().cuCtxSetCurrent(context), "cuCtxSetCurrent");
  return context;
}

inline CUstream make_stream() {
  CUstream stream = nullptr;
  check(driver().cuStreamCreateWithPriority(&stream, CU_STREAM_NON_BLOCKING, 0), "cuStreamCreateWithPriority");
  return stream;
}

inline CUevent make_event(unsigned flags = CU_EVENT_DISABLE_TIMING) {
  CUevent event = nullptr;
  check(driver().cuEventCreate(&event, flags), "cuEventCreate");
  return event;
}

inline CUdeviceptr allocate(size_t bytes) {
  CUdeviceptr pointer = 0;
  check(driver().cuMemAlloc(&pointer, bytes), "cuMemAlloc");
  return pointer;
}

template <typename Value>
std::vector<Value> read_back(CUdeviceptr from, size_t count, CUstream stream) {
  std::vector<Value> values(count);
  check(driver().cuMemcpyDtoHAsync(values.data(), from, count * sizeof(Value), stream), "cuMemcpyDtoHAsync");
  check(driver().cuStreamSynchronize(stream), "cuStreamSynchronize");
  return values;
}

template <typename Value>
void write(CUdeviceptr to, const std::vector<Value>& values, CUstream stream) {
  check(driver().cuMemcpyHtoDAsync(to, values.data(), values.size() * sizeof(Value), stream), "cuMemcpyHtoDAsync");
  check(driver().cuStreamSynchronize(stream), "cuStreamSynchronize");
}

// add(uint32_t* x, uint32_t n, uint32_t what): x[i] += what, by blocks of any size.
inline constexpr char kPtx[] = R"(
.version 9.0
.target sm_90
.address_size 64
.global .align 4 .u32 counter = 7;
.visible .entry add(.param .u64 p_x, .param .u32 p_n, .param .u32 p_what)
{
  .reg .pred %p<2>;
  .reg .b32 %r<9>;
  .reg .b64 %rd<5>;
  ld.param.u64 %rd1, [p_x];
  ld.param.u32 %r1, [p_n];
  ld.param.u32 %r2, [p_what];
  mov.u32 %r3, %ctaid.x;
  mov.u32 %r4, %ntid.x;
  mov.u32 %r5, %tid.x;
  mad.lo.s32 %r6, %r3, %r4, %r5;
  setp.ge.u32 %p1, %r6, %r1;
  @%p1 bra done;
  cvta.to.global.u64 %rd2, %rd1;
  mul.wide.u32 %rd3, %r6, 4;
  add.s64 %rd4, %rd2, %rd3;
  ld.global.u32 %r7, [%rd4];
  add.s32 %r8, %r7, %r2;
  st.global.u32 [%rd4], %r8;
done:
  ret;
}
.visible .entry wait_for(.param .u64 p_flag)
{
  .reg .pred %p<2>;
  .reg .b32 %r<2>;
  .reg .b64 %rd<3>;
  ld.param.u64 %rd1, [p_flag];
  cvta.to.global.u64 %rd2, %rd1;
again:
  ld.volatile.global.u32 %r1, [%rd2];
  setp.eq.u32 %p1, %r1, 0;
  @%p1 bra again;
  ret;
}
.visible .entry narrow()
.maxntid 64, 1, 1
{
  ret;
}
)";

class Kernels {
 public:
  Kernels() { check(driver().cuModuleLoadData(&module_, kPtx), "cuModuleLoadData"); }

  CUfunction find(const char* name) const {
    CUfunction function = nullptr;
    check(driver().cuModuleGetFunction(&function, module_, name), name);
    return function;
  }

  static CUresult launch(CUfunction function, CUstream stream, std::vector<void*> params, unsigned blocks = 1, unsigned threads = 32,
                         unsigned shared = 0, bool cooperative = false) {
    CUlaunchAttribute attribute{};
    attribute.id = CU_LAUNCH_ATTRIBUTE_COOPERATIVE;
    attribute.value.cooperative = cooperative;
    const CUlaunchConfig config{blocks, 1, 1, threads, 1, 1, shared, stream, &attribute, 1};
    return driver().cuLaunchKernelEx(&config, function, params.data(), nullptr);
  }

  CUresult add(CUdeviceptr x, uint32_t n, uint32_t what, CUstream stream) const {
    return launch(find("add"), stream, {&x, &n, &what}, (n + 31) / 32);
  }

  CUmodule module() const { return module_; }

 private:
  CUmodule module_ = nullptr;
};

// Runs the body in a process of its own, with these settings: the double reads them once. The body's EXPECTs count.
#define YOKE_IN_PROCESS(environment, ...)                                                 \
  EXPECT_EXIT(                                                                            \
      {                                                                                   \
        for (const auto& [key, value] : Environment environment) setenv(key, value.c_str(), 1); \
        __VA_ARGS__;                                                                      \
        _exit(testing::Test::HasFailure() ? 1 : 0);                                       \
      },                                                                                  \
      testing::ExitedWithCode(0), "")

}  // namespace yoke::cuda
