// The way of cutting a word into pieces with the best sum of scores (Viterbi), as the Unigram models take it: time n times the
// longest piece. Sums are in Sum, the precision of who set the rules; of equal ones the first found stays. One thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "model/text/token_trie.h"
#include "model/text/utf8.h"

namespace yoke::model::text {

template <typename Sum>
class BestPath {
 public:
  static constexpr int32_t kUnknown = -1;
  struct Stretch {
    size_t begin, end;
    int32_t id;  // of the piece; kUnknown for a character that no piece covers
  };

  // The pieces of the best way through `word` in their order, valid until the next call. `scores` are by the ids of `pieces`.
  const std::vector<Stretch>& find(std::string_view word, const TokenTrie& pieces, const std::vector<double>& scores, Sum unknown) {
    ends_.assign(word.size() + 1, {});
    for (size_t at = 0; at < word.size();) at += extend(word, at, pieces, scores, unknown);
    path_.clear();
    for (size_t end = word.size(); end > 0; end = ends_[end].begin) path_.push_back({ends_[end].begin, end, ends_[end].id});
    std::reverse(path_.begin(), path_.end());
    return path_;
  }

 private:
  static constexpr size_t kUnreached = static_cast<size_t>(-1);

  // The best way up to a place: its score, and its last piece.
  struct End {
    Sum score = 0;
    int32_t id = kUnknown;
    size_t begin = kUnreached;
  };

  // Candidates are compared before they are rounded to Sum.
  void offer(size_t end, double score, size_t begin, int32_t id) {
    End& best = ends_[end];
    if (best.begin == kUnreached || score > best.score) best = {static_cast<Sum>(score), id, begin};
  }

  // Takes all pieces that begin with the character at `at`; returns its bytes.
  size_t extend(std::string_view word, size_t at, const TokenTrie& pieces, const std::vector<double>& scores, Sum unknown) {
    const Sum score = ends_[at].score;
    const size_t char_bytes = read_char(word, at).bytes;
    bool covered = false;
    uint32_t node = TokenTrie::kRoot;
    for (size_t end = at; end < word.size();) {
      node = pieces.child(node, word[end++]);
      if (node == TokenTrie::kNowhere) break;
      const int32_t id = pieces.id(node);
      if (id < 0) continue;
      offer(end, scores[id] + score, at, id);
      covered = covered || end - at == char_bytes;
    }
    if (!covered) offer(at + char_bytes, static_cast<Sum>(unknown + score), at, kUnknown);
    return char_bytes;
  }

  std::vector<End> ends_;
  std::vector<Stretch> path_;
};

}  // namespace yoke::model::text
