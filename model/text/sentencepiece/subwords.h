// How the kinds of SentencePiece models cut a prepared text into pieces, as the library does it. Immutable; any thread.
#pragma once

#include <array>
#include <memory>

#include "model/text/sentencepiece/model_file.h"
#include "model/text/stages.h"
#include "model/text/token_trie.h"

namespace yoke::model::text {

// What is done with what no piece covers: its bytes, else the unknown piece, once for a run of them, else nothing.
class UnknownPieces {
 public:
  explicit UnknownPieces(const SentencePieceModel& model);
  void write(std::string_view text, std::vector<int32_t>& ids) const;
  // In ids[begin ...).
  void join_runs(std::vector<int32_t>& ids, size_t begin) const;
  int32_t id() const { return id_; }  // -1: there is no unknown piece
  const std::array<int32_t, 256>& byte_ids() const { return byte_ids_; }  // -1 without byte_fallback

 private:
  int32_t id_ = -1;
  std::array<int32_t, 256> byte_ids_;
};

// `model` is checked. User-defined symbols are cut out whole before anything else.
std::unique_ptr<Subword> make_sentencepiece_bpe(const SentencePieceModel& model, const TokenTrie& user_defined);
std::unique_ptr<Subword> make_sentencepiece_unigram(const SentencePieceModel& model);
std::unique_ptr<Subword> make_sentencepiece_words(const SentencePieceModel& model, const TokenTrie& user_defined);  // or characters

}  // namespace yoke::model::text
