#include "model/text/tokenizer.h"

#include <fmt/format.h>

#include "core/error.h"
#include "model/text/detokenizer.h"
#include "model/text/gguf_bert.h"
#include "model/text/gguf_byte_level.h"
#include "model/text/gguf_sentencepiece.h"

namespace yoke::model::text {
namespace {

// Kinds of tokenizers in GGUF files, by tokenizer.ggml.model.
struct GgufKind {
  std::string_view model;
  std::unique_ptr<Tokenizer> (*make)(const TokenizerAssets& assets);
};
constexpr GgufKind kGgufKinds[] = {
    {"gpt2", make_gguf_byte_level},
    {"llama", make_gguf_llama},
    {"bert", make_gguf_bert},
    {"t5", make_gguf_t5},
};

}  // namespace

std::vector<TokenId> Tokenizer::encode_pieces(const std::vector<Piece>& pieces) const {
  std::vector<TokenId> ids;
  for (const Piece& piece : pieces) {
    const std::vector<TokenId> part = encode(piece.text, piece.from_caller ? AddedTokens::none : AddedTokens::all);
    ids.insert(ids.end(), part.begin(), part.end());
  }
  return ids;
}

Framed Tokenizer::frame(const std::vector<TokenId>& text) const {
  Framed framed;
  if (adds_bos()) framed.ids.push_back(*bos());
  framed.ids.insert(framed.ids.end(), text.begin(), text.end());
  framed.types.assign(framed.ids.size(), 0);
  return framed;
}

Framed Tokenizer::frame_pair(const std::vector<TokenId>&, const std::vector<TokenId>&) const {
  throw Error{Code::unsupported, "this model's tokenizer does not say how two texts stand beside each other"};
}

std::string Tokenizer::decode(const std::vector<TokenId>& ids, bool skip_special) const {
  Detokenizer detokenizer(*this, skip_special);
  std::string text;
  for (const TokenId id : ids) text += detokenizer.push(id);
  return text + detokenizer.finish();
}

std::unique_ptr<Tokenizer> make_tokenizer(const TokenizerAssets& assets) {
  std::string known;
  for (const GgufKind& kind : kGgufKinds) {
    if (kind.model == assets.model) return kind.make(assets);
    known += fmt::format("{}'{}'", known.empty() ? "" : ", ", kind.model);
  }
  throw Error{Code::unsupported, fmt::format("tokenizer model '{}' is not known to this build; it knows {}", assets.model, known)};
}

}  // namespace yoke::model::text
