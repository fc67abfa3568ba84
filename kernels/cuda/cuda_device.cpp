#include "kernels/cuda/cuda_device.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "core/error.h"
#include "core/units.h"

namespace yoke::kernels::cuda {
namespace {

using namespace yoke::cuda;

// A step is awaited once, at its end: polling as hard as a collective does would take the core that feeds the next one.
constexpr Duration kSpin = std::chrono::microseconds(50);
constexpr Duration kSleep = std::chrono::microseconds(20);

CUstream make_stream() {
  CUstream stream = nullptr;
  check(driver().cuStreamCreateWithPriority(&stream, CU_STREAM_NON_BLOCKING, 0), "making a stream");
  return stream;
}

bool done(CUstream stream, const std::string& what) {
  const CUresult result = driver().cuStreamQuery(stream);
  if (result != CUDA_SUCCESS && result != CUDA_ERROR_NOT_READY) check(result, what);
  return result == CUDA_SUCCESS;
}

void wait(CUstream stream, Duration deadline, const std::string& what) {
  const TimePoint begin = system_clock().now();
  while (!done(stream, what)) {
    const Duration waited = system_clock().now() - begin;
    if (waited > deadline) {
      throw Error{Code::deadline_exceeded, fmt::format("{}: the GPU was not done after {} ms", what, std::chrono::duration_cast<std::chrono::milliseconds>(deadline).count())};
    }
    if (waited > kSpin) std::this_thread::sleep_for(kSleep);
    else std::this_thread::yield();
  }
}

constexpr Duration kCopyDeadline = std::chrono::minutes(10);  // ordered behind a step

class Graph final : public Recording {
 public:
  Graph(const CudaDevice& device, CUgraph graph) : device_(device), graph_(graph) {
    check(driver().cuGraphInstantiate(&exec_, graph, 0), "instantiating a graph");
  }
  ~Graph() override {
    device_.use();
    if (exec_ != nullptr) driver().cuGraphExecDestroy(exec_);
    driver().cuGraphDestroy(graph_);
  }

  void play() override {
    device_.use();
    check(driver().cuGraphLaunch(exec_, device_.stream()), "launching a graph");
  }

  int64_t launches() const override {
    size_t count = 0;
    check(driver().cuGraphGetNodes(graph_, nullptr, &count), "counting a graph's nodes");
    std::vector<CUgraphNode> nodes(count);
    check(driver().cuGraphGetNodes(graph_, nodes.data(), &count), "a graph's nodes");
    int64_t kernels = 0;
    for (CUgraphNode node : nodes) {
      CUgraphNodeType type{};
      check(driver().cuGraphNodeGetType(node, &type), "a node's type");
      kernels += type == CU_GRAPH_NODE_TYPE_KERNEL;
    }
    return kernels;
  }

 private:
  const CudaDevice& device_;
  CUgraph graph_;
  CUgraphExec exec_ = nullptr;
};

}  // namespace

CudaDevice::CudaDevice(int ordinal)
    : ordinal_(ordinal), context_(ordinal), description_(fmt::format("cuda ({})", device_name(ordinal))), stream_(make_stream()), copies_(make_stream()) {
  if (attribute(ordinal, CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING) == 0) {
    throw Error{Code::unsupported, fmt::format("{} has no unified addressing, which pinned memory at one address needs", description_), "device"};
  }
}

CudaDevice::~CudaDevice() {
  try {
    use();
  } catch (const Error&) {
    return;  // the context is lost, and its memory with it
  }
  driver().cuStreamDestroy(stream_);
  driver().cuStreamDestroy(copies_);
  for (const CUdeviceptr block : local_) driver().cuMemFree(block);
  for (void* block : shared_) driver().cuMemFreeHost(block);
}

std::byte* CudaDevice::allocate(uint64_t bytes, Memory memory) {
  use();
  bytes = std::max<uint64_t>(bytes, 1);
  if (memory == Memory::local) {
    CUdeviceptr block = 0;
    check(driver().cuMemAlloc(&block, bytes), fmt::format("{} of GPU memory", format_bytes(bytes)));
    local_.push_back(block);
    return reinterpret_cast<std::byte*>(block);
  }
  void* block = nullptr;
  check(driver().cuMemHostAlloc(&block, bytes, kMemHostAllocPortable | kMemHostAllocDeviceMap), fmt::format("{} of pinned memory", format_bytes(bytes)));
  shared_.push_back(block);
  CUdeviceptr mapped = 0;
  check(driver().cuMemHostGetDevicePointer(&mapped, block, 0), "the GPU's address of pinned memory");
  if (reinterpret_cast<void*>(mapped) != block) throw Error{Code::unsupported, "pinned memory has another address on the GPU", "device"};
  return static_cast<std::byte*>(block);
}

void CudaDevice::upload(std::byte* to, std::span<const std::byte> from) {
  if (from.empty()) return;
  use();
  const CUstream stream = recording_ ? copies_ : stream_;
  const std::string what = fmt::format("copying {} to the GPU", format_bytes(from.size()));
  check(driver().cuMemcpyHtoDAsync(reinterpret_cast<CUdeviceptr>(to), from.data(), from.size(), stream), what);
  wait(stream, kCopyDeadline, what);
}

void CudaDevice::download(std::span<std::byte> to, const std::byte* from) {
  if (to.empty()) return;
  use();
  const std::string what = fmt::format("copying {} from the GPU", format_bytes(to.size()));
  check(driver().cuMemcpyDtoHAsync(to.data(), reinterpret_cast<CUdeviceptr>(from), to.size(), stream_), what);
  wait(stream_, kCopyDeadline, what);
}

void CudaDevice::finish(Duration deadline, const std::string& what) {
  use();
  wait(stream_, deadline, what);
}

bool CudaDevice::idle() {
  use();
  return done(stream_, "the GPU's work");
}

// Relaxed: what a first use makes ready (a table of experts) may be copied on another stream meanwhile.
std::unique_ptr<Recording> CudaDevice::record(const std::function<void()>& body) {
  use();
  check(driver().cuStreamBeginCapture(stream_, CU_STREAM_CAPTURE_MODE_RELAXED), "recording a step");
  recording_ = true;
  CUgraph graph = nullptr;
  try {
    body();
  } catch (...) {
    recording_ = false;
    if (driver().cuStreamEndCapture(stream_, &graph) == CUDA_SUCCESS && graph != nullptr) driver().cuGraphDestroy(graph);
    throw;
  }
  recording_ = false;
  check(driver().cuStreamEndCapture(stream_, &graph), "the end of recording a step");
  return std::make_unique<Graph>(*this, graph);
}

}  // namespace yoke::kernels::cuda
