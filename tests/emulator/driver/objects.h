// The handles of this process, by kind.
#pragma once

#include "tests/emulator/driver/graph.h"
#include "tests/emulator/driver/handles.h"
#include "tests/emulator/driver/kernel.h"
#include "tests/emulator/driver/stream.h"

namespace yoke::emulator {

struct GraphNode {
  std::shared_ptr<const Graph> graph;
  size_t index = 0;
};

struct CapturedGraph {
  std::shared_ptr<const Graph> graph;
  std::vector<CUgraphNode> nodes;
};

struct GraphExec {
  std::shared_ptr<const Graph> graph;
  std::mutex one_at_a_time;  // launches of one exec run one after another, on whatever streams
};

struct Allocation;  // api_vmm.cpp

Handles<Stream>& streams();
Handles<Event>& events();
Handles<LoadedModule>& modules();
Handles<Kernel>& kernels();
Handles<CapturedGraph>& graphs();
Handles<GraphNode>& graph_nodes();
Handles<GraphExec>& graph_execs();

}  // namespace yoke::emulator

// Every function that core/cuda/driver_functions.h names, under its symbol: the files api_*.cpp define them.
namespace yoke::cuda {
#define YOKE_EXPORT(name, symbol, params) extern "C" __attribute__((visibility("default"))) CUresult symbol params;
YOKE_CUDA_FUNCTIONS(YOKE_EXPORT)
#undef YOKE_EXPORT
}  // namespace yoke::cuda
