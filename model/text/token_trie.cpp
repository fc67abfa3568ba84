#include "model/text/token_trie.h"

#include <algorithm>

#include "core/error.h"

namespace yoke::model::text {

TokenTrie::TokenTrie(std::vector<Entry> entries) : nodes_(1) {
  std::erase_if(entries, [](const Entry& entry) { return entry.first.empty(); });
  // Stable, so that equal entries keep their order and the last one's id is written last.
  std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.first < b.first; });
  // By breadth and not by recursion: an entry may be as long as its file.
  std::vector<Span> level = {{0, entries.size(), 0, kRoot}};
  while (!level.empty()) {
    std::vector<Span> next;
    for (const Span& span : level) grow(entries, span, next);
    level = std::move(next);
  }
  nodes_.shrink_to_fit();
  for (uint32_t i = 0; i < nodes_[kRoot].count; ++i) first_bytes_[nodes_[nodes_[kRoot].children + i].byte] = nodes_[kRoot].children + i;
}

// Makes the children of one node; what goes on below them is put into `next`.
void TokenTrie::grow(const std::vector<Entry>& entries, Span span, std::vector<Span>& next) {
  size_t at = span.begin;
  for (; at < span.end && entries[at].first.size() == span.depth; ++at) nodes_[span.node].id = entries[at].second;
  nodes_[span.node].children = static_cast<uint32_t>(nodes_.size());
  while (at < span.end) {
    const char byte = entries[at].first[span.depth];
    const size_t begin = at;
    while (at < span.end && entries[at].first[span.depth] == byte) ++at;
    YOKE_ASSERT(nodes_.size() < UINT32_MAX);
    const auto node = static_cast<uint32_t>(nodes_.size());
    nodes_.push_back({.byte = static_cast<uint8_t>(byte)});
    ++nodes_[span.node].count;
    next.push_back({begin, at, span.depth + 1, node});
  }
}

uint32_t TokenTrie::walk(std::string_view text) const {
  uint32_t node = kRoot;
  for (const char byte : text) {
    node = child(node, byte);
    if (node == kNowhere) break;
  }
  return node;
}

}  // namespace yoke::model::text
