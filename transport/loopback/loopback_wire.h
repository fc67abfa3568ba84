// Ranks as threads of one process: a piece is copied into the receiver's inbox.
#pragma once

#include <memory>
#include <vector>

#include "transport/wire.h"

namespace yoke::transport::loopback {

// The wires of one new group, in rank order.
std::vector<std::unique_ptr<Wire>> make_wires(int size);

}  // namespace yoke::transport::loopback
