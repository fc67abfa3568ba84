#include "model/text/special_tokens.h"

#include <algorithm>

#include "core/error.h"

namespace yoke::model::text {
namespace {

bool before(const std::pair<char, uint32_t>& child, char next) { return child.first < next; }

}  // namespace

SpecialTokens::SpecialTokens(const std::vector<std::pair<std::string_view, int32_t>>& entries) : nodes_(1) {
  for (const auto& [text, id] : entries) {
    YOKE_ASSERT(!text.empty() && text.size() <= kMaxBytes);
    uint32_t node = 0;
    for (const char next : text) {
      uint32_t child = child_of(node, next);
      if (child == 0) {
        child = static_cast<uint32_t>(nodes_.size());
        auto& children = nodes_[node].children;
        children.insert(std::lower_bound(children.begin(), children.end(), next, before), {next, child});
        nodes_.emplace_back();
      }
      node = child;
    }
    nodes_[node].id = id;
  }
}

uint32_t SpecialTokens::child_of(uint32_t node, char next) const {
  const auto& children = nodes_[node].children;
  const auto found = std::lower_bound(children.begin(), children.end(), next, before);
  return found == children.end() || found->first != next ? 0 : found->second;
}

SpecialTokens::Match SpecialTokens::longest_at(std::string_view text, size_t at) const {
  Match match;
  uint32_t node = 0;
  for (size_t i = at; i < text.size(); ++i) {
    node = child_of(node, text[i]);
    if (node == 0) break;
    if (nodes_[node].id >= 0) match = {at, i + 1 - at, nodes_[node].id};
  }
  return match;
}

SpecialTokens::Match SpecialTokens::find(std::string_view text, size_t from) const {
  for (size_t at = from; at < text.size(); ++at) {
    const Match match = longest_at(text, at);
    if (match.bytes > 0) return match;
  }
  return {};
}

}  // namespace yoke::model::text
