#include "model/text/added_vocabulary.h"

#include <algorithm>
#include <deque>

#include "model/text/character_kinds.h"

namespace yoke::model::text {
namespace {

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

AddedVocabulary::AddedVocabulary(std::vector<AddedToken> tokens, const Normalizer* normalizer) : tokens_(std::move(tokens)) {
  std::deque<std::string> rewritten;  // its elements do not move
  std::vector<TokenTrie::Entry> as_it_came, normalised;
  // The reference lists special tokens first and lets the first of equal ones count, which matters where two are equal once
  // normalised; in the trie the last counts.
  for (const bool special : {false, true}) {
    for (size_t i = tokens_.size(); i-- > 0;) {
      const AddedToken& token = tokens_[i];
      if (token.special != special) continue;
      const bool rewrites = token.normalized && normalizer != nullptr;
      const std::string_view text = rewrites ? rewritten.emplace_back(normalizer->apply(token.content)) : token.content;
      if (text.empty() || text.size() > kMaxBytes) continue;
      (token.normalized ? normalised : as_it_came).emplace_back(text, static_cast<int32_t>(i));
    }
  }
  if (!as_it_came.empty()) as_it_came_.emplace(std::move(as_it_came));
  if (!normalised.empty()) normalised_.emplace(std::move(normalised));
}

// The longest that stands at `at` and does not stand across the border of a caller's part.
AddedVocabulary::Longest AddedVocabulary::longest_at(const TokenTrie& trie, std::string_view text, size_t at,
                                                     const CallerParts& caller) const {
  Longest longest;
  uint32_t node = TokenTrie::kRoot;
  for (size_t end = at; end < text.size();) {
    node = trie.child(node, text[end++]);
    if (node == TokenTrie::kNowhere) break;
    if (trie.id(node) < 0) continue;
    const AddedToken& token = tokens_[static_cast<size_t>(trie.id(node))];
    if (where(token, caller, at, end) != Stands::across) longest = {end - at, &token};
  }
  return longest;
}

std::vector<AddedVocabulary::Found> AddedVocabulary::find(std::string_view text, Text kind, AddedTokens match,
                                                          const CallerParts& caller) const {
  std::vector<Found> found;
  const std::optional<TokenTrie>& trie = trie_of(kind);
  if (match == AddedTokens::none || !trie) return found;
  size_t done = 0, space_end = 0;  // white space is looked through once
  for (size_t at = 0; at < text.size();) {
    const Longest longest = longest_at(*trie, text, at, caller);
    if (longest.bytes == 0) {
      ++at;
      continue;
    }
    const AddedToken& token = *longest.token;
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
