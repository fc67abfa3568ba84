#include "transport/loopback/loopback_wire.h"
#include "transport/message_communicator.h"
#include "transport/registry.h"

namespace yoke::transport {

// No spin: tests run more ranks than there are cores.
std::vector<std::unique_ptr<Communicator>> make_loopback_group(int size) {
  std::vector<std::unique_ptr<Communicator>> group;
  for (auto& wire : loopback::make_wires(size)) {
    group.push_back(std::make_unique<MessageCommunicator>(std::move(wire), Duration::zero()));
  }
  return group;
}

}  // namespace yoke::transport
