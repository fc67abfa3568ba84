#include "core/cuda/nvml.h"

#include <dlfcn.h>
#include <fmt/format.h>

namespace yoke::cuda::nvml {
namespace {

// nvml.h's ABI: results are ints (0: success), a device is a pointer, enums are unsigned.
using Device = void*;
constexpr unsigned kClockSm = 1;         // NVML_CLOCK_SM
constexpr unsigned kTemperatureGpu = 0;  // NVML_TEMPERATURE_GPU
constexpr unsigned kVersionBytes = 80;   // NVML_SYSTEM_DRIVER_VERSION_BUFFER_SIZE

struct Library {
  std::string why;
  int (*init)() = nullptr;
  int (*driver_version)(char*, unsigned) = nullptr;
  int (*device_by_bus_id)(const char*, Device*) = nullptr;
  int (*clock)(Device, unsigned, unsigned*) = nullptr;
  int (*max_clock)(Device, unsigned, unsigned*) = nullptr;
  int (*power)(Device, unsigned*) = nullptr;
  int (*temperature)(Device, unsigned, unsigned*) = nullptr;
  int (*reasons)(Device, unsigned long long*) = nullptr;
};

template <typename Function>
void find(void* library, const char* symbol, Function& function) {
  if (!function) function = reinterpret_cast<Function>(dlsym(library, symbol));
}

Library* load() {
  auto* nvml = new Library;  // leaked, as the library is
  void* library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    nvml->why = fmt::format("no NVML: {}", dlerror());
    return nvml;
  }
  find(library, "nvmlInit_v2", nvml->init);
  find(library, "nvmlSystemGetDriverVersion", nvml->driver_version);
  find(library, "nvmlDeviceGetHandleByPciBusId_v2", nvml->device_by_bus_id);
  find(library, "nvmlDeviceGetClockInfo", nvml->clock);
  find(library, "nvmlDeviceGetMaxClockInfo", nvml->max_clock);
  find(library, "nvmlDeviceGetPowerUsage", nvml->power);
  find(library, "nvmlDeviceGetTemperature", nvml->temperature);
  find(library, "nvmlDeviceGetCurrentClocksEventReasons", nvml->reasons);  // the name since driver 535
  find(library, "nvmlDeviceGetCurrentClocksThrottleReasons", nvml->reasons);
  if (!nvml->init || !nvml->device_by_bus_id) {
    nvml->why = "libnvidia-ml.so.1 lacks nvmlInit_v2 or nvmlDeviceGetHandleByPciBusId_v2";
  } else if (const int result = nvml->init(); result != 0) {
    nvml->why = fmt::format("nvmlInit_v2 failed with {}", result);
  }
  return nvml;
}

const Library& library() {
  static const Library* const once = load();
  return *once;
}

// The value of a getter that may be absent, or may say that the device does not support it.
template <typename Value, typename Function, typename... Arguments>
auto get(Function function, Arguments... arguments) {
  Value value = 0;
  const bool got = function && function(arguments..., &value) == 0;
  return got ? std::optional<Value>(value) : std::nullopt;
}

struct Reason {
  uint64_t bit;
  const char* words;
};

// nvmlClocksEventReason*.
constexpr Reason kReasons[] = {
    {0x001, "idle"},
    {0x002, "application clock setting"},
    {0x004, "power cap"},
    {0x008, "slowdown (hardware)"},
    {0x010, "sync boost"},
    {0x020, "thermal slowdown (software)"},
    {0x040, "thermal slowdown (hardware)"},
    {0x080, "power brake (hardware)"},
    {0x100, "display clock setting"},
};

}  // namespace

std::string unavailable() { return library().why; }

std::string driver_version() {
  char text[kVersionBytes] = {};
  const Library& nvml = library();
  if (!nvml.why.empty() || !nvml.driver_version || nvml.driver_version(text, sizeof text) != 0) return {};
  return text;
}

Reading read(const std::string& bus_id) {
  const Library& nvml = library();
  Device device = nullptr;
  if (!nvml.why.empty() || nvml.device_by_bus_id(bus_id.c_str(), &device) != 0) return {};
  Reading reading;
  reading.sm_mhz = get<unsigned>(nvml.clock, device, kClockSm);
  reading.max_sm_mhz = get<unsigned>(nvml.max_clock, device, kClockSm);
  reading.power_mw = get<unsigned>(nvml.power, device);
  reading.temperature_c = get<unsigned>(nvml.temperature, device, kTemperatureGpu);
  reading.throttle_reasons = get<unsigned long long>(nvml.reasons, device);
  return reading;
}

std::string throttle_words(uint64_t reasons) {
  std::string words;
  for (const Reason& reason : kReasons) {
    if (!(reasons & reason.bit)) continue;
    words += (words.empty() ? "" : ", ") + std::string(reason.words);
    reasons &= ~reason.bit;
  }
  if (reasons != 0) words += fmt::format("{}unknown bits {:#x}", words.empty() ? "" : ", ", reasons);
  return words.empty() ? "none" : words;
}

}  // namespace yoke::cuda::nvml
