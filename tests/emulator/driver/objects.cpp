#include "tests/emulator/driver/objects.h"

namespace yoke::emulator {
namespace {

template <typename Object>
Handles<Object>& leaked(const char* kind, uint64_t first) {
  static auto* const once = new Handles<Object>(kind, first);
  return *once;
}

}  // namespace

Handles<Stream>& streams() { return leaked<Stream>("stream", 0x5100000010); }
Handles<Event>& events() { return leaked<Event>("event", 0xE200000010); }
Handles<LoadedModule>& modules() { return leaked<LoadedModule>("module", 0x3D00000010); }
Handles<Kernel>& kernels() { return leaked<Kernel>("function", 0xF400000010); }
Handles<CapturedGraph>& graphs() { return leaked<CapturedGraph>("graph", 0x6500000010); }
Handles<GraphNode>& graph_nodes() { return leaked<GraphNode>("graph node", 0x6600000010); }
Handles<GraphExec>& graph_execs() { return leaked<GraphExec>("executable graph", 0x6700000010); }

}  // namespace yoke::emulator
