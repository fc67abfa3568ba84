// Graphs: made by capture only.
#include "tests/emulator/driver/objects.h"

namespace yoke::cuda {
namespace {

using namespace yoke::emulator;

void name_nodes(CapturedGraph& graph) {
  if (!graph.nodes.empty()) return;
  for (size_t i = 0; i < graph.graph->nodes.size(); ++i) {
    graph.nodes.push_back(graph_nodes().add<CUgraphNode>(std::make_shared<GraphNode>(GraphNode{graph.graph, i})));
  }
}

}  // namespace

extern "C" {

CUresult cuGraphInstantiateWithFlags(CUgraphExec* out, CUgraph graph, unsigned long long flags) {
  return guarded("cuGraphInstantiate", Needs::context, [&] {
    if (flags != 0) throw Failure{CUDA_ERROR_INVALID_VALUE, "the emulator knows no flags here"};
    auto exec = std::make_shared<GraphExec>();
    exec->graph = graphs().get(graph)->graph;
    *out = graph_execs().add<CUgraphExec>(std::move(exec));
  });
}

CUresult cuGraphLaunch(CUgraphExec handle, CUstream stream_handle) {
  return guarded("cuGraphLaunch", Needs::context, [&] {
    const auto exec = graph_execs().get(handle);
    const auto stream = streams().get(stream_handle);
    if (capture_status(*stream) != CU_STREAM_CAPTURE_STATUS_NONE) {
      throw Failure{CUDA_ERROR_NOT_SUPPORTED, "the emulator captures no graph into a graph"};
    }
    auto run = [exec, &device = stream->device()] {
      std::lock_guard lock(exec->one_at_a_time);
      replay(*exec->graph, device);
    };
    stream->enqueue({.run = std::move(run), .name = "cuGraphLaunch"});
  });
}

CUresult cuGraphExecDestroy(CUgraphExec exec) {
  return guarded("cuGraphExecDestroy", Needs::init, [&] { graph_execs().remove(exec); });
}

CUresult cuGraphDestroy(CUgraph graph) {
  return guarded("cuGraphDestroy", Needs::init, [&] {
    const auto gone = graphs().remove(graph);
    for (const CUgraphNode node : gone->nodes) graph_nodes().remove(node);
  });
}

CUresult cuGraphGetNodes(CUgraph handle, CUgraphNode* nodes, size_t* count) {
  return guarded("cuGraphGetNodes", Needs::context, [&] {
    const auto graph = graphs().get(handle);
    name_nodes(*graph);
    if (nodes) std::copy_n(graph->nodes.begin(), std::min(*count, graph->nodes.size()), nodes);
    *count = nodes ? std::min(*count, graph->nodes.size()) : graph->nodes.size();
  });
}

CUresult cuGraphNodeGetType(CUgraphNode handle, CUgraphNodeType* type) {
  return guarded("cuGraphNodeGetType", Needs::context, [&] {
    const auto node = graph_nodes().get(handle);
    *type = node->graph->nodes[node->index].type;
  });
}

}  // extern "C"
}  // namespace yoke::cuda
