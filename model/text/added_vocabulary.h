// Finds the added tokens of a vocabulary (control tokens, tokens that a user defined) where they stand whole in a text:
// leftmost first, at one place the longest, as the reference (Hugging Face tokenizers, AddedVocabulary) does. Tokens marked
// `normalized` stand in the normalised text, the others in the text as it came. Immutable once built; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/text/stages.h"
#include "model/text/token_trie.h"
#include "model/text/tokenizer.h"

namespace yoke::model::text {

struct AddedToken {
  std::string content;
  TokenId id = 0;
  bool special = false;
  bool normalized = false;
  bool single_word = false;  // only where no word character stands beside it
  bool lstrip = false;       // takes the white space before it along
  bool rstrip = false;       // and the white space behind it
};

// The stretches of a text that a caller wrote: [begin, end), ascending, not touching.
using CallerParts = std::vector<std::pair<size_t, size_t>>;

class AddedVocabulary {
 public:
  // Bounds the search to this many steps for each byte of a text.
  static constexpr size_t kMaxBytes = 256;

  AddedVocabulary() = default;
  // `normalizer` may be null. Contents, normalised ones too, are at most kMaxBytes long: longer ones are never found.
  AddedVocabulary(std::vector<AddedToken> tokens, const Normalizer* normalizer);

  struct Found {
    size_t begin, end;
    TokenId id;
    bool as_text = false;  // a token in a caller's part: it is encoded as ordinary text, apart from what stands beside it
  };
  enum class Text { as_it_came, normalised };
  // The tokens in `text`, in its order. A token that touches a caller's part is none, but for white space that is not special:
  // models are trained to see that as tokens, and it controls nothing. One that lies in such a part is given `as_text`: there the
  // reference (transformers' sanitize_control_tokens) cuts.
  std::vector<Found> find(std::string_view text, Text kind, AddedTokens match, const CallerParts& caller) const;

  bool any_in(Text kind) const { return trie_of(kind).has_value(); }

 private:
  struct Longest {
    size_t bytes = 0;  // 0: there is none
    const AddedToken* token = nullptr;
  };
  Longest longest_at(const TokenTrie& trie, std::string_view text, size_t at, const CallerParts& caller) const;
  const std::optional<TokenTrie>& trie_of(Text kind) const { return kind == Text::normalised ? normalised_ : as_it_came_; }

  std::vector<AddedToken> tokens_;
  std::optional<TokenTrie> as_it_came_, normalised_;  // ids are places in tokens_; none where there is nothing to look for
};

}  // namespace yoke::model::text
