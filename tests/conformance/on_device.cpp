#include "on_device.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "core/cuda/driver.h"
#include "transport/registry.h"

namespace yoke::transport::conformance {
namespace {

using cuda::check;
using cuda::driver;

class Devices : public testing::Environment {
 public:
  void SetUp() override { setenv("YOKE_EMULATOR_DEVICES", std::to_string(kDevices).c_str(), 1); }
};
const auto* const kEnvironment = testing::AddGlobalTestEnvironment(new Devices);

class OnDevice final : public Communicator {
 public:
  OnDevice(cuda::CUcontext context, std::unique_ptr<Communicator> inner) : context_(context), inner_(std::move(inner)) {
    check(driver().cuStreamCreateWithPriority(&stream_, cuda::CU_STREAM_NON_BLOCKING, 0), "cuStreamCreateWithPriority");
  }
  ~OnDevice() override {
    inner_.reset();
    driver().cuCtxSetCurrent(context_);
    for (const Buffer& buffer : buffers_) driver().cuMemFree(buffer.pointer);
    driver().cuStreamDestroy(stream_);
  }

  std::string_view backend() const override { return inner_->backend(); }
  int rank() const override { return inner_->rank(); }
  int size() const override { return inner_->size(); }

  void all_reduce(void* data, int64_t count, Dtype dtype, Duration deadline) override {
    const std::span<std::byte> bytes(static_cast<std::byte*>(data), row_bytes(dtype, count));
    std::byte* there = copy_in(0, bytes);
    inner_->all_reduce(there, count, dtype, deadline);
    copy_out(there, bytes);
  }

  void all_gather(std::span<const std::byte> mine, std::byte* all, std::span<const uint64_t> part_bytes, Duration deadline) override {
    uint64_t total = 0;
    for (const uint64_t bytes : part_bytes) total += bytes;
    std::byte* everything = copy_in(0, {all, total});
    const bool within = mine.data() >= all && mine.data() < all + total;
    const std::byte* part = within ? everything + (mine.data() - all) : copy_in(1, mine);
    inner_->all_gather({part, mine.size()}, everything, part_bytes, deadline);
    copy_out(everything, {all, total});
  }

  void broadcast(std::span<std::byte> data, int root, Duration deadline) override {
    std::byte* there = copy_in(0, data);
    inner_->broadcast({there, data.size()}, root, deadline);
    copy_out(there, data);
  }

  void send(std::span<const std::byte> data, int to, Duration deadline) override {
    std::byte* there = copy_in(0, data);
    inner_->send({there, data.size()}, to, deadline);
    poison(there, data.size());  // as a caller may do now
  }

  void recv(std::span<std::byte> data, int from, Duration deadline) override {
    std::byte* there = copy_in(0, data);
    poison(there, data.size());
    inner_->recv({there, data.size()}, from, deadline);
    copy_out(there, data);
  }

  void barrier(Duration deadline) override { inner_->barrier(deadline); }
  void abort() noexcept override { inner_->abort(); }

 private:
  struct Buffer {
    cuda::CUdeviceptr pointer = 0;
    size_t bytes = 0;
  };

  std::byte* copy_in(int which, std::span<const std::byte> data) {
    check(driver().cuCtxSetCurrent(context_), "cuCtxSetCurrent");
    Buffer& buffer = buffers_[which];
    if (buffer.bytes < std::max<size_t>(data.size(), 1)) {
      check(driver().cuMemFree(std::exchange(buffer.pointer, 0)), "cuMemFree");
      buffer.bytes = std::max<size_t>(data.size(), 4096);
      check(driver().cuMemAlloc(&buffer.pointer, buffer.bytes), "cuMemAlloc");
    }
    if (!data.empty()) check(driver().cuMemcpyHtoDAsync(buffer.pointer, data.data(), data.size(), stream_), "cuMemcpyHtoDAsync");
    check(driver().cuStreamSynchronize(stream_), "cuStreamSynchronize");
    return reinterpret_cast<std::byte*>(buffer.pointer);
  }

  void copy_out(const std::byte* there, std::span<std::byte> data) {
    if (data.empty()) return;
    check(driver().cuMemcpyDtoHAsync(data.data(), reinterpret_cast<cuda::CUdeviceptr>(there), data.size(), stream_), "cuMemcpyDtoHAsync");
    check(driver().cuStreamSynchronize(stream_), "cuStreamSynchronize");
  }

  void poison(const std::byte* there, size_t bytes) {
    check(driver().cuMemsetD8Async(reinterpret_cast<cuda::CUdeviceptr>(there), 0xAB, bytes, stream_), "cuMemsetD8Async");
    check(driver().cuStreamSynchronize(stream_), "cuStreamSynchronize");
  }

  cuda::CUcontext context_;
  std::unique_ptr<Communicator> inner_;
  cuda::CUstream stream_ = nullptr;
  Buffer buffers_[2];
};

}  // namespace

std::unique_ptr<Communicator> make_on_device(const std::string& backend, const CommunicatorConfig& config) {
  cuda::CUcontext context = nullptr;
  check(driver().cuDevicePrimaryCtxRetain(&context, config.rank), "cuDevicePrimaryCtxRetain");
  check(driver().cuCtxSetCurrent(context), "cuCtxSetCurrent");
  return std::make_unique<OnDevice>(context, communicator_backend(backend).make(config));
}

}  // namespace yoke::transport::conformance
