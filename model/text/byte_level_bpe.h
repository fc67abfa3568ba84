// Byte-level BPE, the tokenizer of GPT-2's line: special tokens are taken out, the rest is cut into words, and the bytes of
// each word are merged. Immutable; any thread.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/text/merges.h"
#include "model/text/pretokenizer.h"
#include "model/text/special_tokens.h"
#include "model/text/token_table.h"
#include "model/text/tokenizer.h"

namespace yoke::model::text {

inline constexpr TokenId kNoToken = -1;

struct SpecialIds {
  std::optional<TokenId> bos, eos, unk, pad;
  bool adds_bos = false;
  std::vector<TokenId> ends;  // ascending
};

// A vocabulary whose parts fit each other: make_tokenizer has seen to it.
struct Vocabulary {
  TokenTable tokens;
  SpecialTokens whole;                             // control and user-defined tokens
  std::array<TokenId, 256> byte_ids;               // kNoToken for a byte that the vocabulary cannot write
  Merges merges;
  std::unordered_map<std::string, TokenId> words;  // where whole words come first, else empty
  SpecialIds special;
};

class ByteLevelBpe : public Tokenizer {
 public:
  ByteLevelBpe(const PretokenizerRow& row, Vocabulary vocabulary) : pretokenizer_(row), vocabulary_(std::move(vocabulary)) {}

  std::vector<TokenId> encode(std::string_view text, AddedTokens match) const override;
  std::vector<TokenId> encode_pieces(const std::vector<Piece>& pieces) const override;
  std::string_view token_bytes(TokenId id) const override { return vocabulary_.tokens.bytes(id); }
  bool is_special(TokenId id) const override { return vocabulary_.tokens.is_special(id); }
  int64_t vocab_size() const override { return vocabulary_.tokens.size(); }
  std::optional<TokenId> bos() const override { return vocabulary_.special.bos; }
  bool adds_bos() const override { return vocabulary_.special.adds_bos; }
  const std::vector<TokenId>& end_of_generation() const override { return vocabulary_.special.ends; }
  std::string special_text(std::string_view variable) const override;

 private:
  class Encoding;

  Pretokenizer pretokenizer_;
  Vocabulary vocabulary_;
};

}  // namespace yoke::model::text
