#include "model/text/sentencepiece/token_texts.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "model/text/sentencepiece/normalizer.h"
#include "model/text/utf8.h"

namespace yoke::model::text {
namespace {

using Model = SentencePieceModel;

// Ids beyond the pieces that nobody uses take memory too.
constexpr size_t kMostGap = 1 << 16;

std::string without_marks(std::string_view piece) {
  std::string text;
  for (size_t at = 0; at < piece.size();) {
    const bool mark = piece.substr(at).starts_with(kSpaceMark);
    text += mark ? ' ' : piece[at];
    at += mark ? kSpaceMark.size() : 1;
  }
  return text;
}

// A run of byte pieces: characters where they make up some, else one U+FFFD for each byte.
void add_bytes(std::string& bytes, std::string& text) {
  for (size_t at = 0; at < bytes.size();) {
    const Utf8Char c = read_char(bytes, at);
    const bool whole = c.state == Utf8Char::State::well_formed;
    text += whole ? std::string_view(bytes).substr(at, c.bytes) : kReplacementCharacter;
    at += whole ? c.bytes : 1;
  }
  bytes.clear();
}

}  // namespace

TokenTexts::Token TokenTexts::token_of(const Model::Piece& piece) {
  switch (piece.type) {
    case Model::PieceType::unknown:
    case Model::PieceType::control: return {piece.text, Kind::verbatim, true, false};
    case Model::PieceType::byte: return {std::string(1, static_cast<char>(byte_of_piece(piece.text))), Kind::byte, false, false};
    case Model::PieceType::normal:
    case Model::PieceType::user_defined:
    case Model::PieceType::unused: break;
  }
  return {without_marks(piece.text), Kind::piece, false, piece.text.starts_with(kSpaceMark)};
}

TokenTexts::TokenTexts(const Model& model, const std::vector<AddedToken>& added, const std::string& file)
    : drops_first_(model.normalizer.add_dummy_prefix || model.normalizer.remove_extra_whitespaces),
      drops_all_first_(model.normalizer.remove_extra_whitespaces) {
  for (const Model::Piece& piece : model.pieces) {
    tokens_.push_back(token_of(piece));
    const bool named = piece.type == Model::PieceType::control || piece.type == Model::PieceType::unknown;
    names_.push_back(named ? piece.text : "");
  }
  for (const AddedToken& token : added) {
    const auto id = static_cast<size_t>(token.id);
    if (token.id < 0 || id >= tokens_.size() + kMostGap) {
      throw Error{Code::bad_file, fmt::format("{}: the added token '{}' has the id {}, but the model has {} pieces", file, token.content,
                                              token.id, model.pieces.size())};
    }
    if (id >= tokens_.size()) tokens_.resize(id + 1);
    tokens_[id] = {token.content, Kind::verbatim, token.special, false};
    if (id >= names_.size()) names_.resize(id + 1);
    names_[id] = token.content;
  }
  if (!model.denormalizer.charsmap.empty()) denormalizer_ = make_sentencepiece_normalizer(model.denormalizer, TokenTrie({}), false);
}

TokenTable TokenTexts::table() const {
  TokenTable table;
  for (const Token& token : tokens_) table.add(token.text, token.special);
  return table;
}

TokenId TokenTexts::find(std::string_view text) const {
  const auto found = text.empty() ? names_.end() : std::ranges::find(names_, text);
  return found == names_.end() ? -1 : static_cast<TokenId>(found - names_.begin());
}

void TokenTexts::add_piece(const Token& token, bool& at_begin, bool& dropped, std::string& text) const {
  if (dropped || !text.empty()) at_begin = false;
  const bool drops = at_begin && drops_first_ && token.kind == Kind::piece && token.marked;
  text.append(token.text, drops ? 1 : 0);
  dropped = drops && !drops_all_first_;
}

std::string TokenTexts::decode(const std::vector<TokenId>& ids, bool skip_special) const {
  std::string text, bytes;
  bool at_begin = true;
  bool dropped = false;  // the piece before lost its mark
  for (const TokenId id : ids) {
    if (id < 0 || static_cast<size_t>(id) >= tokens_.size()) continue;
    const Token& token = tokens_[static_cast<size_t>(id)];
    if (token.kind == Kind::byte) {
      bytes += token.text;
      continue;
    }
    add_bytes(bytes, text);
    if (!skip_special || !token.special) add_piece(token, at_begin, dropped, text);
  }
  add_bytes(bytes, text);
  return denormalizer_ ? denormalizer_->apply(text) : text;
}

}  // namespace yoke::model::text
