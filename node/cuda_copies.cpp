#include "node/cuda_copies.h"

#include <fmt/format.h>

#include "core/error.h"
#include "core/units.h"

namespace yoke::node::gpu {

using cuda::check;
using cuda::driver;

Copies::Copies(int device, cuda::CUdeviceptr base, int slots, uint64_t buffer_bytes)
    : context_(device), base_(base), buffer_bytes_(buffer_bytes), slots_(static_cast<size_t>(slots)) {
  try {
    check(driver().cuStreamCreateWithPriority(&stream_, cuda::CU_STREAM_NON_BLOCKING, 0), "a stream for loading");
    for (Slot& slot : slots_) {
      check(driver().cuMemHostAlloc(&slot.buffer, buffer_bytes, cuda::kMemHostAllocPortable),
            fmt::format("pinning {} of {} to load through", format_bytes(buffer_bytes), slots));
      check(driver().cuEventCreate(&slot.begun, cuda::CU_EVENT_DEFAULT), "an event for loading");
      check(driver().cuEventCreate(&slot.ended, cuda::CU_EVENT_BLOCKING_SYNC), "an event for loading");
    }
  } catch (...) {
    release();
    throw;
  }
}

Copies::~Copies() { release(); }

void Copies::release() {
  const cuda::Driver& d = driver();
  try {
    context_.use();
  } catch (const Error&) {
    return;  // the device is lost, and all of this with it
  }
  if (stream_ != nullptr) d.cuStreamSynchronize(stream_);
  for (Slot& slot : slots_) {
    if (slot.begun != nullptr) d.cuEventDestroy(slot.begun);
    if (slot.ended != nullptr) d.cuEventDestroy(slot.ended);
    if (slot.buffer != nullptr) d.cuMemFreeHost(slot.buffer);
  }
  if (stream_ != nullptr) d.cuStreamDestroy(stream_);
}

std::span<std::byte> Copies::buffer(int slot) { return {static_cast<std::byte*>(slots_.at(static_cast<size_t>(slot)).buffer), buffer_bytes_}; }

void Copies::start(int index, const std::byte* from, uint64_t from_pitch, const Rectangle& to) {
  Slot& slot = slots_.at(static_cast<size_t>(index));
  YOKE_ASSERT(!slot.busy);
  context_.use();
  const std::lock_guard guard(order_);
  check(driver().cuEventRecord(slot.begun, stream_), "cuEventRecord before a copy of weights");
  const bool dense = to.pitch == to.width && from_pitch == to.width;
  const uint64_t bytes = dense ? to.width * to.count : to.width;
  for (uint64_t i = 0; i < (dense ? 1 : to.count); ++i) {
    check(driver().cuMemcpyHtoDAsync(base_ + to.begin + i * to.pitch, from + i * from_pitch, bytes, stream_),
          fmt::format("copying {} of weights to the GPU", format_bytes(bytes)));
  }
  check(driver().cuEventRecord(slot.ended, stream_), "cuEventRecord after a copy of weights");
  slot.busy = true;
}

void Copies::wait(int index) {
  Slot& slot = slots_.at(static_cast<size_t>(index));
  if (!std::exchange(slot.busy, false)) return;
  context_.use();
  check(driver().cuEventSynchronize(slot.ended), "waiting for a copy of weights to the GPU");
  float ms = 0;
  check(driver().cuEventElapsedTime(&ms, slot.begun, slot.ended), "timing a copy of weights");
  const std::lock_guard guard(order_);
  copying_ms_ += static_cast<double>(ms);
}

void Copies::read(std::byte* to, const Rectangle& from) {
  context_.use();
  const std::lock_guard guard(order_);
  const bool dense = from.pitch == from.width;
  const uint64_t bytes = dense ? from.width * from.count : from.width;
  for (uint64_t i = 0; i < (dense ? 1 : from.count); ++i) {
    check(driver().cuMemcpyDtoHAsync(to + i * from.pitch, base_ + from.begin + i * from.pitch, bytes, stream_), "reading weights back from the GPU");
  }
  check(driver().cuStreamSynchronize(stream_), "reading weights back from the GPU");
}

Duration Copies::time_copying() const {
  const std::lock_guard guard(order_);
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double, std::milli>(copying_ms_));
}

}  // namespace yoke::node::gpu
