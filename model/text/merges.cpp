#include "model/text/merges.h"

#include <algorithm>
#include <bit>

namespace yoke::model::text {
namespace {

constexpr uint64_t kFree = ~uint64_t{0};  // no pair: ids are not negative
constexpr int32_t kGone = -1;
constexpr uint32_t kNone = ~uint32_t{0};

uint64_t pair_of(int32_t left, int32_t right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
}

// For std::push_heap, which puts the greatest on top: the least rank, then the leftmost.
bool later(const Merges::Workspace::Candidate& a, const Merges::Workspace::Candidate& b) {
  return a.rank != b.rank ? a.rank > b.rank : a.left > b.left;
}

}  // namespace

Merges::Merges(const std::vector<Merge>& merges, Repeated repeated, const std::vector<uint32_t>& ranks)
    : slots_(std::bit_ceil(merges.size() * 2 + 2), Slot{kFree, 0, 0}) {
  for (size_t i = 0; i < merges.size(); ++i) {
    Slot& slot = slots_[slot_of(pair_of(merges[i].left, merges[i].right))];
    if (slot.pair != kFree && repeated == Repeated::first_counts) continue;
    slot = {pair_of(merges[i].left, merges[i].right), ranks.empty() ? static_cast<uint32_t>(i) : ranks[i], merges[i].merged};
  }
}

size_t Merges::slot_of(uint64_t pair) const {
  // Fibonacci hashing: the multiplier is 2^64 divided by the golden ratio; the high half has the well-mixed bits.
  size_t at = static_cast<size_t>((pair * 0x9E3779B97F4A7C15u) >> 32) & (slots_.size() - 1);
  while (slots_[at].pair != kFree && slots_[at].pair != pair) at = (at + 1) & (slots_.size() - 1);
  return at;
}

const Merges::Slot* Merges::find(int32_t left, int32_t right) const {
  const Slot& slot = slots_[slot_of(pair_of(left, right))];
  return slot.pair == kFree ? nullptr : &slot;
}

void Merges::offer(uint32_t left, Workspace& workspace) const {
  const auto& symbol = workspace.symbols[left];
  if (symbol.next == kNone) return;
  const int32_t right_id = workspace.symbols[symbol.next].id;
  const Slot* slot = find(symbol.id, right_id);
  if (!slot) return;
  workspace.heap.push_back({slot->rank, left, symbol.id, right_id, slot->merged});
  std::push_heap(workspace.heap.begin(), workspace.heap.end(), later);
}

void Merges::join(const Workspace::Candidate& candidate, Workspace& workspace) const {
  auto& symbols = workspace.symbols;
  auto& left = symbols[candidate.left];
  // A candidate is stale once either side has been merged with another neighbour.
  if (left.id != candidate.left_id || left.next == kNone || symbols[left.next].id != candidate.right_id) return;
  auto& right = symbols[left.next];
  left.id = candidate.merged;
  right.id = kGone;
  left.next = right.next;
  if (right.next != kNone) symbols[right.next].previous = candidate.left;
  offer(candidate.left, workspace);
  if (left.previous != kNone) offer(left.previous, workspace);
}

void Merges::apply(std::vector<int32_t>& word, Workspace& workspace) const {
  if (word.size() < 2) return;
  auto& symbols = workspace.symbols;
  symbols.clear();
  workspace.heap.clear();
  const auto count = static_cast<uint32_t>(word.size());
  for (uint32_t i = 0; i < count; ++i) symbols.push_back({word[i], i == 0 ? kNone : i - 1, i + 1 == count ? kNone : i + 1});
  for (uint32_t i = 0; i + 1 < count; ++i) offer(i, workspace);
  while (!workspace.heap.empty()) {
    std::pop_heap(workspace.heap.begin(), workspace.heap.end(), later);
    const Workspace::Candidate candidate = workspace.heap.back();
    workspace.heap.pop_back();
    join(candidate, workspace);
  }
  word.clear();
  for (uint32_t at = 0; at != kNone; at = symbols[at].next) word.push_back(symbols[at].id);
}

}  // namespace yoke::model::text
