#include "node/token_memory.h"

#include <algorithm>

#include "core/error.h"

namespace yoke::node {

void TokenMemory::expect(uint64_t sequence, uint64_t step, int64_t position) {
  Sequence& s = sequences_[sequence];
  s.ring[s.drawn % kRemembered] = {step, position, kNotHere};
  ++s.drawn;
}

void TokenMemory::record(uint64_t sequence, uint64_t step, int32_t token) {
  const auto found = sequences_.find(sequence);
  if (found == sequences_.end()) return;
  for (DrawnToken& drawn : found->second.ring) {
    if (drawn.step == step) drawn.token = token;
  }
}

const DrawnToken* TokenMemory::find(uint64_t sequence, uint64_t step) const {
  const auto found = sequences_.find(sequence);
  if (found == sequences_.end() || step == 0) return nullptr;
  const auto& ring = found->second.ring;
  const auto drawn = std::find_if(ring.begin(), ring.end(), [&](const DrawnToken& d) { return d.step == step; });
  return drawn == ring.end() ? nullptr : &*drawn;
}

// The newest one: a sequence that was paused draws a position again.
const DrawnToken* TokenMemory::Sequence::at(int64_t position) const {
  for (size_t back = 1; back <= std::min(drawn, kRemembered); ++back) {
    const DrawnToken& token = ring[(drawn - back) % kRemembered];
    if (token.position == position) return &token;
  }
  return nullptr;
}

bool TokenMemory::remembers(uint64_t sequence, int64_t begin, int64_t end) const {
  if (begin >= end) return true;
  const auto found = sequences_.find(sequence);
  if (found == sequences_.end() || end - begin > static_cast<int64_t>(kRemembered)) return false;
  for (int64_t position = begin; position < end; ++position) {
    if (found->second.at(position) == nullptr) return false;
  }
  return true;
}

void TokenMemory::append(uint64_t sequence, int64_t begin, int64_t end, std::vector<int32_t>& tokens) const {
  YOKE_ASSERT(remembers(sequence, begin, end));
  for (int64_t position = begin; position < end; ++position) {
    const DrawnToken* drawn = sequences_.at(sequence).at(position);
    YOKE_ASSERT(drawn->token != kNotHere);
    tokens.push_back(drawn->token);
  }
}

void TokenMemory::set_generated_from(uint64_t sequence, int64_t position) {
  sequences_[sequence].generated_from = position;
}

int64_t TokenMemory::generated_from(uint64_t sequence) const {
  const auto found = sequences_.find(sequence);
  return found == sequences_.end() ? -1 : found->second.generated_from;
}

}  // namespace yoke::node
