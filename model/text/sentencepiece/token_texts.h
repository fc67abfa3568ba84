// What the ids of a SentencePiece model, with the tokens that were added to it, stand for; and from ids back to a text. Immutable
// once made; any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/text/added_vocabulary.h"
#include "model/text/sentencepiece/model_file.h"
#include "model/text/stages.h"
#include "model/text/token_table.h"

namespace yoke::model::text {

class TokenTexts {
 public:
  // Error{bad_file} for an added id far beyond the others, or a broken character map of the decoder.
  TokenTexts(const SentencePieceModel& model, const std::vector<AddedToken>& added, const std::string& file);

  // The bytes of each in a stream.
  TokenTable table() const;
  TokenId find(std::string_view text) const;  // of control, unknown and added tokens; -1 where there is none

  // As the library's Decode; control, unknown and added tokens, which it does not write or know, are their texts, unless they are
  // special and `skip_special`.
  std::string decode(const std::vector<TokenId>& ids, bool skip_special) const;

 private:
  enum class Kind { piece, byte, verbatim, nothing };
  struct Token {
    std::string text;  // of a piece without marks: what a stream gives
    Kind kind = Kind::nothing;
    bool special = false;
    bool marked = false;  // it begins with a space mark
  };
  static Token token_of(const SentencePieceModel::Piece& piece);
  void add_piece(const Token& token, bool& at_begin, bool& dropped, std::string& text) const;

  std::vector<Token> tokens_;
  std::vector<std::string> names_;  // by id, where a token is found by its text, else empty
  bool drops_first_, drops_all_first_;
  std::unique_ptr<Normalizer> denormalizer_;  // null: none
};

}  // namespace yoke::model::text
