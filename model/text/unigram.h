// Unigram: of all ways to cut a word into pieces, the one with the best sum of log probabilities (Viterbi). Scores, ties and
// unknown characters are those of tokenizer.json's model "Unigram" (Hugging Face tokenizers), in double precision. Time and
// memory for a word of n bytes: n times the longest piece, and 24 n bytes. Immutable; any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "model/text/stages.h"

namespace yoke::model::text {

struct UnigramParts {
  struct Piece {
    std::string_view text;  // looked at while making only
    double score = 0;
  };
  std::vector<Piece> pieces;  // their places are their ids; of equal ones the last counts
  // Without it, characters that no piece covers are dropped.
  std::optional<int32_t> unknown;
  bool byte_fallback = false;  // characters that no piece covers become the pieces <0x00> to <0xFF>, if all of theirs are there
};

// Error{bad_file} for an unknown id out of range or a score that is no finite number.
std::unique_ptr<Subword> make_unigram(UnigramParts parts);

}  // namespace yoke::model::text
