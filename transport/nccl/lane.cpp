#include <utility>

#include "core/units.h"
#include "transport/nccl/nccl_communicator.h"

namespace yoke::transport::nccl {

using cuda::check;
using cuda::driver;

Lane::Lane(uint64_t staging_bytes) : Lane() {
  check(driver().cuCtxGetCurrent(&context_), "cuCtxGetCurrent");
  if (!context_) {
    throw Error{Code::unsupported,
                "NCCL: this thread has no current CUDA context; make the device's context current first",
                "communicator"};
  }
  check(driver().cuStreamCreateWithPriority(&stream_, cuda::CU_STREAM_NON_BLOCKING, 0), "a stream for NCCL");
  check(driver().cuEventCreate(&event_, cuda::CU_EVENT_DISABLE_TIMING), "an event for NCCL");
  void* staging = nullptr;
  check(driver().cuMemHostAlloc(&staging, staging_bytes, cuda::kMemHostAllocPortable),
        "pinned memory of " + format_bytes(staging_bytes) + " for NCCL");
  staging_ = static_cast<std::byte*>(staging);
}

Lane::~Lane() {
  if (left_behind_) return;
  driver().cuCtxSetCurrent(context_);
  if (scratch_) driver().cuMemFree(scratch_);
  if (staging_) driver().cuMemFreeHost(staging_);
  if (event_) driver().cuEventDestroy(event_);
  if (stream_) driver().cuStreamDestroy(stream_);
}

void Lane::enter() const { check(driver().cuCtxSetCurrent(context_), "cuCtxSetCurrent for NCCL"); }

cuda::CUdeviceptr Lane::scratch(uint64_t bytes) {
  if (bytes <= scratch_bytes_) return scratch_;
  if (scratch_) check(driver().cuMemFree(std::exchange(scratch_, 0)), "cuMemFree");
  scratch_bytes_ = 0;
  check(driver().cuMemAlloc(&scratch_, bytes), format_bytes(bytes) + " of device memory for NCCL");
  scratch_bytes_ = bytes;
  return scratch_;
}

void Lane::mark() const { check(driver().cuEventRecord(event_, stream_), "cuEventRecord for NCCL"); }

bool Lane::done() const {
  const cuda::CUresult result = driver().cuEventQuery(event_);
  if (result == cuda::CUDA_ERROR_NOT_READY) return false;
  check(result, "the device, at work for NCCL");
  return true;
}

}  // namespace yoke::transport::nccl
