#include "transport/nccl/nccl_communicator.h"

#include <fmt/format.h>

#include <cstring>
#include <future>
#include <thread>
#include <utility>

#include "core/units.h"
#include "transport/add.h"
#include "transport/select.h"

namespace yoke::transport::nccl {
namespace {

using std::chrono::milliseconds;
using std::chrono::microseconds;

// Of each rank at a time, where parts are gathered and added on the host.
constexpr uint64_t kReduceChunkBytes = 256 * 1024;
// A wait polls so long without a pause, then with pauses of at most the second: NCCL's own operations take 20 us and more.
constexpr Duration kSpin = microseconds(100);
constexpr Duration kLongestPause = microseconds(500);
constexpr Duration kBetweenLooksAtPeers = milliseconds(5);
// A peer that went has perhaps done its part: so long an operation may still end without it.
constexpr Duration kGraceForLost = milliseconds(500);
// ncclCommAbort gets so long; if it is stuck, the process has to end anyway.
constexpr Duration kAbortBudget = milliseconds(50);

cuda::CUdeviceptr device(const std::byte* pointer) { return reinterpret_cast<cuda::CUdeviceptr>(pointer); }

ncclDataType_t type_of(Dtype dtype) {
  YOKE_ASSERT(addable(dtype));
  return dtype == Dtype::f16 ? ncclFloat16 : dtype == Dtype::bf16 ? ncclBfloat16 : ncclFloat32;
}

// "barrier of 0 B: rank 1 is gone" -> "rank 1 is gone".
std::string without_prefix(const std::string& words) {
  const size_t colon = words.find(": ");
  return colon == std::string::npos ? words : words.substr(colon + 2);
}

}  // namespace

NcclCommunicator::NcclCommunicator(ncclComm_t comm, std::unique_ptr<MessageCommunicator> side, std::unique_ptr<Lane> lane)
    : nccl_(functions()), comm_(comm), side_(std::move(side)), lane_(std::move(lane)), rank_(side_->rank()), size_(side_->size()) {}

// ncclCommDestroy may wait for the peers; nothing is in flight, so there is nothing that aborting would lose.
NcclCommunicator::~NcclCommunicator() { abandon(); }

uint64_t NcclCommunicator::staging_bytes(int size) {
  return std::max(kSmallBytes, size > 2 ? static_cast<uint64_t>(size) * kReduceChunkBytes : 0);
}

std::string NcclCommunicator::Call::what() const { return fmt::format("{} of {}", name(operation), format_bytes(bytes)); }

NcclCommunicator::Call NcclCommunicator::begin(Operation operation, uint64_t bytes, Duration deadline) {
  if (broken_) throw *broken_;
  Call call{.operation = operation, .bytes = bytes, .budget = deadline, .end = system_clock().now() + deadline};
  if (aborted_) fail(Code::aborted, call.what() + ": aborted on request");
  lane_->enter();
  return call;
}

Duration NcclCommunicator::left(const Call& call) const {
  return std::max<Duration>(call.end - system_clock().now(), Duration::zero());
}

void NcclCommunicator::all_reduce(void* data, int64_t count, Dtype dtype, Duration deadline) {
  YOKE_ASSERT(count >= 0);
  Call call = begin(Operation::all_reduce, row_bytes(dtype, count), deadline);
  if (!addable(dtype)) fail(Code::invalid_argument, fmt::format("all_reduce of {}: only F32, F16, BF16", yoke::name(dtype)));
  agree(call);
  if (size_ == 1 || count == 0) return;
  if (size_ > 2) return reduce_many(call, static_cast<std::byte*>(data), dtype);
  launch(call, [&] {
    return nccl_.ncclAllReduce(data, data, static_cast<size_t>(count), type_of(dtype), ncclSum, comm_, lane_->stream());
  });
}

void NcclCommunicator::reduce_many(Call& call, std::byte* data, Dtype dtype) {
  const auto ranks = static_cast<uint64_t>(size_);
  const cuda::CUdeviceptr scratch = lane_->scratch(ranks * kReduceChunkBytes);
  std::byte* const parts = lane_->staging();
  for (uint64_t base = 0; base < call.bytes; base += kReduceChunkBytes) {
    const uint64_t chunk = std::min(kReduceChunkBytes, call.bytes - base);
    launch(call, [&] {
      return nccl_.ncclAllGather(data + base, reinterpret_cast<void*>(scratch), chunk, ncclInt8, comm_, lane_->stream());
    });
    cuda::check(cuda::driver().cuMemcpyDtoHAsync(parts, scratch, ranks * chunk, lane_->stream()), call.what());
    finish(call);
    for (uint64_t r = 1; r < ranks; ++r) add(parts, parts, parts + r * chunk, chunk, dtype);  // ((r0 + r1) + r2) ...
    cuda::check(cuda::driver().cuMemcpyHtoDAsync(device(data + base), parts, chunk, lane_->stream()), call.what());
    finish(call);
  }
}

void NcclCommunicator::all_gather(std::span<const std::byte> mine, std::byte* all, std::span<const uint64_t> part_bytes,
                                  Duration deadline) {
  uint64_t total = 0;
  for (const uint64_t bytes : part_bytes) total += bytes;
  Call call = begin(Operation::all_gather, total, deadline);
  YOKE_ASSERT(part_bytes.size() == static_cast<size_t>(size_) && mine.size() == part_bytes[static_cast<size_t>(rank_)]);
  agree(call);
  if (total == 0) return;
  launch(call, [&] {  // ncclAllGather wants equal parts
    ncclResult_t result = nccl_.ncclGroupStart();
    std::byte* place = all;
    for (int r = 0; r < size_ && result == ncclSuccess; ++r) {
      const uint64_t bytes = part_bytes[static_cast<size_t>(r)];
      const void* from = r == rank_ ? mine.data() : place;
      if (bytes > 0) result = nccl_.ncclBroadcast(from, place, bytes, ncclInt8, r, comm_, lane_->stream());
      if (result == ncclInProgress) result = ncclSuccess;
      place += bytes;
    }
    const ncclResult_t ended = nccl_.ncclGroupEnd();
    return result == ncclSuccess ? ended : result;
  });
}

void NcclCommunicator::broadcast(std::span<std::byte> data, int root, Duration deadline) {
  Call call = begin(Operation::broadcast, data.size(), deadline);
  YOKE_ASSERT(root >= 0 && root < size_);
  agree(call);
  if (size_ == 1 || data.empty()) return;
  launch(call, [&] { return nccl_.ncclBroadcast(data.data(), data.data(), data.size(), ncclInt8, root, comm_, lane_->stream()); });
}

void NcclCommunicator::send(std::span<const std::byte> data, int to, Duration deadline) {
  Call call = begin(Operation::send, data.size(), deadline);
  YOKE_ASSERT(to >= 0 && to < size_ && to != rank_);
  const Label label{static_cast<uint64_t>(call.operation), call.bytes};
  if (data.size() <= kSmallBytes) {
    if (!data.empty()) {
      cuda::check(cuda::driver().cuMemcpyDtoHAsync(lane_->staging(), device(data.data()), data.size(), lane_->stream()), call.what());
      finish(call);
    }
    return aside(call, [&] {
      side_->send(std::as_bytes(std::span(&label, 1)), to, call.budget);
      if (!data.empty()) side_->send({lane_->staging(), data.size()}, to, left(call));
    });
  }
  aside(call, [&] {
    std::byte came{};
    side_->send(std::as_bytes(std::span(&label, 1)), to, call.budget);
    side_->recv({&came, 1}, to, call.budget);
  });
  launch(call, [&] { return nccl_.ncclSend(data.data(), data.size(), ncclInt8, to, comm_, lane_->stream()); });
}

void NcclCommunicator::recv(std::span<std::byte> data, int from, Duration deadline) {
  Call call = begin(Operation::send, data.size(), deadline);
  YOKE_ASSERT(from >= 0 && from < size_ && from != rank_);
  Label label{};
  aside(call, [&] { side_->recv(std::as_writable_bytes(std::span(&label, 1)), from, call.budget); });
  check_label(call, from, label);
  if (data.empty()) return;
  if (data.size() <= kSmallBytes) {
    aside(call, [&] { side_->recv({lane_->staging(), data.size()}, from, left(call)); });
    cuda::check(cuda::driver().cuMemcpyHtoDAsync(device(data.data()), lane_->staging(), data.size(), lane_->stream()), call.what());
    return finish(call);
  }
  aside(call, [&] {
    const std::byte here{};
    side_->send({&here, 1}, from, left(call));
  });
  launch(call, [&] { return nccl_.ncclRecv(data.data(), data.size(), ncclInt8, from, comm_, lane_->stream()); });
}

void NcclCommunicator::barrier(Duration deadline) {
  Call call = begin(Operation::barrier, 0, deadline);
  aside(call, [&] { side_->barrier(deadline); });
}

void NcclCommunicator::abort() noexcept {
  aborted_ = true;
  side_->abort();
}

template <typename Function>
void NcclCommunicator::aside(Call& call, Function function) {
  try {
    function();
  } catch (const Error& error) {
    fail(error.code(), call.what() + ": " + without_prefix(error.what()));
  }
}

void NcclCommunicator::agree(Call& call) {
  std::vector<Label> labels(static_cast<size_t>(size_));
  const std::vector<uint64_t> parts(labels.size(), sizeof(Label));
  labels[static_cast<size_t>(rank_)] = {static_cast<uint64_t>(call.operation), call.bytes};
  aside(call, [&] {
    const std::span<const Label> mine(&labels[static_cast<size_t>(rank_)], 1);
    side_->all_gather(std::as_bytes(mine), reinterpret_cast<std::byte*>(labels.data()), parts, call.budget);
  });
  for (int r = 0; r < size_; ++r) check_label(call, r, labels[static_cast<size_t>(r)]);
}

void NcclCommunicator::check_label(Call& call, int from, const Label& label) {
  if (label.operation == static_cast<uint64_t>(call.operation) && label.bytes == call.bytes) return;
  fail(Code::invalid_argument,
       fmt::format(
           "{}: rank {} came with {} of {} where {} was due; all ranks must make the same calls with the same sizes",
           call.what(), from, name(static_cast<Operation>(label.operation)), format_bytes(label.bytes),
           format_bytes(call.bytes)));
}

template <typename Function>
void NcclCommunicator::launch(Call& call, Function enqueue) {
  accept(call, enqueue());
  await(call, "NCCL did not begin", [&] { return healthy(call); });
  finish(call);
  healthy(call);  // work that failed ends too
}

// Whether NCCL is done with what it was called for; fails where it has failed.
bool NcclCommunicator::healthy(Call& call) {
  ncclResult_t state = ncclSuccess;
  accept(call, nccl_.ncclCommGetAsyncError(comm_, &state));
  accept(call, state);
  return state == ncclSuccess;
}

void NcclCommunicator::accept(Call& call, ncclResult_t result) {
  if (result == ncclSuccess || result == ncclInProgress) return;
  const char* last = nccl_.ncclGetLastError(comm_);
  const std::string words =
      fmt::format("{}: NCCL: {}{}{}", call.what(), nccl_.ncclGetErrorString(result), last && *last ? ": " : "", last ? last : "");
  watch_peers(call);
  if (!call.lost.empty()) fail(Code::peer_lost, words + "; " + call.lost);
  fail(result == ncclRemoteError ? Code::peer_lost : Code::internal, words);
}

void NcclCommunicator::finish(Call& call) {
  try {
    lane_->mark();
    await(call, "NCCL or the device did not end", [&] { return lane_->done(); });
  } catch (const Error& error) {
    if (broken_) throw;
    fail(error.code(), call.what() + ": " + error.what());
  }
}

// Polls `done`, and looks at all that may have gone wrong meanwhile.
void NcclCommunicator::await(Call& call, const char* what, const std::function<bool()>& done) {
  const TimePoint begin = system_clock().now();
  TimePoint next_look = begin + kBetweenLooksAtPeers;
  Duration pause = microseconds(10);
  while (!done()) {
    const TimePoint now = system_clock().now();
    if (now - begin < kSpin) {
      std::this_thread::yield();
      continue;
    }
    if (now >= next_look) {
      watch_peers(call);
      next_look = now + kBetweenLooksAtPeers;
    }
    check_alive(call, what);
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, kLongestPause);
  }
}

void NcclCommunicator::watch_peers(Call& call) {
  if (!call.lost.empty()) return;
  call.lost = side_->lost();
  if (!call.lost.empty()) call.end = std::min(call.end, system_clock().now() + kGraceForLost);
}

void NcclCommunicator::check_alive(Call& call, const char* what) {
  if (aborted_) fail(Code::aborted, call.what() + ": aborted on request");
  healthy(call);
  if (system_clock().now() < call.end) return;
  if (!call.lost.empty()) fail(Code::peer_lost, fmt::format("{}: {}", call.what(), call.lost));
  fail(Code::deadline_exceeded,
       fmt::format("{}: all ranks came, and {} within {} ms; a rank or the road between is stuck", call.what(), what,
                   std::chrono::duration_cast<milliseconds>(call.budget).count()));
}

void NcclCommunicator::fail(Code code, const std::string& message) {
  broken_.emplace(code, message);
  side_->give_up(message);  // the peers need not wait for us
  abandon();
  throw *broken_;
}

void NcclCommunicator::abandon() noexcept {
  if (!comm_) return;
  auto aborting = std::make_shared<std::promise<void>>();
  std::future<void> aborted = aborting->get_future();
  std::thread thread([abort = nccl_.ncclCommAbort, comm = std::exchange(comm_, nullptr), aborting] {
    abort(comm);
    aborting->set_value();
  });
  if (aborted.wait_for(kAbortBudget) == std::future_status::ready) return thread.join();
  thread.detach();
  lane_->leave_behind();
}

}  // namespace yoke::transport::nccl
