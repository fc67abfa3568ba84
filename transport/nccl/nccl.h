// The row "nccl" of the table of communicators.
#pragma once

#include <memory>
#include <string>

#include "transport/communicator.h"

namespace yoke::transport::nccl {

std::string unavailable();
std::unique_ptr<Communicator> make(const CommunicatorConfig& config);  // Error{unsupported} with unavailable()'s words where it is not

}  // namespace yoke::transport::nccl
