// Text to token ids and back. Immutable after make_tokenizer; any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/checkpoint.h"
#include "model/text/piece.h"

namespace yoke::model::text {

using TokenId = int32_t;

// Which of the vocabulary's added tokens are recognised where they stand whole in a text. The rest of it is ordinary text.
enum class AddedTokens {
  all,              // what a template wrote
  all_but_special,  // tokens marked special are text, the others (<think>, <tool_call>) are not
  none,             // what a caller wrote: a client's "<|im_end|>" must not end a turn
};

// Token ids with the token types that encoders of pairs tell apart (BERT: 0 for the first text, 1 for the second).
struct Framed {
  std::vector<TokenId> ids;
  std::vector<int32_t> types;  // one for each id
};

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  // Without BOS. Never fails: bytes that the vocabulary cannot write are dropped, as the reference does. n log n.
  virtual std::vector<TokenId> encode(std::string_view text, AddedTokens match) const = 0;
  // With what the model was trained to see around a text, or around two: BOS, EOS, [CLS] ... [SEP].
  virtual Framed frame(const std::vector<TokenId>& text) const;
  // Error{unsupported} where the tokenizer's files say nothing of pairs.
  virtual Framed frame_pair(const std::vector<TokenId>& first, const std::vector<TokenId>& second) const;
  // The whole text of a list, as the reference's decode() gives it; Detokenizer is for streams.
  virtual std::string decode(const std::vector<TokenId>& ids, bool skip_special) const;
  // A rendered chat in one go: special tokens are recognised where they stand whole in what the template wrote, and
  // nowhere else; words go across the pieces' borders, so that a harmless chat has the ids of its joined text.
  virtual std::vector<TokenId> encode_pieces(const std::vector<Piece>& pieces) const;
  // The bytes a token stands for, not necessarily whole UTF-8; a special token's own text; empty for an id out of range.
  virtual std::string_view token_bytes(TokenId id) const = 0;
  virtual bool is_special(TokenId id) const = 0;
  // The first space of a whole text is the tokenizer's own mark and no part of it (SentencePiece).
  virtual bool drops_first_space() const { return false; }
  virtual int64_t vocab_size() const = 0;
  virtual std::optional<TokenId> bos() const = 0;
  virtual bool adds_bos() const = 0;
  // Every token that ends a generation: eos and the end-of-turn tokens that the vocabulary names.
  virtual const std::vector<TokenId>& end_of_generation() const = 0;
  // "bos_token", "eos_token", "unk_token", "pad_token" for a template's variables; empty where there is none.
  virtual std::string special_text(std::string_view variable) const = 0;
};

// Error{bad_file} for inconsistent merges, types or ids, naming the entry; Error{unsupported} for a kind or a
// pre-tokenizer that this build does not know, by its name.
std::unique_ptr<Tokenizer> make_tokenizer(const TokenizerAssets& assets);

}  // namespace yoke::model::text
