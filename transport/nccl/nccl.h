// The row "nccl" of the table of communicators: operations on device memory, for messages that are too large for one exchange
// through host memory. libnccl.so.2 is loaded at run time.
#pragma once

#include <memory>
#include <string>

#include "transport/communicator.h"

namespace yoke::transport::nccl {

// Why NCCL cannot be used here (no GPU, no libnccl.so.2, too old), with the remedy; empty where it can.
std::string unavailable();

// Pointers of the communicator's calls are device memory (or pinned host memory) of the CUDA context that is current in the calling
// thread; what they hold must be ready when a call is made, as a call returns only when its result is.
//
// Beside NCCL it has a communicator of transport/ucx, over which the ranks agree on each call before NCCL begins it: so a rank that
// does not come, is gone or makes another call is named, which NCCL alone would answer by waiting for ever. Barriers, and messages
// between two ranks up to kSmallBytes, go over that road altogether.
//
// Sums of two ranks come from ncclAllReduce (a + b has one order only). Of three or more, the parts are gathered and added on the
// host in rank order, because NCCL adds in an order of its own: right, and slow.
//
// Three rounds of config.exchange. Every rank must call it; ends within the exchange's deadline plus 70 s. Error{unsupported} with
// unavailable()'s words, where no context is current, or where ranks have different NCCLs, with both named.
// abort() ends a call within 100 ms unless the call is stuck inside NCCL or the driver: then only the end of the process helps,
// and the engine's agent ends it.
std::unique_ptr<Communicator> make(const CommunicatorConfig& config);

}  // namespace yoke::transport::nccl
