// What --device may say.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace yoke {

enum class DeviceKind { automatic, cpu, cuda };

struct DeviceName {
  DeviceKind kind = DeviceKind::automatic;
  std::optional<int> gpu;  // "cuda:1": which of the node's
};

inline constexpr int kMostGpus = 64;

DeviceName device_named(std::string_view text);  // auto, cpu, cuda, cuda:N. Error{invalid_argument}
std::string device_mistake(const std::string& text);  // the same as a check of the command line: empty where it is right

}  // namespace yoke
