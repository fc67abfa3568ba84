// This build has no NCCL: its file says so, instead of an #ifdef.
#include "core/error.h"
#include "transport/nccl/nccl.h"

namespace yoke::transport::nccl {

std::string unavailable() {
  return "NCCL joins GPUs, and this build has no GPU kernels yet; use ucx (shared memory within a host, TCP between hosts)";
}

std::unique_ptr<Communicator> make(const CommunicatorConfig&) { throw Error{Code::unsupported, unavailable(), "communicator"}; }

}  // namespace yoke::transport::nccl
