#include "model/text/gguf_sentencepiece.h"

#include <fmt/format.h>

#include "model/text/gguf_vocabulary.h"
#include "model/text/sentencepiece/sentencepiece_tokenizer.h"

namespace yoke::model::text {
namespace {

using Model = SentencePieceModel;
using PieceType = Model::PieceType;

constexpr const char* kWhere = "tokenizer";

Model::Piece piece_of(const TokenizerAssets& assets, size_t id) {
  auto type = static_cast<PieceType>(gguf_type(assets, id));  // the numbers are SentencePiece's
  if (assets.unk == static_cast<int32_t>(id)) type = PieceType::unknown;
  return {assets.tokens[id], assets.scores.empty() ? 0 : assets.scores[id], type};
}

// A symbol that a user defined is what Hugging Face's files call an added token: found before anything else, and the text behind
// it is one of its own. Spaces are found among the pieces, after they are marked.
void take_symbols(Model& model, ModelNames& names) {
  for (size_t id = 0; id < model.pieces.size(); ++id) {
    Model::Piece& piece = model.pieces[id];
    if (piece.type != PieceType::user_defined || is_space_piece(piece.text)) continue;
    names.added.push_back({.content = piece.text, .id = static_cast<TokenId>(id)});
    piece.type = PieceType::control;
  }
}

Model read_model(const TokenizerAssets& assets, Model::Kind kind) {
  check_gguf_types(assets);
  if (assets.scores.size() != assets.tokens.size()) {
    refuse_gguf_tokenizer(fmt::format("tokenizer.ggml.scores has {} entries, expected {}, one for each token", assets.scores.size(),
                                      assets.tokens.size()));
  }
  Model model;
  model.kind = kind;
  for (size_t id = 0; id < assets.tokens.size(); ++id) {
    model.pieces.push_back(piece_of(assets, id));
    model.byte_fallback = model.byte_fallback || model.pieces.back().type == PieceType::byte;
  }
  model.normalizer = {assets.charsmap, assets.add_space_prefix, assets.remove_extra_whitespaces, true};
  check_sentencepiece_model(model, kWhere, Repeated::allowed);
  return model;
}

std::unique_ptr<Tokenizer> make(const TokenizerAssets& assets, Model::Kind kind) {
  Model model = read_model(assets, kind);
  ModelNames names;
  const std::pair<const char*, std::optional<int32_t>> special[] = {
      {"bos_token", assets.bos}, {"eos_token", assets.eos}, {"unk_token", assets.unk}, {"pad_token", assets.pad}};
  for (const auto& [name, id] : special) {
    check_gguf_id(assets, name, id);
    if (id) names.special_texts.emplace(name, assets.tokens[static_cast<size_t>(*id)]);
  }
  names.adds_bos = assets.add_bos;
  names.adds_eos = assets.add_eos;
  take_symbols(model, names);
  return make_sentencepiece(model, kWhere, names);
}

}  // namespace

std::unique_ptr<Tokenizer> make_gguf_llama(const TokenizerAssets& assets) { return make(assets, Model::Kind::bpe); }

std::unique_ptr<Tokenizer> make_gguf_t5(const TokenizerAssets& assets) { return make(assets, Model::Kind::unigram); }

}  // namespace yoke::model::text
