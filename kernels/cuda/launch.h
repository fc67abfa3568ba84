// The kernels of one GPU: its modules, loaded from the images that this program carries, and how one is launched. Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>

#include "kernels/cuda/cuda_device.h"

namespace yoke::kernels::cuda {

struct LaunchShape {
  uint32_t x = 1, y = 1, z = 1;  // blocks; one with 0 launches nothing
  uint32_t threads = 0;          // of a block
  uint32_t shared_bytes = 0;     // dynamic
};

// At most as many as a grid has in its y and z: kernels take the others in strides.
inline constexpr int64_t kMostGridRows = 65535;
uint32_t grid_rows(int64_t rows);
uint32_t blocks_of(int64_t elements, uint32_t threads);

class Launcher {
 public:
  explicit Launcher(const CudaDevice& device) : device_(device) {}
  ~Launcher();
  Launcher(const Launcher&) = delete;
  Launcher& operator=(const Launcher&) = delete;

  // On the device's stream. `image` is the .cu's name, `kernel` the function's.
  template <class Params>
  void launch(std::string_view image, std::string_view kernel, const LaunchShape& shape, const Params& params) {
    static_assert(std::is_trivially_copyable_v<Params> && sizeof(Params) <= 4096);  // what every launch path takes
    launch_bytes(image, kernel, shape, &params, sizeof(Params));
  }

  yoke::cuda::CUfunction function(std::string_view image, std::string_view kernel);
  const CudaDevice& device() const { return device_; }

 private:
  struct Kernel {
    yoke::cuda::CUfunction function = nullptr;
    uint32_t shared_allowed = 0;
  };
  void launch_bytes(std::string_view image, std::string_view kernel, const LaunchShape& shape, const void* params, size_t bytes);
  Kernel& kernel_of(std::string_view image, std::string_view kernel);
  yoke::cuda::CUmodule module_of(std::string_view image);

  const CudaDevice& device_;
  std::map<std::string, yoke::cuda::CUmodule, std::less<>> modules_;
  std::map<std::string, Kernel, std::less<>> kernels_;  // by "image.kernel"
};

}  // namespace yoke::kernels::cuda
