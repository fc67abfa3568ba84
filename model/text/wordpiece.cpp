#include "model/text/wordpiece.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "model/text/token_trie.h"

namespace yoke::model::text {
namespace {

size_t count_chars(std::string_view word) {
  const auto begins = [](char byte) { return (static_cast<uint8_t>(byte) & 0xC0) != 0x80; };
  return static_cast<size_t>(std::count_if(word.begin(), word.end(), begins));
}

class WordPiece : public Subword {
 public:
  WordPiece(TokenTrie trie, int32_t unknown, const WordPieceParts& parts)
      : trie_(std::move(trie)), unknown_(unknown), goes_on_(parts.continuing_prefix.empty() ||
                                                            trie_.walk(parts.continuing_prefix) != TokenTrie::kNowhere),
        continuing_(trie_.walk(parts.continuing_prefix)), max_word_chars_(parts.max_word_chars) {}

  void encode(const std::vector<std::string_view>& words, std::vector<int32_t>& ids) const override {
    for (const std::string_view word : words) {
      if (word.empty()) continue;
      const size_t before = ids.size();
      // In bytes first: it costs nothing, and most words pass.
      if ((word.size() <= max_word_chars_ || count_chars(word) <= max_word_chars_) && cut(word, ids)) continue;
      ids.resize(before);
      ids.push_back(unknown_);
    }
  }

 private:
  struct Longest {
    size_t bytes = 0;  // 0: no entry stands here
    int32_t id = 0;
  };

  Longest longest(std::string_view rest, uint32_t node) const {
    Longest found;
    for (size_t at = 0; at < rest.size(); ++at) {
      node = trie_.child(node, rest[at]);
      if (node == TokenTrie::kNowhere) break;
      if (trie_.id(node) >= 0) found = {at + 1, trie_.id(node)};
    }
    return found;
  }

  bool cut(std::string_view word, std::vector<int32_t>& ids) const {
    for (size_t at = 0; at < word.size();) {
      if (at > 0 && !goes_on_) return false;
      const Longest piece = longest(word.substr(at), at == 0 ? TokenTrie::kRoot : continuing_);
      if (piece.bytes == 0) return false;
      ids.push_back(piece.id);
      at += piece.bytes;
    }
    return true;
  }

  TokenTrie trie_;
  int32_t unknown_;
  bool goes_on_;         // some entry bears the prefix
  uint32_t continuing_;  // where the prefix leads
  size_t max_word_chars_;
};

}  // namespace

std::unique_ptr<Subword> make_wordpiece(WordPieceParts parts) {
  TokenTrie trie(std::move(parts.vocabulary));
  const uint32_t unknown = trie.walk(parts.unknown);
  if (trie.id(unknown) < 0) {
    throw Error{Code::bad_file, fmt::format("tokenizer: the unknown token '{}' is not in the vocabulary", parts.unknown)};
  }
  const int32_t id = trie.id(unknown);
  return std::make_unique<WordPiece>(std::move(trie), id, parts);
}

}  // namespace yoke::model::text
