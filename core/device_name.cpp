#include "core/device_name.h"

#include <fmt/format.h>

#include <charconv>

#include "core/error.h"

namespace yoke {

DeviceName device_named(std::string_view text) {
  if (text == "auto") return {};
  if (text == "cpu") return {.kind = DeviceKind::cpu};
  if (text == "cuda") return {.kind = DeviceKind::cuda};
  constexpr std::string_view kNumbered = "cuda:";
  if (text.starts_with(kNumbered)) {
    int gpu = -1;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data() + kNumbered.size(), end, gpu);
    if (error == std::errc() && rest == end && gpu >= 0 && gpu < kMostGpus) return {.kind = DeviceKind::cuda, .gpu = gpu};
  }
  throw Error{Code::invalid_argument, fmt::format("'{}' is no device: auto, cpu, cuda, or cuda:N for the node's GPU N", text), "device"};
}

std::string device_mistake(const std::string& text) {
  try {
    device_named(text);
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

}  // namespace yoke
