// The heart of byte-pair encoding: joins neighbouring tokens of a word, the merge of the lowest rank first, the leftmost
// of equal ones first, until none applies. n log n by a heap. Immutable once built; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace yoke::model::text {

class Merges {
 public:
  struct Merge {
    int32_t left, right, merged;
  };
  enum class Repeated { first_counts, last_counts };  // of two merges of one pair: llama.cpp's reading and Hugging Face's
  // In the order of their ranks; or with `ranks`, one for each, where some share one: of those the leftmost comes first.
  explicit Merges(const std::vector<Merge>& merges, Repeated repeated = Repeated::first_counts, const std::vector<uint32_t>& ranks = {});

  // What one thread needs while it merges; kept between words so that a word costs no allocation.
  struct Workspace {
    struct Symbol {
      int32_t id;  // kGone once merged into its left neighbour
      uint32_t previous, next;
    };
    struct Candidate {
      uint32_t rank, left;
      int32_t left_id, right_id, merged;
    };
    std::vector<Symbol> symbols;
    std::vector<Candidate> heap;
  };

  // Replaces `word`, the ids of a word's bytes or characters, by the merged ids.
  void apply(std::vector<int32_t>& word, Workspace& workspace) const;

 private:
  // Open addressing: a power of two of slots, at most half of them used.
  struct Slot {
    uint64_t pair;
    uint32_t rank;
    int32_t merged;
  };
  const Slot* find(int32_t left, int32_t right) const;
  size_t slot_of(uint64_t pair) const;
  void offer(uint32_t left, Workspace& workspace) const;
  void join(const Workspace::Candidate& candidate, Workspace& workspace) const;

  std::vector<Slot> slots_;
};

}  // namespace yoke::model::text
