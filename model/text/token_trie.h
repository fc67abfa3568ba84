// Finds which entries of a vocabulary begin at a place of a text: a trie with the children of a node side by side, in at most
// 16 bytes for each byte of the entries. Immutable once built; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace yoke::model::text {

class TokenTrie {
 public:
  using Entry = std::pair<std::string_view, int32_t>;
  static constexpr uint32_t kRoot = 0;
  static constexpr uint32_t kNowhere = 0;  // the root is nobody's child

  // Empty entries are left out; of equal ones the last counts.
  explicit TokenTrie(std::vector<Entry> entries);

  // The node that `byte` leads to, or kNowhere.
  uint32_t child(uint32_t node, char byte) const {
    const auto wanted = static_cast<uint8_t>(byte);
    if (node == kRoot) return first_bytes_[wanted];
    const Node& from = nodes_[node];
    uint32_t low = from.children, high = low + from.count;
    while (low < high) {
      const uint32_t middle = low + (high - low) / 2;
      if (nodes_[middle].byte < wanted) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low < from.children + from.count && nodes_[low].byte == wanted ? low : kNowhere;
  }
  int32_t id(uint32_t node) const { return nodes_[node].id; }  // -1 where no entry ends

  // From kRoot; kNowhere where no entry goes on like that.
  uint32_t walk(std::string_view text) const;

 private:
  struct Node {
    uint32_t children = 0;  // where they begin, by ascending byte
    uint16_t count = 0;
    uint8_t byte = 0;
    int32_t id = -1;
  };
  struct Span {
    size_t begin, end, depth;  // entries that share their first `depth` bytes
    uint32_t node;
  };
  void grow(const std::vector<Entry>& entries, Span span, std::vector<Span>& next);

  std::vector<Node> nodes_;
  std::array<uint32_t, 256> first_bytes_{};  // the root's children
};

}  // namespace yoke::model::text
