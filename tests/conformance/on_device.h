// A communicator of device memory behind the suite's host buffers: each call copies them to the device, makes the call there, and
// reads the result back. On the double of CUDA, with a device for each rank.
#pragma once

#include <memory>
#include <string>

#include "transport/communicator.h"

namespace yoke::transport::conformance {

inline constexpr int kDevices = 4;  // that the suite has the double show

// Makes device `config.rank` current in this thread, and the backend's communicator on it.
std::unique_ptr<Communicator> make_on_device(const std::string& backend, const CommunicatorConfig& config);

}  // namespace yoke::transport::conformance
