#include "copied_memory.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <functional>

#include "core/error.h"

namespace yoke::node {
namespace {

std::atomic<uint64_t> copied_bytes = 0, most_pinned = 0;

class HeapCopies final : public DeviceCopies {
 public:
  HeapCopies(std::byte* memory, uint64_t bytes, int slots, uint64_t buffer_bytes, CopyTime time) : memory_(memory), bytes_(bytes), time_(time) {
    slots_.resize(static_cast<size_t>(slots));
    for (Slot& slot : slots_) slot.buffer.resize(buffer_bytes);
    most_pinned = std::max(most_pinned.load(), static_cast<uint64_t>(slots) * buffer_bytes);
  }
  ~HeapCopies() override {
    for (size_t i = 0; i < slots_.size(); ++i) wait(static_cast<int>(i));
  }

  std::span<std::byte> buffer(int slot) override { return slots_.at(static_cast<size_t>(slot)).buffer; }

  void start(int index, const std::byte* from, uint64_t from_pitch, const Rectangle& to) override {
    Slot& slot = slots_.at(static_cast<size_t>(index));
    YOKE_ASSERT(!slot.copy);
    YOKE_ASSERT(to.count > 0 && to.begin + (to.count - 1) * to.pitch + to.width <= bytes_);
    YOKE_ASSERT(from >= slot.buffer.data() && from + (to.count - 1) * from_pitch + to.width <= slot.buffer.data() + slot.buffer.size());
    slot.copy = [=, this] {
      for (uint64_t i = 0; i < to.count; ++i) std::memcpy(memory_ + to.begin + i * to.pitch, from + i * from_pitch, to.width);
      copied_bytes += to.width * to.count;
    };
    if (time_ == CopyTime::late) return;
    slot.copy();
    slot.copy = [] {};
    poison(slot);
  }

  void wait(int index) override {
    Slot& slot = slots_.at(static_cast<size_t>(index));
    if (!slot.copy) return;
    slot.copy();
    slot.copy = nullptr;
    poison(slot);
  }

  void read(std::byte* to, const Rectangle& from) override {
    for (uint64_t i = 0; i < from.count; ++i) std::memcpy(to + i * from.pitch, memory_ + from.begin + i * from.pitch, from.width);
  }

  Duration time_copying() const override { return {}; }

 private:
  struct Slot {
    std::vector<std::byte> buffer;
    std::function<void()> copy;
  };
  static void poison(Slot& slot) { std::memset(slot.buffer.data(), 0xCD, std::min<size_t>(slot.buffer.size(), 1 << 16)); }

  std::byte* const memory_;
  const uint64_t bytes_;
  const CopyTime time_;
  std::vector<Slot> slots_;
};

class CopiedMemory final : public PoolMemory {
 public:
  CopiedMemory(uint64_t bytes, uint64_t directory_bytes, CopyTime time) : memory_(bytes), directory_(directory_bytes), time_(time) {}

  PoolPlace place() const override { return PoolPlace::device; }
  uint64_t bytes() const override { return memory_.size(); }
  std::byte* host() const override { return nullptr; }
  std::byte* kernels() const override { return const_cast<std::byte*>(memory_.data()); }
  std::span<std::byte> directory() const override { return {const_cast<std::byte*>(directory_.data()), directory_.size()}; }
  std::vector<int> descriptors() const override { return {}; }
  std::unique_ptr<DeviceCopies> copies(int slots, uint64_t buffer_bytes) override {
    return std::make_unique<HeapCopies>(memory_.data(), memory_.size(), slots, buffer_bytes, time_);
  }

 private:
  std::vector<std::byte> memory_, directory_;
  const CopyTime time_;
};

}  // namespace

Pool::MakeMemory copied_memory(CopyTime time) {
  return [time](uint64_t bytes, uint64_t directory_bytes) { return std::make_unique<CopiedMemory>(bytes, directory_bytes, time); };
}

CopiedTotals copied_totals() { return {copied_bytes, most_pinned}; }

}  // namespace yoke::node
