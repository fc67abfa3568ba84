// WordPiece, the vocabulary of BERT's line: a word is cut from the left into the longest entries; those that go on within a word
// bear a prefix. The rules are those of tokenizer.json's model "WordPiece" (Hugging Face tokenizers). Immutable; any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/text/stages.h"

namespace yoke::model::text {

struct WordPieceParts {
  std::vector<std::pair<std::string_view, int32_t>> vocabulary;  // looked at while making only
  std::string unknown = "[UNK]";         // stands for a word that cannot be cut, or is too long
  std::string continuing_prefix = "##";  // may be empty
  size_t max_word_chars = 100;           // in characters
};

// Error{bad_file} where the unknown token is not in the vocabulary.
std::unique_ptr<Subword> make_wordpiece(WordPieceParts parts);

}  // namespace yoke::model::text
