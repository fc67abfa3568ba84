// What SentencePiece does to a text before it cuts it: user-defined symbols stay as they are, the longest rule of the character
// map is applied, spaces are marked (U+2581), and one is put before the text. As the library does it, but for ill-formed bytes,
// which are to be replaced before. Immutable; any thread.
#pragma once

#include <memory>

#include "model/text/sentencepiece/model_file.h"
#include "model/text/stages.h"
#include "model/text/token_trie.h"

namespace yoke::model::text {

// The bytes of the longest entry at the beginning of `text`; 0 where there is none.
size_t longest_entry(const TokenTrie& entries, std::string_view text);

// Error{bad_file} for a broken character map.
std::unique_ptr<Normalizer> make_sentencepiece_normalizer(const SentencePieceModel::Preparation& preparation, TokenTrie user_defined,
                                                          bool whitespace_as_suffix);

}  // namespace yoke::model::text
