// Where ops work: memory and order. On the CPU the heap, and everything is done when a call returns. On a GPU its memory and one
// stream: calls return before their work is done, in the order in which it will be.
//
// Not thread-safe: the engine's thread. Nothing here waits without a deadline but the driver itself (its engine is killed then).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "core/clock.h"

namespace yoke::kernels {

// Work recorded once, to be started again with the same addresses and whatever they hold then.
class Recording {
 public:
  virtual ~Recording() = default;
  virtual void play() = 0;
  virtual int64_t launches() const = 0;  // kernels in it
};

class Device {
 public:
  enum class Memory : uint8_t {
    local,   // the device's alone
    shared,  // host and device read and write it at one address
  };

  virtual ~Device() = default;

  virtual std::string description() const = 0;  // "cpu", "cuda (NVIDIA GB10)"
  // 256-byte aligned, its content undefined; freed with the Device. Error{does_not_fit} with the numbers.
  virtual std::byte* allocate(uint64_t bytes, Memory memory) = 0;
  // Copies, ordered after the work given so far; done when they return.
  virtual void upload(std::byte* to, std::span<const std::byte> from) = 0;
  virtual void download(std::span<std::byte> to, const std::byte* from) = 0;
  // Until all work given so far is done. Error{deadline_exceeded} names `what`; Error{internal} if the device failed.
  virtual void finish(Duration deadline, const std::string& what) = 0;

  // Whether all work given so far is done. Error{internal} if the device failed.
  virtual bool idle() = 0;
  // Its local memory is the host's too.
  virtual bool is_host() const { return false; }
  // Whether it pays to record. Where it does, `body` gives its work to the recording alone, and must not wait.
  virtual bool records() const = 0;
  virtual std::unique_ptr<Recording> record(const std::function<void()>& body) = 0;
};

// The host itself.
class HostDevice final : public Device {
 public:
  HostDevice();
  ~HostDevice() override;
  std::string description() const override { return "cpu"; }
  bool is_host() const override { return true; }
  std::byte* allocate(uint64_t bytes, Memory memory) override;
  void upload(std::byte* to, std::span<const std::byte> from) override;
  void download(std::span<std::byte> to, const std::byte* from) override;
  void finish(Duration, const std::string&) override {}
  bool idle() override { return true; }
  bool records() const override { return false; }
  std::unique_ptr<Recording> record(const std::function<void()>& body) override;  // plays by calling it again

 private:
  struct Blocks;
  std::unique_ptr<Blocks> blocks_;
};

}  // namespace yoke::kernels
