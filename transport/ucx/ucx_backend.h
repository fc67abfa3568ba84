// The row "ucx" of the table of communicators.
#pragma once

#include <memory>
#include <string>

#include "transport/communicator.h"

namespace yoke::transport::ucx {

std::string unavailable();
// Two rounds of config.exchange: who is where, then the workers' addresses. Every rank must call it; ends within the exchange's
// deadline plus 10 s. Error{unavailable} if UCX cannot build a road, Error{deadline_exceeded} if a rank does not come.
std::unique_ptr<Communicator> make(const CommunicatorConfig& config);

}  // namespace yoke::transport::ucx
