// Streams, capture, events. There is no default stream: a null handle is refused.
#include "tests/emulator/driver/objects.h"

namespace yoke::cuda {
namespace {

using namespace yoke::emulator;

void throw_sticky(const Device& device) {
  if (const unsigned sticky = device.sticky) throw Failure{static_cast<CUresult>(sticky), ""};
}

}  // namespace

extern "C" {

CUresult cuStreamCreateWithPriority(CUstream* stream, unsigned flags, int) {
  return guarded("cuStreamCreateWithPriority", Needs::context, [&] {
    if (flags > CU_STREAM_NON_BLOCKING) throw Failure{CUDA_ERROR_INVALID_VALUE, "unknown flags"};
    *stream = streams().add<CUstream>(make_stream(current_device()));
  });
}

CUresult cuStreamDestroy_v2(CUstream handle) {
  return guarded("cuStreamDestroy", Needs::init, [&] { streams().remove(handle)->end_when_idle(); });
}

CUresult cuStreamQuery(CUstream handle) {
  return guarded("cuStreamQuery", Needs::context, [&] {
    const auto stream = streams().get(handle);
    refuse_in_capture(stream.get(), "cuStreamQuery");
    const bool idle = stream->idle();
    throw_sticky(stream->device());
    if (!idle) throw Failure{CUDA_ERROR_NOT_READY, ""};
  });
}

CUresult cuStreamSynchronize(CUstream handle) {
  return guarded("cuStreamSynchronize", Needs::context, [&] {
    const auto stream = streams().get(handle);
    refuse_in_capture(stream.get(), "cuStreamSynchronize");
    stream->wait_idle();
    throw_sticky(stream->device());
  });
}

CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned) {
  return guarded("cuStreamWaitEvent", Needs::context, [&] { wait_for(streams().get(stream), events().get(event)); });
}

CUresult cuStreamBeginCapture_v2(CUstream stream, CUstreamCaptureMode mode) {
  return guarded("cuStreamBeginCapture", Needs::context, [&] { begin_capture(streams().get(stream), mode); });
}

CUresult cuStreamEndCapture(CUstream stream, CUgraph* graph) {
  return guarded("cuStreamEndCapture", Needs::context, [&] {
    *graph = nullptr;
    auto captured = std::make_shared<CapturedGraph>();
    captured->graph = end_capture(*streams().get(stream));
    *graph = graphs().add<CUgraph>(std::move(captured));
  });
}

CUresult cuStreamIsCapturing(CUstream stream, CUstreamCaptureStatus* status) {
  return guarded("cuStreamIsCapturing", Needs::context, [&] { *status = capture_status(*streams().get(stream)); });
}

CUresult cuEventCreate(CUevent* event, unsigned flags) {
  return guarded("cuEventCreate", Needs::context, [&] {
    if (flags & ~(CU_EVENT_BLOCKING_SYNC | CU_EVENT_DISABLE_TIMING)) throw Failure{CUDA_ERROR_INVALID_VALUE, "unknown flags"};
    *event = events().add<CUevent>(std::make_shared<Event>(!(flags & CU_EVENT_DISABLE_TIMING)));
  });
}

CUresult cuEventDestroy_v2(CUevent event) {
  return guarded("cuEventDestroy", Needs::init, [&] { events().remove(event); });
}

CUresult cuEventRecord(CUevent event, CUstream stream) {
  return guarded("cuEventRecord", Needs::context, [&] { record(streams().get(stream), events().get(event)); });
}

CUresult cuEventQuery(CUevent handle) {
  return guarded("cuEventQuery", Needs::context, [&] {
    const auto event = events().get(handle);
    refuse_captured(*event);
    refuse_in_capture(nullptr, "cuEventQuery");
    const bool done = event->done();
    throw_sticky(current_device());
    if (!done) throw Failure{CUDA_ERROR_NOT_READY, ""};
  });
}

CUresult cuEventSynchronize(CUevent handle) {
  return guarded("cuEventSynchronize", Needs::context, [&] {
    const auto event = events().get(handle);
    refuse_captured(*event);
    refuse_in_capture(nullptr, "cuEventSynchronize");
    event->wait(event->recorded());
    throw_sticky(current_device());
  });
}

CUresult cuEventElapsedTime_v2(float* milliseconds, CUevent start, CUevent end) {
  return guarded("cuEventElapsedTime", Needs::context, [&] {
    const auto from = events().get(start)->time();
    *milliseconds = std::chrono::duration<float, std::milli>(events().get(end)->time() - from).count();
  });
}

}  // extern "C"
}  // namespace yoke::cuda
