// Modules and kernels of one device, and the launch of a kernel. Any thread.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>

#include "tests/emulator/driver/context.h"
#include "tests/emulator/driver/stream.h"

namespace yoke::emulator {

class LoadedModule {
 public:
  LoadedModule(Device& device, const void* image);
  ~LoadedModule();

  Device& device() const { return device_; }
  const Module& ptx() const { return *ptx_; }

 private:
  Device& device_;
  std::unique_ptr<Module> ptx_;
};

struct Kernel {
  std::shared_ptr<LoadedModule> module;
  const Function* function = nullptr;
  std::atomic<int> dynamic_shared_limit{0};  // cuFuncSetAttribute raises it

  int resident_blocks(int block_threads, uint64_t dynamic_shared) const;  // on one multiprocessor
};

std::shared_ptr<Kernel> find_kernel(const std::shared_ptr<LoadedModule>& module, const char* name);

// Checks the launch against the device's limits, copies the parameters, and submits it to the stream.
void launch(const CUlaunchConfig& config, const std::shared_ptr<Kernel>& kernel, const std::shared_ptr<Stream>& stream,
            void* const* params);

}  // namespace yoke::emulator
