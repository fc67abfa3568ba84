// A tokenizer as a pipeline of steps (model/text/stages.h), the way tokenizer.json describes one: added tokens are taken out of
// the text, what lies between is normalised, cut into words, and the words become ids. Every kind of file that this build reads
// ends as one of these. Immutable; any thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/text/added_vocabulary.h"
#include "model/text/framing.h"
#include "model/text/stages.h"
#include "model/text/token_decoder.h"
#include "model/text/token_table.h"
#include "model/text/tokenizer.h"

namespace yoke::model::text {

// Bytes that are no UTF-8 (the reference takes none): byte-level vocabularies write them, others see U+FFFD.
enum class IllFormed { as_bytes, replaced };

// Parts that fit each other: who reads a model's files has seen to it.
struct PipelineParts {
  std::unique_ptr<const Normalizer> normalizer;      // null: none
  std::unique_ptr<const PreTokenizer> pre_tokenizer;  // null: what lies between added tokens is one word
  std::unique_ptr<const Subword> subword;
  AddedVocabulary added;
  IllFormed ill_formed = IllFormed::replaced;

  TokenTable pieces;                              // what each token is in a stream
  std::unique_ptr<const TokenTable> texts;        // what each is for the decoder; null: as `pieces`, joined
  std::unique_ptr<const TokenDecoder> decoder;    // with `texts`
  bool drops_first_space = false;

  Framing framing;
  std::optional<TokenId> bos;
  std::vector<TokenId> ends;                      // of a generation, ascending
  std::map<std::string, std::string, std::less<>> special_texts;  // by a template's variable: "bos_token"
};

class PipelineTokenizer : public Tokenizer {
 public:
  explicit PipelineTokenizer(PipelineParts parts);

  std::vector<TokenId> encode(std::string_view text, AddedTokens match) const override;
  std::vector<TokenId> encode_pieces(const std::vector<Piece>& pieces) const override;
  Framed frame(const std::vector<TokenId>& text) const override { return framed(parts_.framing.single, text, {}); }
  Framed frame_pair(const std::vector<TokenId>& first, const std::vector<TokenId>& second) const override {
    return framed(parts_.framing.pair, first, second);
  }
  std::string decode(const std::vector<TokenId>& ids, bool skip_special) const override;
  std::string_view token_bytes(TokenId id) const override { return parts_.pieces.bytes(id); }
  bool is_special(TokenId id) const override { return parts_.pieces.is_special(id); }
  bool drops_first_space() const override { return parts_.drops_first_space; }
  int64_t vocab_size() const override { return parts_.pieces.size(); }
  std::optional<TokenId> bos() const override { return parts_.bos; }
  bool adds_bos() const override { return adds_bos_; }
  const std::vector<TokenId>& end_of_generation() const override { return parts_.ends; }
  std::string special_text(std::string_view variable) const override;

 private:
  class Encoding;

  PipelineParts parts_;
  bool adds_bos_;
};

}  // namespace yoke::model::text
