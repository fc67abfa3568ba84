// nccl.h says what it is. One thread at a time, but for abort().
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/cuda/driver.h"
#include "core/error.h"
#include "transport/message_communicator.h"
#include "transport/nccl/library.h"

namespace yoke::transport::nccl {

// The CUDA things of one communicator. Made and used with its context current.
class Lane {
 public:
  explicit Lane(uint64_t staging_bytes);  // the current context's
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  void enter() const;  // makes the context current in this thread
  cuda::CUstream stream() const { return stream_; }
  std::byte* staging() const { return staging_; }         // pinned host memory
  cuda::CUdeviceptr scratch(uint64_t bytes);              // device memory, kept and grown
  void mark() const;                                      // what is on the stream now is what done() asks for
  bool done() const;                                      // throws Error{internal} when the device has failed
  void leave_behind() { left_behind_ = true; }            // NCCL still holds the stream: leak all of it

 private:
  Lane() = default;  // so that the destructor runs where the other constructor fails half-way

  cuda::CUcontext context_ = nullptr;
  cuda::CUstream stream_ = nullptr;
  cuda::CUevent event_ = nullptr;
  std::byte* staging_ = nullptr;
  cuda::CUdeviceptr scratch_ = 0;
  uint64_t scratch_bytes_ = 0;
  bool left_behind_ = false;
};

class NcclCommunicator final : public Communicator {
 public:
  NcclCommunicator(ncclComm_t comm, std::unique_ptr<MessageCommunicator> side, std::unique_ptr<Lane> lane);
  ~NcclCommunicator() override;

  std::string_view backend() const override { return "nccl"; }
  int rank() const override { return rank_; }
  int size() const override { return size_; }

  void all_reduce(void* data, int64_t count, Dtype dtype, Duration deadline) override;
  void all_gather(std::span<const std::byte> mine, std::byte* all, std::span<const uint64_t> part_bytes, Duration deadline) override;
  void broadcast(std::span<std::byte> data, int root, Duration deadline) override;
  void send(std::span<const std::byte> data, int to, Duration deadline) override;
  void recv(std::span<std::byte> data, int from, Duration deadline) override;
  void barrier(Duration deadline) override;
  void abort() noexcept override;

  // Bytes of Lane::staging that a communicator of so many ranks needs.
  static uint64_t staging_bytes(int size);

 private:
  // One call of the interface.
  struct Call {
    Operation operation;
    uint64_t bytes;
    Duration budget;
    TimePoint end;
    std::string lost;  // a peer that went meanwhile, and how
    std::string what() const;
  };
  // What the ranks tell each other before NCCL begins.
  struct Label {
    uint64_t operation;
    uint64_t bytes;
  };

  Call begin(Operation operation, uint64_t bytes, Duration deadline);
  Duration left(const Call& call) const;
  void agree(Call& call);
  template <typename Function>
  void aside(Call& call, Function function);  // an operation of the side, its errors in this call's words
  void check_label(Call& call, int from, const Label& label);
  void reduce_many(Call& call, std::byte* data, Dtype dtype);

  template <typename Function>
  void launch(Call& call, Function enqueue);  // NCCL's part, until it has ended
  void accept(Call& call, ncclResult_t result);
  void await(Call& call, const char* what, const std::function<bool()>& done);
  void finish(Call& call);  // until what is on the stream has ended
  bool healthy(Call& call);
  void check_alive(Call& call, const char* what);
  void watch_peers(Call& call);

  [[noreturn]] void fail(Code code, const std::string& message);
  void abandon() noexcept;

  const Functions& nccl_;
  ncclComm_t comm_;
  std::unique_ptr<MessageCommunicator> side_;
  std::unique_ptr<Lane> lane_;
  const int rank_;
  const int size_;
  std::optional<Error> broken_;
  std::atomic<bool> aborted_{false};
};

}  // namespace yoke::transport::nccl
