// Capture of streams into graphs, and their replay. Nodes stand in the order of capture, which is a topological one; branches that do
// not depend on each other run at the same time when the graph is launched.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "tests/emulator/driver/stream.h"

namespace yoke::emulator {

struct Node {
  CUgraphNodeType type;
  const char* name;
  std::function<void()> run;  // may throw Failure; runs once a launch
  std::vector<size_t> after;  // nodes that end before it begins
};

struct Graph {
  std::vector<Node> nodes;
};

struct Capture {
  Graph graph;
  Stream* origin = nullptr;
  CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
  std::thread::id thread;
  bool invalid = false;
  std::vector<std::weak_ptr<Stream>> streams;  // that take part
};

std::mutex& capture_mutex();

// Into the stream's queue, or into the graph that it is captured into.
void submit(const std::shared_ptr<Stream>& stream, CUgraphNodeType type, Work work);

void begin_capture(const std::shared_ptr<Stream>& stream, CUstreamCaptureMode mode);
std::shared_ptr<const Graph> end_capture(Stream& stream);
CUstreamCaptureStatus capture_status(Stream& stream);
void record(const std::shared_ptr<Stream>& stream, const std::shared_ptr<Event>& event);
void wait_for(const std::shared_ptr<Stream>& stream, const std::shared_ptr<Event>& event);

// For calls that a capture forbids: Failure{CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED}, and the capture is invalid. `stream`: the call
// waits for it or asks for its state; nullptr: an allocation or another call that may wait for everything.
void refuse_in_capture(const Stream* stream, const char* what);
// Failure{CUDA_ERROR_CAPTURED_EVENT} where the event stands for nodes of a capture.
void refuse_captured(const Event& event);

// Runs all nodes and returns when they ended; throws the first Failure, after which no further node begins.
void replay(const Graph& graph, Device& device);

}  // namespace yoke::emulator
