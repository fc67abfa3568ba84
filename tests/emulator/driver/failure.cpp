#include "tests/emulator/driver/failure.h"

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <map>
#include <mutex>
#include <vector>

#include "tests/emulator/driver/settings.h"

namespace yoke::emulator {
namespace {

struct Named {
  CUresult code;
  const char* name;
};
#define YOKE_NAMED(code) {code, #code}
constexpr Named kNames[] = {
    YOKE_NAMED(CUDA_SUCCESS),
    YOKE_NAMED(CUDA_ERROR_INVALID_VALUE),
    YOKE_NAMED(CUDA_ERROR_OUT_OF_MEMORY),
    YOKE_NAMED(CUDA_ERROR_NOT_INITIALIZED),
    YOKE_NAMED(CUDA_ERROR_DEINITIALIZED),
    YOKE_NAMED(CUDA_ERROR_DEVICE_UNAVAILABLE),
    YOKE_NAMED(CUDA_ERROR_NO_DEVICE),
    YOKE_NAMED(CUDA_ERROR_INVALID_DEVICE),
    YOKE_NAMED(CUDA_ERROR_INVALID_IMAGE),
    YOKE_NAMED(CUDA_ERROR_INVALID_CONTEXT),
    YOKE_NAMED(CUDA_ERROR_MAP_FAILED),
    YOKE_NAMED(CUDA_ERROR_UNMAP_FAILED),
    YOKE_NAMED(CUDA_ERROR_ALREADY_MAPPED),
    YOKE_NAMED(CUDA_ERROR_NO_BINARY_FOR_GPU),
    YOKE_NAMED(CUDA_ERROR_NOT_MAPPED),
    YOKE_NAMED(CUDA_ERROR_INVALID_PTX),
    YOKE_NAMED(CUDA_ERROR_OPERATING_SYSTEM),
    YOKE_NAMED(CUDA_ERROR_INVALID_HANDLE),
    YOKE_NAMED(CUDA_ERROR_ILLEGAL_STATE),
    YOKE_NAMED(CUDA_ERROR_NOT_FOUND),
    YOKE_NAMED(CUDA_ERROR_NOT_READY),
    YOKE_NAMED(CUDA_ERROR_ILLEGAL_ADDRESS),
    YOKE_NAMED(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES),
    YOKE_NAMED(CUDA_ERROR_LAUNCH_TIMEOUT),
    YOKE_NAMED(CUDA_ERROR_CONTEXT_IS_DESTROYED),
    YOKE_NAMED(CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED),
    YOKE_NAMED(CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED),
    YOKE_NAMED(CUDA_ERROR_ILLEGAL_INSTRUCTION),
    YOKE_NAMED(CUDA_ERROR_MISALIGNED_ADDRESS),
    YOKE_NAMED(CUDA_ERROR_LAUNCH_FAILED),
    YOKE_NAMED(CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE),
    YOKE_NAMED(CUDA_ERROR_NOT_PERMITTED),
    YOKE_NAMED(CUDA_ERROR_NOT_SUPPORTED),
    YOKE_NAMED(CUDA_ERROR_SYSTEM_NOT_READY),
    YOKE_NAMED(CUDA_ERROR_SYSTEM_DRIVER_MISMATCH),
    YOKE_NAMED(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED),
    YOKE_NAMED(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED),
    YOKE_NAMED(CUDA_ERROR_STREAM_CAPTURE_MERGE),
    YOKE_NAMED(CUDA_ERROR_STREAM_CAPTURE_UNMATCHED),
    YOKE_NAMED(CUDA_ERROR_STREAM_CAPTURE_UNJOINED),
    YOKE_NAMED(CUDA_ERROR_STREAM_CAPTURE_ISOLATION),
    YOKE_NAMED(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT),
    YOKE_NAMED(CUDA_ERROR_CAPTURED_EVENT),
    YOKE_NAMED(CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD),
    YOKE_NAMED(CUDA_ERROR_UNKNOWN),
};

struct Injection {
  std::string function;
  uint64_t call = 0;
  std::string what;
};

struct State {
  std::mutex mutex;
  std::string last;
  std::vector<Injection> injections;
  std::map<std::string, uint64_t> calls;
};

std::vector<Injection> parse(const std::string& list) {
  std::vector<Injection> injections;
  for (size_t at = 0; at < list.size();) {
    const size_t comma = std::min(list.find(',', at), list.size());
    const std::string word = list.substr(at, comma - at);
    const size_t first = word.find(':');
    const size_t second = first == std::string::npos ? first : word.find(':', first + 1);
    if (second != std::string::npos) {
      injections.push_back({word.substr(0, first), std::stoull(word.substr(first + 1, second - first - 1)), word.substr(second + 1)});
    } else if (!word.empty()) {
      std::fprintf(stderr, "emulator: YOKE_EMULATOR_FAULT: '%s' is not function:call:what\n", word.c_str());
      std::abort();
    }
    at = comma + 1;
  }
  return injections;
}

State& state() {
  static State* const once = [] {  // leaked: see settings.cpp
    auto* state = new State;
    state->injections = parse(settings().faults);
    return state;
  }();
  return *once;
}

const Injection* find(const char* function) {
  State& here = state();
  if (here.injections.empty()) return nullptr;
  std::lock_guard lock(here.mutex);
  const uint64_t call = ++here.calls[function];
  for (const Injection& injection : here.injections) {
    if (injection.function == function && (injection.call == 0 || injection.call == call)) return &injection;
  }
  return nullptr;
}

}  // namespace

bool is_sticky(CUresult code) {
  switch (static_cast<unsigned>(code)) {
    case CUDA_ERROR_ILLEGAL_ADDRESS:
    case CUDA_ERROR_LAUNCH_TIMEOUT:
    case CUDA_ERROR_ILLEGAL_INSTRUCTION:
    case CUDA_ERROR_MISALIGNED_ADDRESS:
    case CUDA_ERROR_LAUNCH_FAILED:
      return true;
    default:
      return false;
  }
}

const char* name_of(CUresult code) {
  for (const Named& named : kNames) {
    if (named.code == code) return named.name;
  }
  return nullptr;
}

void note_failure(const std::string& where, CUresult code, const std::string& text) {
  const char* name = name_of(code);
  const std::string line = where + ": " + (name ? name : std::to_string(static_cast<unsigned>(code))) + ": " + text;
  std::fprintf(stderr, "emulator: %s\n", line.c_str());
  std::lock_guard lock(state().mutex);
  state().last = line;
}

std::string last_failure() {
  std::lock_guard lock(state().mutex);
  return state().last;
}

CUresult injected_fault(const char* function) {
  const Injection* injection = find(function);
  if (!injection) return CUDA_SUCCESS;
  std::fprintf(stderr, "emulator: %s: '%s' as YOKE_EMULATOR_FAULT asks\n", function, injection->what.c_str());
  if (injection->what == "die") kill(getpid(), SIGKILL);
  while (injection->what == "hang") pause();
  return static_cast<CUresult>(std::stoul(injection->what));
}

}  // namespace yoke::emulator
