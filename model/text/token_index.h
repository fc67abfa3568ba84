// Finds a vocabulary's entry by its text, without making a string for the question. Filled once, then const; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace yoke::model::text {

inline constexpr int32_t kNoToken = -1;

class TokenIndex {
 public:
  TokenIndex() : slots_(2) {}

  // How much will come: so many entries, so many bytes of them in all. A hint.
  void reserve(size_t entries, size_t bytes);
  // False where the text is there already, which then keeps its id. `id` is not negative; at most 4 GiB of texts in all.
  bool add(std::string_view text, int32_t id);

  int32_t find(std::string_view text) const;  // kNoToken where it is not there
  size_t size() const { return entries_; }

  template <typename Look>
  void for_each(Look look) const {
    for (const Slot& slot : slots_) {
      if (slot.id != kNoToken) look(std::string_view(block_).substr(slot.begin, slot.bytes));
    }
  }

 private:
  // Open addressing: a power of two of slots, at most half of them used.
  struct Slot {
    uint32_t hash = 0, begin = 0, bytes = 0;
    int32_t id = kNoToken;  // kNoToken: the slot is free
  };
  size_t slot_of(std::string_view text, uint32_t hash) const;
  void grow(size_t slots);

  std::string block_;
  std::vector<Slot> slots_;
  size_t entries_ = 0;
};

}  // namespace yoke::model::text
