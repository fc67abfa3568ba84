// Copies from pinned buffers into a GPU's memory, on one stream of their own.
#pragma once

#include <mutex>
#include <vector>

#include "core/cuda/context.h"
#include "node/pool_memory.h"

namespace yoke::node::gpu {

class Copies final : public DeviceCopies {
 public:
  // `base` is where byte 0 of rectangles lies. Error{does_not_fit} if so much cannot be pinned.
  Copies(int device, cuda::CUdeviceptr base, int slots, uint64_t buffer_bytes);
  ~Copies() override;

  std::span<std::byte> buffer(int slot) override;
  void start(int slot, const std::byte* from, uint64_t from_pitch, const Rectangle& to) override;
  void wait(int slot) override;
  void read(std::byte* to, const Rectangle& from) override;
  Duration time_copying() const override;

 private:
  struct Slot {
    void* buffer = nullptr;
    cuda::CUevent begun = nullptr, ended = nullptr;
    bool busy = false;
  };
  void release();

  cuda::Context context_;
  const cuda::CUdeviceptr base_;
  const uint64_t buffer_bytes_;
  cuda::CUstream stream_ = nullptr;
  std::vector<Slot> slots_;
  mutable std::mutex order_;  // of what is given to the stream, and of the time
  double copying_ms_ = 0;
};

}  // namespace yoke::node::gpu
