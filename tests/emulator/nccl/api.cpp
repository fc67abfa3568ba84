// The functions of NCCL: those of transport/nccl/nccl_api.h and a few more that programs use.
#include <cstdio>
#include <map>
#include <stdexcept>

#include "tests/emulator/nccl/comm.h"
#include "tests/emulator/nccl/driver_calls.h"

namespace yoke::transport::nccl {
#define YOKE_EXPORT(result, name, params) extern "C" __attribute__((visibility("default"))) result name params;
YOKE_NCCL_FUNCTIONS(YOKE_EXPORT)
YOKE_EXPORT(ncclResult_t, ncclCommInitRank, (ncclComm_t* out, int size, ncclUniqueId id, int rank))
YOKE_EXPORT(ncclResult_t, ncclCommFinalize, (ncclComm_t handle))
YOKE_EXPORT(ncclResult_t, ncclCommDestroy, (ncclComm_t handle))
YOKE_EXPORT(ncclResult_t, ncclCommCount, (ncclComm_t handle, int* count))
YOKE_EXPORT(ncclResult_t, ncclCommUserRank, (ncclComm_t handle, int* rank))
YOKE_EXPORT(ncclResult_t, ncclReduce,
            (const void* from, void* to, size_t count, ncclDataType_t type, ncclRedOp_t op, int root, ncclComm_t comm, cudaStream_t stream))
YOKE_EXPORT(ncclResult_t, ncclReduceScatter,
            (const void* from, void* to, size_t count, ncclDataType_t type, ncclRedOp_t op, ncclComm_t comm, cudaStream_t stream))
#undef YOKE_EXPORT

namespace {

using namespace yoke::emulator::nccl;
using emulator::nccl::Operation;

struct State {
  std::mutex mutex;
  std::map<ncclComm_t, std::shared_ptr<Comm>> comms;
  uint64_t made = 0;  // handles are never given twice
  std::string last;
};

State& state() {
  static State* const once = new State;  // leaked: see board.cpp
  return *once;
}

std::shared_ptr<Comm> find(ncclComm_t handle) {
  std::lock_guard lock(state().mutex);
  const auto at = state().comms.find(handle);
  if (at == state().comms.end()) throw Failure{ncclInvalidArgument, "no such communicator, or it was aborted or destroyed"};
  return at->second;
}

std::shared_ptr<Comm> take(ncclComm_t handle) {
  std::shared_ptr<Comm> comm = find(handle);
  std::lock_guard lock(state().mutex);
  state().comms.erase(handle);
  return comm;
}

template <typename Body>
ncclResult_t guarded(const char* function, Body body) {
  Failure failure{ncclSuccess, ""};
  try {
    if (!allowed())
      throw Failure{ncclInvalidUsage,
                    "this libnccl.so.2 is Yoke's emulator, for tests: it works only with YOKE_CUDA_EMULATOR=1"};
    return body();
  } catch (const Failure& found) {
    failure = found;
  } catch (const std::exception& error) {
    failure = {ncclInternalError, error.what()};
  }
  std::fprintf(stderr, "emulator: %s: %s\n", function, failure.words.c_str());
  std::lock_guard lock(state().mutex);
  state().last = failure.words;
  return failure.result;
}

// What this thread has put into a group that has not ended.
struct Group {
  int depth = 0;
  std::vector<std::pair<ncclComm_t, Operation>> operations;
};
thread_local Group t_group;

ncclResult_t submit_group() {
  std::map<ncclComm_t, std::vector<Operation>> by_comm;
  for (auto& [comm, operation] : t_group.operations) by_comm[comm].push_back(operation);
  t_group.operations.clear();
  ncclResult_t result = ncclSuccess;
  for (auto& [comm, operations] : by_comm) {
    for (const Operation& operation : operations) {
      if (operation.stream != operations[0].stream)
        throw Failure{ncclInvalidUsage, "the emulator takes one stream for one communicator in a group"};
    }
    const ncclResult_t submitted = find(comm)->submit(std::move(operations));
    if (submitted != ncclSuccess) result = submitted;
  }
  return result;
}

uint64_t ranks_of(const Comm& comm) { return static_cast<uint64_t>(comm.size()); }

void check(const Comm& comm, const Operation& operation) {
  const size_t bytes = operation.count * bytes_of(operation.type);
  const bool gather = operation.kind == Kind::all_gather, scatter = operation.kind == Kind::reduce_scatter;
  const bool root = operation.root == comm.rank();
  if (operation.root < 0 || operation.root >= comm.size()) throw Failure{ncclInvalidArgument, "no rank " + std::to_string(operation.root)};
  if ((operation.kind == Kind::send || operation.kind == Kind::recv) && root)
    throw Failure{ncclInvalidUsage, "the emulator sends nothing to oneself"};
  if (bytes == 0) return;
  const bool reads = operation.kind != Kind::recv && (operation.kind != Kind::broadcast || root);
  const bool writes = operation.kind != Kind::send && (operation.kind != Kind::reduce || root);
  if (reads && !is_reachable(operation.from, scatter ? bytes * ranks_of(comm) : bytes))
    throw Failure{ncclInvalidArgument, "what is read is no memory that a device reaches"};
  if (writes && !is_reachable(operation.to, gather ? bytes * ranks_of(comm) : bytes))
    throw Failure{ncclInvalidArgument, "what is written is no memory that a device reaches"};
}

ncclResult_t enqueue(const char* function, ncclComm_t handle, const Operation& operation) {
  return guarded(function, [&] {
    check(*find(handle), operation);
    t_group.operations.emplace_back(handle, operation);
    return t_group.depth > 0 ? ncclSuccess : submit_group();
  });
}

ncclResult_t join(ncclComm_t* out, int size, const ncclUniqueId& id, int rank, const ncclConfig_t& config) {
  *out = nullptr;
  auto comm = std::make_shared<Comm>(size, id, rank, config);
  {
    std::lock_guard lock(state().mutex);
    *out = reinterpret_cast<ncclComm_t>(0x4CC100000010 + 16 * state().made++);
    state().comms[*out] = comm;
  }
  if (!comm->blocking()) return ncclInProgress;
  ncclResult_t result = ncclInProgress;
  while ((result = comm->poll()) == ncclInProgress) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return result;
}

}  // namespace

extern "C" {

ncclResult_t ncclGetVersion(int* out) {
  *out = version();
  return ncclSuccess;
}

ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  return guarded("ncclGetUniqueId", [&] {
    *id = make_board();
    return ncclSuccess;
  });
}

const char* ncclGetErrorString(ncclResult_t result) {
  switch (result) {
    case ncclSuccess: return "no error";
    case ncclUnhandledCudaError: return "unhandled cuda error";
    case ncclSystemError: return "unhandled system error";
    case ncclInternalError: return "internal error";
    case ncclInvalidArgument: return "invalid argument";
    case ncclInvalidUsage: return "invalid usage";
    case ncclRemoteError: return "remote process exited or there was a network error";
    case ncclInProgress: return "operation in progress";
  }
  return "unknown result";
}

const char* ncclGetLastError(ncclComm_t handle) {
  thread_local std::string kept;
  std::shared_ptr<Comm> comm;
  {
    std::lock_guard lock(state().mutex);
    const auto at = state().comms.find(handle);
    kept = state().last;
    if (at != state().comms.end()) comm = at->second;
  }
  if (comm && !comm->last_error().empty()) kept = comm->last_error();
  return kept.c_str();
}

ncclResult_t ncclCommInitRankConfig(ncclComm_t* out, int size, ncclUniqueId id, int rank, ncclConfig_t* config) {
  return guarded("ncclCommInitRankConfig", [&] { return join(out, size, id, rank, config ? *config : ncclConfig_t{}); });
}

ncclResult_t ncclCommInitRank(ncclComm_t* out, int size, ncclUniqueId id, int rank) {
  return guarded("ncclCommInitRank", [&] { return join(out, size, id, rank, {}); });
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t handle, ncclResult_t* error) {
  return guarded("ncclCommGetAsyncError", [&] {
    *error = find(handle)->poll();
    return ncclSuccess;
  });
}

ncclResult_t ncclCommAbort(ncclComm_t handle) {
  return guarded("ncclCommAbort", [&] {
    take(handle)->abort();
    return ncclSuccess;
  });
}

ncclResult_t ncclCommFinalize(ncclComm_t handle) {
  return guarded("ncclCommFinalize", [&] {
    find(handle)->wait_for_work();
    return ncclSuccess;
  });
}

ncclResult_t ncclCommDestroy(ncclComm_t handle) {
  return guarded("ncclCommDestroy", [&] {
    take(handle)->wait_for_work();
    return ncclSuccess;
  });
}

ncclResult_t ncclCommCount(ncclComm_t handle, int* count) {
  return guarded("ncclCommCount", [&] {
    *count = find(handle)->size();
    return ncclSuccess;
  });
}

ncclResult_t ncclCommUserRank(ncclComm_t handle, int* rank) {
  return guarded("ncclCommUserRank", [&] {
    *rank = find(handle)->rank();
    return ncclSuccess;
  });
}

ncclResult_t ncclGroupStart() {
  ++t_group.depth;
  return ncclSuccess;
}

ncclResult_t ncclGroupEnd() {
  return guarded("ncclGroupEnd", [&] {
    if (t_group.depth == 0) throw Failure{ncclInvalidUsage, "no group was started"};
    return --t_group.depth > 0 ? ncclSuccess : submit_group();
  });
}

ncclResult_t ncclAllReduce(const void* from, void* to, size_t count, ncclDataType_t type, ncclRedOp_t op,
                           ncclComm_t comm, cudaStream_t stream) {
  return enqueue(
      "ncclAllReduce", comm,
      {.kind = Kind::all_reduce, .from = from, .to = to, .count = count, .type = type, .op = op, .stream = stream});
}

ncclResult_t ncclAllGather(const void* from, void* to, size_t count, ncclDataType_t type, ncclComm_t comm, cudaStream_t stream) {
  return enqueue("ncclAllGather", comm, {.kind = Kind::all_gather, .from = from, .to = to, .count = count, .type = type, .stream = stream});
}

ncclResult_t ncclReduceScatter(const void* from, void* to, size_t count, ncclDataType_t type, ncclRedOp_t op,
                               ncclComm_t comm, cudaStream_t stream) {
  return enqueue("ncclReduceScatter", comm,
                 {.kind = Kind::reduce_scatter, .from = from, .to = to, .count = count, .type = type, .op = op, .stream = stream});
}

ncclResult_t ncclReduce(const void* from, void* to, size_t count, ncclDataType_t type, ncclRedOp_t op, int root,
                        ncclComm_t comm, cudaStream_t stream) {
  return enqueue("ncclReduce", comm,
                 {.kind = Kind::reduce, .from = from, .to = to, .count = count, .type = type, .op = op, .root = root, .stream = stream});
}

ncclResult_t ncclBroadcast(const void* from, void* to, size_t count, ncclDataType_t type, int root, ncclComm_t comm, cudaStream_t stream) {
  return enqueue(
      "ncclBroadcast", comm,
      {.kind = Kind::broadcast, .from = from, .to = to, .count = count, .type = type, .root = root, .stream = stream});
}

ncclResult_t ncclSend(const void* from, size_t count, ncclDataType_t type, int peer, ncclComm_t comm, cudaStream_t stream) {
  return enqueue("ncclSend", comm, {.kind = Kind::send, .from = from, .count = count, .type = type, .root = peer, .stream = stream});
}

ncclResult_t ncclRecv(void* to, size_t count, ncclDataType_t type, int peer, ncclComm_t comm, cudaStream_t stream) {
  return enqueue("ncclRecv", comm, {.kind = Kind::recv, .to = to, .count = count, .type = type, .root = peer, .stream = stream});
}

}  // extern "C"
}  // namespace yoke::transport::nccl
