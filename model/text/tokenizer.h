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

// Whether special tokens that stand in the text are recognised (a rendered template) or stay ordinary text (what a caller
// wrote: a client's "<|im_end|>" must not end a turn).
enum class Specials { recognise, as_text };

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  // Without BOS. Never fails: bytes that the vocabulary cannot write are dropped, as the reference does. n log n.
  virtual std::vector<TokenId> encode(std::string_view text, Specials specials) const = 0;
  // A rendered chat in one go: special tokens are recognised where they stand whole in what the template wrote, and
  // nowhere else; words go across the pieces' borders, so that a harmless chat has the ids of its joined text.
  virtual std::vector<TokenId> encode_pieces(const std::vector<Piece>& pieces) const;
  // The bytes a token stands for, not necessarily whole UTF-8; a special token's own text; empty for an id out of range.
  virtual std::string_view token_bytes(TokenId id) const = 0;
  virtual bool is_special(TokenId id) const = 0;
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
