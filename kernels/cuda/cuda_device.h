// A GPU as a Device: its memory, pinned memory of the host, one stream, graphs. Errors of the driver are Error{internal} with the
// driver's words; after one the context is lost and with it the engine.
#pragma once

#include <vector>

#include "core/cuda/context.h"
#include "kernels/device.h"

namespace yoke::kernels::cuda {

class CudaDevice final : public Device {
 public:
  explicit CudaDevice(int ordinal);
  ~CudaDevice() override;

  std::string description() const override { return description_; }
  std::byte* allocate(uint64_t bytes, Memory memory) override;
  void upload(std::byte* to, std::span<const std::byte> from) override;
  void download(std::span<std::byte> to, const std::byte* from) override;
  void finish(Duration deadline, const std::string& what) override;
  bool idle() override;
  bool records() const override { return true; }
  std::unique_ptr<Recording> record(const std::function<void()>& body) override;

  int ordinal() const { return ordinal_; }
  yoke::cuda::CUstream stream() const { return stream_; }
  void use() const { context_.use(); }  // before any call of the driver on a thread that may be new

 private:
  const int ordinal_;
  yoke::cuda::Context context_;
  std::string description_;
  yoke::cuda::CUstream stream_ = nullptr;
  yoke::cuda::CUstream copies_ = nullptr;  // copies while stream_ records
  bool recording_ = false;
  std::vector<yoke::cuda::CUdeviceptr> local_;
  std::vector<void*> shared_;
};

}  // namespace yoke::kernels::cuda
