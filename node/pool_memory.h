// Where a pool's bytes lie, who can touch them, and how they reach an engine. The agent makes the memory and fills it; an engine of
// any later start attaches to it by descriptors. docs/loading.md says how the places on a GPU differ.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/descriptor.h"

namespace yoke::node {

enum class PoolPlace : uint8_t {
  host,        // a memfd, for kernels of the CPU
  device,      // the GPU's own memory, exported by the driver; the host reaches it by copies only
  registered,  // a memfd, registered with the driver by each engine
  in_place,    // a memfd, which the GPU reads through the host's page tables
};

// Runs of `width` bytes, `pitch` apart from begin to begin.
struct Rectangle {
  uint64_t begin = 0, width = 0, pitch = 0, count = 1;
};

// One load's way into memory that the host cannot write: buffers that a copy starts from, and copies that run beside what the caller
// does next. A slot's calls do not overlap; those of several slots may, on any threads. A failed copy is thrown by wait().
class DeviceCopies {
 public:
  virtual ~DeviceCopies() = default;  // waits for all
  virtual std::span<std::byte> buffer(int slot) = 0;
  // Begins to copy from the slot's buffer: `from` is what goes to to.begin, its runs are from_pitch apart.
  virtual void start(int slot, const std::byte* from, uint64_t from_pitch, const Rectangle& to) = 0;
  virtual void wait(int slot) = 0;  // until what the slot has started is done
  virtual void read(std::byte* to, const Rectangle& from) = 0;  // done when it returns; runs are from.pitch apart at `to` too
  virtual Duration time_copying() const = 0;                    // that the device spent on copies whose end was waited for
};

class PoolMemory {
 public:
  virtual ~PoolMemory() = default;  // gives it back once nobody else has it
  virtual PoolPlace place() const = 0;
  virtual uint64_t bytes() const = 0;
  virtual std::byte* host() const = 0;     // first byte, where this process may read and write; null: by copies only
  virtual std::byte* kernels() const = 0;  // first byte as the engine's kernels address it
  virtual std::span<std::byte> directory() const = 0;  // node/pool_directory.h writes and reads here
  virtual std::vector<int> descriptors() const = 0;    // for attach(), in this order; they stay ours
  // Null where host() is not: nothing needs to be copied.
  virtual std::unique_ptr<DeviceCopies> copies(int slots, uint64_t buffer_bytes) = 0;
};

// The table of places, in the order in which they are tried on a GPU; the host is last.
struct PoolPlaceRow {
  PoolPlace place;
  std::string_view name;  // in Attach frames and in the status
  std::string (*unavailable)(int device);         // why not on this device; empty where it is available
  uint64_t (*available_bytes)(int device);        // what can be taken now
  // All of it at once, zero; Error{does_not_fit} with the numbers. directory_bytes of it, or beside it, are the directory.
  std::unique_ptr<PoolMemory> (*create)(int device, uint64_t bytes, uint64_t directory_bytes);
  // Error{bad_file} for descriptors that are not of this kind.
  std::unique_ptr<PoolMemory> (*attach)(int device, std::vector<Descriptor> descriptors);
};
std::span<const PoolPlaceRow> pool_places();
const PoolPlaceRow& pool_place(PoolPlace place);
const PoolPlaceRow& pool_place(std::string_view name);  // Error{invalid_argument} lists the names

// The first place of a GPU that is available there; `text` has the reasons against those before it. Error{unsupported} with all
// reasons where none survives an engine.
struct PoolChoice {
  PoolPlace place;
  std::string text;
};
PoolChoice choose_pool_place(int device);

}  // namespace yoke::node
