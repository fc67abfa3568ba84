#include "model/text/unigram.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "model/text/token_trie.h"
#include "model/text/utf8.h"

namespace yoke::model::text {
namespace {

constexpr int32_t kNone = -1;
constexpr double kUnknownPenalty = 10;  // an unknown character is so much worse than the worst piece

class Unigram : public Subword {
 public:
  Unigram(TokenTrie trie, const UnigramParts& parts) : trie_(std::move(trie)), unknown_(parts.unknown.value_or(kNone)) {
    double least = std::numeric_limits<double>::infinity();
    for (const UnigramParts::Piece& piece : parts.pieces) {
      scores_.push_back(piece.score);
      least = std::min(least, piece.score);
    }
    unknown_score_ = least - kUnknownPenalty;
    for (size_t byte = 0; byte < 256; ++byte) {
      bytes_[byte] = parts.byte_fallback ? trie_.id(trie_.walk(fmt::format("<0x{:02X}>", byte))) : kNone;
    }
  }

  void encode(const std::vector<std::string_view>& words, std::vector<int32_t>& ids) const override {
    std::vector<End> ends;
    std::vector<Stretch> path;
    for (const std::string_view word : words) {
      find_best(word, ends);
      trace(word.size(), ends, path);
      for (const Stretch& stretch : path) write(word.substr(stretch.begin, stretch.end - stretch.begin), ids);
    }
  }

 private:
  // The best way to cut a word's beginning up to a place: its score, and where its last piece begins.
  struct End {
    double score = 0;
    size_t begin = kUnreached;
    int32_t id = kNone;
    static constexpr size_t kUnreached = static_cast<size_t>(-1);

    // Of equal ones the first stays.
    void offer(double better, size_t from, int32_t last) {
      if (begin == kUnreached || better > score) *this = {better, from, last};
    }
  };
  struct Stretch {
    size_t begin, end;
  };

  void find_best(std::string_view word, std::vector<End>& ends) const {
    ends.assign(word.size() + 1, {});
    for (size_t at = 0; at < word.size();) {
      const double score = ends[at].score;
      const size_t char_bytes = read_char(word, at).bytes;
      bool covered = false;
      uint32_t node = TokenTrie::kRoot;
      for (size_t end = at; end < word.size();) {
        node = trie_.child(node, word[end++]);
        if (node == TokenTrie::kNowhere) break;
        const int32_t id = trie_.id(node);
        if (id == kNone) continue;
        ends[end].offer(scores_[id] + score, at, id);
        covered = covered || end - at == char_bytes;
      }
      if (!covered) ends[at + char_bytes].offer(unknown_score_ + score, at, unknown_);
      at += char_bytes;
    }
  }

  // The pieces of the best way in their order; unknown ones beside each other become one.
  void trace(size_t size, const std::vector<End>& ends, std::vector<Stretch>& path) const {
    path.clear();
    bool after_unknown = false;
    for (size_t end = size; end > 0; end = ends[end].begin) {
      const bool unknown = ends[end].id == unknown_;
      if (unknown && after_unknown) {
        path.back().begin = ends[end].begin;
      } else {
        path.push_back({ends[end].begin, end});
      }
      after_unknown = unknown;
    }
    std::reverse(path.begin(), path.end());
  }

  void write(std::string_view piece, std::vector<int32_t>& ids) const {
    const uint32_t node = trie_.walk(piece);
    if (node != TokenTrie::kNowhere && trie_.id(node) != kNone) return ids.push_back(trie_.id(node));
    const auto id_of = [&](char byte) { return bytes_[static_cast<uint8_t>(byte)]; };
    if (std::all_of(piece.begin(), piece.end(), [&](char byte) { return id_of(byte) != kNone; })) {
      std::transform(piece.begin(), piece.end(), std::back_inserter(ids), id_of);
    } else if (unknown_ != kNone) {
      ids.push_back(unknown_);
    }
  }

  TokenTrie trie_;
  int32_t unknown_;
  std::vector<double> scores_;
  double unknown_score_;
  std::array<int32_t, 256> bytes_;  // kNone where there is no piece for the byte, or none is wanted
};

}  // namespace

std::unique_ptr<Subword> make_unigram(UnigramParts parts) {
  std::vector<TokenTrie::Entry> entries;
  entries.reserve(parts.pieces.size());
  for (const UnigramParts::Piece& piece : parts.pieces) {
    const auto id = static_cast<int32_t>(entries.size());
    if (!std::isfinite(piece.score)) {
      throw Error{Code::bad_file, fmt::format("tokenizer: piece {} ('{}') has the score {}, expected a number", id, piece.text, piece.score)};
    }
    entries.emplace_back(piece.text, id);
  }
  if (parts.unknown && (*parts.unknown < 0 || static_cast<size_t>(*parts.unknown) >= entries.size())) {
    throw Error{Code::bad_file, fmt::format("tokenizer: unk_id is {}, but the vocabulary has {} pieces", *parts.unknown, entries.size())};
  }
  return std::make_unique<Unigram>(TokenTrie(std::move(entries)), parts);
}

}  // namespace yoke::model::text
