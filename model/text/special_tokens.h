// Finds the tokens that stand in a text as a whole (control tokens, tokens that a user defined): leftmost first, at one
// place the longest. Immutable once built; any thread.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace yoke::model::text {

class SpecialTokens {
 public:
  // Bounds the search to this many steps for each byte of a text.
  static constexpr size_t kMaxBytes = 256;

  struct Match {
    size_t begin = 0;
    size_t bytes = 0;  // 0: there is none
    int32_t id = 0;
  };

  // Entries are distinct, not empty, and at most kMaxBytes long.
  explicit SpecialTokens(const std::vector<std::pair<std::string_view, int32_t>>& entries);

  Match find(std::string_view text, size_t from) const;

 private:
  struct Node {
    std::vector<std::pair<char, uint32_t>> children;  // ascending
    int32_t id = -1;                                  // of the token that ends here
  };
  uint32_t child_of(uint32_t node, char next) const;  // 0, the root, where there is none
  Match longest_at(std::string_view text, size_t at) const;

  std::vector<Node> nodes_;
};

}  // namespace yoke::model::text
