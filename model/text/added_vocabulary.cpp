#include "model/text/added_vocabulary.h"

#include <algorithm>

#include "model/text/character_kinds.h"

namespace yoke::model::text {
namespace {

bool before(const std::pair<char, uint32_t>& child, char next) { return child.first < next; }

bool only_white_space(std::string_view text) { return space_at_begin(text) == text.size(); }

enum class Stands { free, in_callers, across };

// Where [begin, end) is, with regard to the caller's parts.
Stands where(const CallerParts& caller, size_t begin, size_t end) {
  const auto ends_before = [](const std::pair<size_t, size_t>& part, size_t at) { return part.second <= at; };
  const auto part = std::lower_bound(caller.begin(), caller.end(), begin, ends_before);
  if (part == caller.end() || part->first >= end) return Stands::free;
  return part->first <= begin && end <= part->second ? Stands::in_callers : Stands::across;
}

Stands where(const AddedToken& token, const CallerParts& caller, size_t begin, size_t end) {
  return caller.empty() || (!token.special && only_white_space(token.content)) ? Stands::free : where(caller, begin, end);
}

}  // namespace

void AddedVocabulary::Trie::add(std::string_view text, uint32_t token) {
  if (text.empty() || text.size() > kMaxBytes) return;
  if (nodes_.empty()) nodes_.emplace_back();
  uint32_t node = 0;
  for (const char next : text) {
    uint32_t child = child_of(node, next);
    if (child == 0) {
      child = static_cast<uint32_t>(nodes_.size());
      auto& children = nodes_[node].children;
      children.insert(std::lower_bound(children.begin(), children.end(), next, before), {next, child});
      nodes_.emplace_back();
      if (node == 0) first_[static_cast<uint8_t>(next)] = child;
    }
    node = child;
  }
  if (nodes_[node].token < 0) nodes_[node].token = token;  // of equal ones the first counts
}

uint32_t AddedVocabulary::Trie::child_of(uint32_t node, char next) const {
  if (node == 0) return first_[static_cast<uint8_t>(next)];
  const auto& children = nodes_[node].children;
  const auto found = std::lower_bound(children.begin(), children.end(), next, before);
  return found == children.end() || found->first != next ? 0 : found->second;
}

template <typename Allowed>
AddedVocabulary::Trie::Longest AddedVocabulary::Trie::longest_at(std::string_view text, size_t at, Allowed allowed) const {
  Longest longest;
  uint32_t node = 0;
  for (size_t i = at; i < text.size(); ++i) {
    node = child_of(node, text[i]);
    if (node == 0) break;
    const int64_t token = nodes_[node].token;
    if (token >= 0 && allowed(static_cast<uint32_t>(token), i + 1)) longest = {i + 1 - at, static_cast<uint32_t>(token)};
  }
  return longest;
}

AddedVocabulary::AddedVocabulary(std::vector<AddedToken> tokens, const Normalizer* normalizer) : tokens_(std::move(tokens)) {
  // The reference lists special tokens first, which matters where two are equal once normalised.
  for (const bool special : {true, false}) {
    for (uint32_t i = 0; i < tokens_.size(); ++i) {
      const AddedToken& token = tokens_[i];
      if (token.special != special) continue;
      if (!token.normalized) {
        as_it_came_.add(token.content, i);
      } else {
        normalised_.add(normalizer ? normalizer->apply(token.content) : token.content, i);
      }
    }
  }
}

std::vector<AddedVocabulary::Found> AddedVocabulary::find(std::string_view text, Text kind, AddedTokens match,
                                                          const CallerParts& caller) const {
  std::vector<Found> found;
  const Trie& trie = trie_of(kind);
  if (match == AddedTokens::none || trie.empty()) return found;
  size_t done = 0, space_end = 0;  // white space is looked through once
  for (size_t at = 0; at < text.size();) {
    const auto longest = trie.longest_at(text, at, [&](uint32_t token, size_t end) {
      return where(tokens_[token], caller, at, end) != Stands::across;
    });
    if (longest.bytes == 0) {
      ++at;
      continue;
    }
    const AddedToken& token = tokens_[longest.token];
    size_t begin = at, end = at + longest.bytes;
    at = end;  // also where it is discarded: what it covers is not looked at again
    if (where(token, caller, begin, end) == Stands::in_callers) {
      found.push_back({begin, end, token.id, true});
      done = end;
      continue;
    }
    if (match == AddedTokens::all_but_special && token.special) continue;
    if (token.single_word && (is_word_character(last_character(text.substr(0, begin))) ||
                              is_word_character(first_character(text.substr(end))))) {
      continue;
    }
    if (token.lstrip) begin = done < begin ? begin - space_at_end(text.substr(done, begin - done)) : std::min(done, end);
    if (token.rstrip && space_end < end) space_end = end + space_at_begin(text.substr(end));
    if (token.rstrip) end = space_end;
    found.push_back({begin, end, token.id});
    done = end;
  }
  return found;
}

}  // namespace yoke::model::text
