#include "model/text/unigram.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "model/text/best_path.h"
#include "model/text/token_trie.h"

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
    BestPath<double> best;
    for (const std::string_view word : words) {
      // Unknown pieces beside each other are one; the unknown token's own text counts among them.
      size_t begin = 0, end = 0;
      for (const auto& piece : best.find(word, trie_, scores_, unknown_score_)) {
        const bool known = piece.id != BestPath<double>::kUnknown && piece.id != unknown_;
        if (known && end > begin) write(word.substr(begin, end - begin), ids);
        if (known) ids.push_back(piece.id);
        if (known) begin = piece.end;
        end = piece.end;
      }
      if (end > begin) write(word.substr(begin, end - begin), ids);
    }
  }

 private:
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
      throw Error{Code::bad_file,
                  fmt::format("tokenizer: piece {} ('{}') has the score {}, expected a number", id, piece.text, piece.score)};
    }
    entries.emplace_back(piece.text, id);
  }
  if (parts.unknown && (*parts.unknown < 0 || static_cast<size_t>(*parts.unknown) >= entries.size())) {
    throw Error{Code::bad_file, fmt::format("tokenizer: unk_id is {}, but the vocabulary has {} pieces", *parts.unknown, entries.size())};
  }
  return std::make_unique<Unigram>(TokenTrie(std::move(entries)), parts);
}

}  // namespace yoke::model::text
