#include "tests/emulator/driver/context.h"

#include <deque>
#include <exception>
#include <mutex>

#include "tests/emulator/driver/settings.h"

namespace yoke::emulator {
namespace {

struct State {
  std::atomic<bool> started{false};
  std::deque<Device> devices;
};

State& state() {
  static State* const once = [] {  // leaked: workers use devices while the process exits
    auto* state = new State;
    for (int ordinal = 0; ordinal < settings().devices; ++ordinal) state->devices.emplace_back().ordinal = ordinal;
    return state;
  }();
  return *once;
}

thread_local Device* t_current = nullptr;

constexpr uint64_t kFirstContext = 0xC0000010;

void need(Needs needs) {
  if (needs == Needs::nothing) return;
  if (!state().started) throw Failure{CUDA_ERROR_NOT_INITIALIZED, "cuInit was not called"};
  if (needs == Needs::context && !t_current) throw Failure{CUDA_ERROR_INVALID_CONTEXT, "this thread has no current context"};
}

}  // namespace

void Device::fail(const std::string& where, const Failure& failure) {
  static std::mutex* const one_at_a_time = new std::mutex;
  std::lock_guard lock(*one_at_a_time);
  if (sticky != 0) return;
  note_failure(where, failure.code, failure.text);  // first: whoever sees the code may ask for the words
  sticky = failure.code;
}

void start_devices() {
  if (!settings().allowed) {
    throw Failure{CUDA_ERROR_NOT_PERMITTED, "this libcuda.so.1 is Yoke's emulator, for tests: it works only with YOKE_CUDA_EMULATOR=1"};
  }
  if (!settings().mistake.empty()) throw Failure{CUDA_ERROR_INVALID_VALUE, settings().mistake};
  if (state().devices.empty()) throw Failure{CUDA_ERROR_NO_DEVICE, "YOKE_EMULATOR_DEVICES=0"};
  state().started = true;
}

int device_count() { return static_cast<int>(state().devices.size()); }

Device& device(int ordinal) {
  if (ordinal < 0 || ordinal >= device_count()) {
    throw Failure{CUDA_ERROR_INVALID_DEVICE, "device " + std::to_string(ordinal) + " of " + std::to_string(device_count())};
  }
  return state().devices[static_cast<size_t>(ordinal)];
}

Device& current_device() {
  need(Needs::context);
  return *t_current;
}

CUcontext context_of(Device& device) { return reinterpret_cast<CUcontext>(kFirstContext + 16 * static_cast<uint64_t>(device.ordinal)); }

void set_current(CUcontext context) {
  if (!context) {
    t_current = nullptr;
    return;
  }
  for (Device& device : state().devices) {
    if (context_of(device) != context) continue;
    if (device.retained == 0) throw Failure{CUDA_ERROR_CONTEXT_IS_DESTROYED, "the primary context was released"};
    t_current = &device;
    return;
  }
  throw Failure{CUDA_ERROR_INVALID_CONTEXT, "no such context"};
}

CUcontext current_context() { return t_current ? context_of(*t_current) : nullptr; }

CUresult guarded(const char* function, Needs needs, const std::function<void()>& body) {
  try {
    if (const CUresult injected = injected_fault(function); injected != CUDA_SUCCESS) {
      if (is_sticky(injected) && t_current) t_current->fail(function, {injected, "injected"});
      return injected;
    }
    need(needs);
    if (needs == Needs::context && t_current->sticky != 0) return static_cast<CUresult>(t_current->sticky.load());
    body();
    return CUDA_SUCCESS;
  } catch (const Failure& failure) {
    if (!failure.text.empty()) note_failure(function, failure.code, failure.text);
    return failure.code;
  } catch (const std::exception& error) {
    note_failure(function, CUDA_ERROR_UNKNOWN, error.what());
    return CUDA_ERROR_UNKNOWN;
  }
}

}  // namespace yoke::emulator
