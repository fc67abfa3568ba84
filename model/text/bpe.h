// Byte-pair encoding: the characters of a word become ids, which are then merged. Over bytes (GPT-2's line, where the words are
// raw bytes and the vocabulary's alphabet is undone when it is read) or over characters (SentencePiece's line). What follows the
// reference (Hugging Face tokenizers, models/bpe) is said at each option. Immutable; any thread.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "model/text/merges.h"
#include "model/text/stages.h"
#include "model/text/token_index.h"

namespace yoke::model::text {

enum class Alphabet { bytes, characters };

// Parts that fit each other: who reads a vocabulary has seen to it.
struct BpeParts {
  Alphabet alphabet = Alphabet::bytes;
  TokenIndex tokens;                   // by raw bytes, or by the characters of the entry
  std::array<int32_t, 256> byte_ids;   // bytes: what writes each; characters: the entries <0x00> to <0xFF>. kNoToken where absent
  Merges merges{{}};
  int32_t unknown = kNoToken;          // stands for a character that cannot be written; kNoToken: it is dropped
  bool fuse_unknown = false;           // one for a run of them
  bool byte_fallback = false;          // a character that is no entry is written by its bytes, if all of them are entries
  bool whole_words_first = false;      // a word that is an entry is that token, whatever the merges say
  std::string continuing_prefix;       // stands before each character of a word but the first, in the vocabulary
  std::string end_suffix;              // stands after the last
};

class Bpe : public Subword {
 public:
  explicit Bpe(BpeParts parts);

  void encode(const std::vector<std::string_view>& words, std::vector<int32_t>& ids) const override;

 private:
  class Encoding;

  BpeParts parts_;
  // A filter of the pairs of characters that stand beside each other in an entry: no merge goes across any other pair, so that a
  // long word may be cut there. Empty where words are not cut.
  std::vector<bool> neighbours_;
};

}  // namespace yoke::model::text
