#include "tests/emulator/driver/graph.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <set>

namespace yoke::emulator {
namespace {

struct State {
  std::mutex mutex;
  std::vector<std::weak_ptr<Capture>> captures;  // those going on
};

State& state() {
  static State* const once = new State;  // leaked: see settings.cpp
  return *once;
}

Capture& valid(Capture& capture) {
  if (capture.invalid) throw Failure{CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, "an earlier call made this capture invalid"};
  return capture;
}

void leave(Capture& capture) {
  for (const auto& known : capture.streams) {
    const auto stream = known.lock();
    if (!stream) continue;
    stream->capture = nullptr;
    stream->tips.clear();
  }
}

// The nodes that no path leads from to `tips`.
std::vector<size_t> unjoined(const Graph& graph, const std::vector<size_t>& tips) {
  std::vector<bool> reached(graph.nodes.size(), false);
  for (const size_t tip : tips) reached[tip] = true;
  std::vector<size_t> missing;
  for (size_t node = graph.nodes.size(); node-- > 0;) {
    if (!reached[node]) missing.push_back(node);
    for (const size_t before : graph.nodes[node].after) reached[before] = reached[before] || reached[node];
  }
  return missing;
}

void merge(std::vector<size_t>& tips, const std::vector<size_t>& more) {
  std::set<size_t> all(tips.begin(), tips.end());
  all.insert(more.begin(), more.end());
  tips.assign(all.begin(), all.end());
}

// One launch of a graph.
class Replay {
 public:
  Replay(const Graph& graph, Device& device) : graph_(graph), device_(device), waiting_(graph.nodes.size()), then_(graph.nodes.size()) {
    for (size_t node = 0; node < graph.nodes.size(); ++node) {
      waiting_[node] = graph.nodes[node].after.size();
      for (const size_t before : graph.nodes[node].after) then_[before].push_back(node);
    }
  }

  void run() {
    std::vector<size_t> roots;
    for (size_t node = 0; node < graph_.nodes.size(); ++node) {
      if (graph_.nodes[node].after.empty()) roots.push_back(node);
    }
    follow(roots);
    if (failure_) throw *failure_;
  }

 private:
  // The first of the ready nodes here, the others in threads of their own; then what became ready.
  void follow(std::vector<size_t> ready) {
    while (!ready.empty()) {
      std::vector<std::thread> others;
      for (size_t i = 1; i < ready.size(); ++i) others.emplace_back([this, node = ready[i]] { follow({node}); });
      execute(graph_.nodes[ready[0]]);
      std::vector<size_t> next = ended(ready[0]);
      if (!others.empty()) {
        follow(std::move(next));
        next.clear();
      }
      for (std::thread& other : others) other.join();
      ready = std::move(next);
    }
  }

  void execute(const Node& node) {
    {
      std::lock_guard lock(mutex_);
      if (failure_ || device_.sticky != 0) return;
    }
    try {
      node.run();
    } catch (const Failure& failure) {
      std::lock_guard lock(mutex_);
      if (!failure_) failure_ = Failure{failure.code, std::string(node.name) + " in a graph: " + failure.text};
    }
  }

  std::vector<size_t> ended(size_t node) {
    std::lock_guard lock(mutex_);
    std::vector<size_t> ready;
    for (const size_t next : then_[node]) {
      if (--waiting_[next] == 0) ready.push_back(next);
    }
    return ready;
  }

  const Graph& graph_;
  Device& device_;
  std::mutex mutex_;
  std::vector<size_t> waiting_;              // how many nodes each still waits for
  std::vector<std::vector<size_t>> then_;    // the nodes after each
  std::optional<Failure> failure_;
};

}  // namespace

std::mutex& capture_mutex() { return state().mutex; }

void submit(const std::shared_ptr<Stream>& stream, CUgraphNodeType type, Work work) {
  {
    std::lock_guard lock(capture_mutex());
    if (stream->capture) {
      Graph& graph = valid(*stream->capture).graph;
      graph.nodes.push_back({type, work.name, std::move(work.run), stream->tips});
      stream->tips = {graph.nodes.size() - 1};
      return;
    }
  }
  stream->enqueue(std::move(work));
}

void begin_capture(const std::shared_ptr<Stream>& stream, CUstreamCaptureMode mode) {
  std::lock_guard lock(capture_mutex());
  if (stream->capture) throw Failure{CUDA_ERROR_ILLEGAL_STATE, "the stream is captured already"};
  auto capture = std::make_shared<Capture>();
  capture->origin = stream.get();
  capture->mode = mode;
  capture->thread = std::this_thread::get_id();
  capture->streams.push_back(stream);
  std::erase_if(state().captures, [](const auto& known) { return known.expired(); });
  state().captures.push_back(capture);
  stream->capture = std::move(capture);
  stream->tips.clear();
}

std::shared_ptr<const Graph> end_capture(Stream& stream) {
  std::lock_guard lock(capture_mutex());
  const std::shared_ptr<Capture> capture = stream.capture;
  if (!capture) throw Failure{CUDA_ERROR_ILLEGAL_STATE, "the stream is not captured"};
  if (capture->origin != &stream) throw Failure{CUDA_ERROR_STREAM_CAPTURE_UNMATCHED, "the capture began on another stream"};
  if (capture->mode != CU_STREAM_CAPTURE_MODE_RELAXED && capture->thread != std::this_thread::get_id()) {
    throw Failure{CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD, "the capture began in another thread"};
  }
  const std::vector<size_t> tips = stream.tips;
  leave(*capture);
  valid(*capture);
  if (const auto missing = unjoined(capture->graph, tips); !missing.empty()) {
    throw Failure{CUDA_ERROR_STREAM_CAPTURE_UNJOINED, "node " + std::to_string(missing[0]) + " (" +
                                                          capture->graph.nodes[missing[0]].name +
                                                          ") of another stream was not joined by an event"};
  }
  return std::make_shared<const Graph>(std::move(capture->graph));
}

CUstreamCaptureStatus capture_status(Stream& stream) {
  std::lock_guard lock(capture_mutex());
  if (!stream.capture) return CU_STREAM_CAPTURE_STATUS_NONE;
  return stream.capture->invalid ? CU_STREAM_CAPTURE_STATUS_INVALIDATED : CU_STREAM_CAPTURE_STATUS_ACTIVE;
}

void record(const std::shared_ptr<Stream>& stream, const std::shared_ptr<Event>& event) {
  {
    std::lock_guard lock(capture_mutex());
    event->capture = stream->capture;
    if (stream->capture) {
      valid(*stream->capture);
      event->tips = stream->tips;
      return;
    }
  }
  const uint64_t number = event->record_begins();
  stream->enqueue({.run = [event, number] { event->record_ends(number); }, .name = "cuEventRecord", .after_errors = true});
}

void wait_for(const std::shared_ptr<Stream>& stream, const std::shared_ptr<Event>& event) {
  {
    std::lock_guard lock(capture_mutex());
    const std::shared_ptr<Capture> captured = event->capture.lock();
    if (captured) {
      valid(*captured);
      if (stream->capture && stream->capture != captured) {
        captured->invalid = stream->capture->invalid = true;
        throw Failure{CUDA_ERROR_STREAM_CAPTURE_MERGE, "the event and the stream belong to two captures"};
      }
      if (!stream->capture) captured->streams.push_back(stream);
      stream->capture = captured;
      merge(stream->tips, event->tips);
      return;
    }
    if (stream->capture) {
      stream->capture->invalid = true;
      throw Failure{CUDA_ERROR_STREAM_CAPTURE_ISOLATION, "a captured stream waits for an event from outside of the capture"};
    }
  }
  const uint64_t number = event->recorded();
  stream->enqueue({.run = [event, number] { event->wait(number); }, .name = "cuStreamWaitEvent", .after_errors = true});
}

void refuse_in_capture(const Stream* stream, const char* what) {
  std::lock_guard lock(capture_mutex());
  for (const auto& known : state().captures) {
    const std::shared_ptr<Capture> capture = known.lock();
    if (!capture) continue;
    const bool own_stream = stream && stream->capture == capture;
    const bool forbids = capture->mode == CU_STREAM_CAPTURE_MODE_GLOBAL ||
                         (capture->mode == CU_STREAM_CAPTURE_MODE_THREAD_LOCAL && capture->thread == std::this_thread::get_id());
    if (!own_stream && !forbids) continue;
    capture->invalid = true;
    throw Failure{CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, std::string(what) + " while a stream is captured; the capture is invalid now"};
  }
}

void refuse_captured(const Event& event) {
  std::lock_guard lock(capture_mutex());
  if (!event.capture.expired()) throw Failure{CUDA_ERROR_CAPTURED_EVENT, "the event was recorded in a capture"};
}

void replay(const Graph& graph, Device& device) { Replay(graph, device).run(); }

}  // namespace yoke::emulator
