// What an engine remembers of live sequences: the tokens drawn in this epoch that the coordinator may not know of when it plans
// the next step (docs/bits.md rule 8). They are the next step's input and join its penalties. Bounded: a ring a sequence, and so
// many sequences; a release forgets. The engine's thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

namespace yoke::node {

struct DrawnToken {
  uint64_t step = 0;
  int64_t position = 0;  // absolute; the next step's input position
  int32_t token = -1;    // kNotHere on stages that the token has not reached
};

class TokenMemory {
 public:
  static constexpr int32_t kNotHere = -1;
  // Far more than steps are ever in flight.
  static constexpr size_t kRemembered = 64;
  static constexpr size_t kMaxSequences = 4096;

  // A token of `sequence` is drawn in `step`; its value may come later. Who plans asks full() first.
  void expect(uint64_t sequence, uint64_t step, int64_t position);
  // Its value; ignored if the sequence was released in between.
  void record(uint64_t sequence, uint64_t step, int32_t token);

  // What was drawn in `step`; null if nothing was, or too long ago.
  const DrawnToken* find(uint64_t sequence, uint64_t step) const;

  // Whether tokens of all positions [begin, end) were drawn and are remembered (their values may not be here yet).
  bool remembers(uint64_t sequence, int64_t begin, int64_t end) const;
  // Those tokens, in order, appended to `tokens`.
  void append(uint64_t sequence, int64_t begin, int64_t end, std::vector<int32_t>& tokens) const;

  // Where a sequence's generated tokens begin: known from the first plan that carried them all, kept for those that did not.
  // -1 if unknown.
  void set_generated_from(uint64_t sequence, int64_t position);
  int64_t generated_from(uint64_t sequence) const;

  void release(uint64_t sequence) { sequences_.erase(sequence); }
  bool full() const { return sequences_.size() >= kMaxSequences; }
  bool knows(uint64_t sequence) const { return sequences_.contains(sequence); }

 private:
  struct Sequence {
    std::array<DrawnToken, kRemembered> ring;
    size_t drawn = 0;  // in all; the newest is ring[(drawn - 1) % kRemembered]
    int64_t generated_from = -1;

    const DrawnToken* at(int64_t position) const;
  };
  std::unordered_map<uint64_t, Sequence> sequences_;
};

}  // namespace yoke::node
