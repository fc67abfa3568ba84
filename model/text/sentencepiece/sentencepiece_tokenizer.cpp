#include "model/text/sentencepiece/sentencepiece_tokenizer.h"

#include <algorithm>
#include <unordered_set>

#include "core/error.h"
#include "model/text/pipeline.h"
#include "model/text/sentencepiece/normalizer.h"
#include "model/text/sentencepiece/subwords.h"
#include "model/text/sentencepiece/token_texts.h"
#include "model/text/utf8.h"

namespace yoke::model::text {
namespace {

using Model = SentencePieceModel;
using PieceType = Model::PieceType;

struct Steps {
  std::unique_ptr<const Normalizer> normalizer;
  std::unique_ptr<const Subword> subword;
};

Steps make_steps(const Model& model) {
  std::vector<TokenTrie::Entry> symbols;
  for (size_t id = 0; id < model.pieces.size(); ++id) {
    if (model.pieces[id].type == PieceType::user_defined) symbols.emplace_back(model.pieces[id].text, static_cast<int32_t>(id));
  }
  const TokenTrie user_defined(std::move(symbols));
  Steps steps{make_sentencepiece_normalizer(model.normalizer, user_defined, model.whitespace_as_suffix), nullptr};
  switch (model.kind) {
    case Model::Kind::unigram: steps.subword = make_sentencepiece_unigram(model); break;
    case Model::Kind::bpe: steps.subword = make_sentencepiece_bpe(model, user_defined); break;
    case Model::Kind::word:
    case Model::Kind::character: steps.subword = make_sentencepiece_words(model, user_defined); break;
  }
  return steps;
}

// User-defined symbols that may mean something to a template: all but spaces and line ends.
std::vector<bool> meaningful_symbols(const Model& model) {
  std::vector<bool> meaningful(model.pieces.size());
  for (size_t id = 0; id < model.pieces.size(); ++id) {
    meaningful[id] = model.pieces[id].type == PieceType::user_defined && !is_space_piece(model.pieces[id].text);
  }
  return meaningful;
}

// Control and unknown pieces, and what was added over and beyond the pieces.
std::vector<AddedToken> added_tokens(const Model& model, const std::vector<AddedToken>& beyond) {
  std::vector<AddedToken> added;
  std::unordered_set<std::string_view> known;
  for (const AddedToken& token : beyond) {
    if (!known.insert(token.content).second) continue;
    added.push_back(token);
    added.back().normalized = false;  // the library's normalizer is no step that it could stand behind
  }
  for (size_t id = 0; id < model.pieces.size(); ++id) {
    const Model::Piece& piece = model.pieces[id];
    const bool found_whole = piece.type == PieceType::control || piece.type == PieceType::unknown;
    if (found_whole && !piece.text.empty() && !known.contains(piece.text)) {
      added.push_back({.content = piece.text, .id = static_cast<TokenId>(id), .special = true});
    }
  }
  return added;
}

class SentencePieceTokenizer : public Tokenizer {
 public:
  SentencePieceTokenizer(PipelineParts parts, TokenTexts texts, std::vector<bool> meaningful, Steps careful)
      : pipeline_(std::move(parts)), texts_(std::move(texts)), meaningful_(std::move(meaningful)), careful_(std::move(careful)) {}

  std::vector<TokenId> encode(std::string_view text, AddedTokens match) const override {
    if (match != AddedTokens::none || !careful_.subword) return pipeline_.encode(text, match);
    const std::string prepared = careful_.normalizer->apply(well_formed(text));
    std::vector<TokenId> ids;
    careful_.subword->encode({prepared}, ids);
    return ids;
  }

  // Symbols of the model are found by its own code, which does not know who wrote what. Where there are other ones in the whole
  // than in what the template wrote, the pieces are encoded one by one, the caller's without any.
  std::vector<TokenId> encode_pieces(const std::vector<Piece>& pieces) const override {
    std::vector<TokenId> ids = pipeline_.encode_pieces(pieces);
    if (!careful_.subword) return ids;
    std::vector<TokenId> wanted;
    for (const Piece& piece : pieces) {
      if (!piece.from_caller) keep_meaningful(pipeline_.encode(piece.text, AddedTokens::all), wanted);
    }
    std::vector<TokenId> found;
    keep_meaningful(ids, found);
    return found == wanted ? ids : Tokenizer::encode_pieces(pieces);
  }

  Framed frame(const std::vector<TokenId>& text) const override { return pipeline_.frame(text); }
  Framed frame_pair(const std::vector<TokenId>& first, const std::vector<TokenId>& second) const override {
    return pipeline_.frame_pair(first, second);
  }
  std::string decode(const std::vector<TokenId>& ids, bool skip_special) const override { return texts_.decode(ids, skip_special); }
  std::string_view token_bytes(TokenId id) const override { return pipeline_.token_bytes(id); }
  bool is_special(TokenId id) const override { return pipeline_.is_special(id); }
  bool drops_first_space() const override { return pipeline_.drops_first_space(); }
  int64_t vocab_size() const override { return pipeline_.vocab_size(); }
  std::optional<TokenId> bos() const override { return pipeline_.bos(); }
  bool adds_bos() const override { return pipeline_.adds_bos(); }
  const std::vector<TokenId>& end_of_generation() const override { return pipeline_.end_of_generation(); }
  std::string special_text(std::string_view variable) const override { return pipeline_.special_text(variable); }

 private:
  void keep_meaningful(const std::vector<TokenId>& ids, std::vector<TokenId>& kept) const {
    std::ranges::copy_if(ids, std::back_inserter(kept), [&](TokenId id) {
      return static_cast<size_t>(id) < meaningful_.size() && meaningful_[static_cast<size_t>(id)];
    });
  }

  PipelineTokenizer pipeline_;
  TokenTexts texts_;
  std::vector<bool> meaningful_;  // user-defined symbols, by id
  Steps careful_;                 // without those; empty where there are none
};

void fill_names(const Model& model, const TokenTexts& texts, const ModelNames& names, PipelineParts& parts) {
  parts.special_texts = names.special_texts;
  const std::pair<const char*, const std::string&> of_model[] = {
      {"bos_token", model.bos_piece}, {"eos_token", model.eos_piece}, {"unk_token", model.unknown_piece}, {"pad_token", model.pad_piece}};
  for (const auto& [name, text] : of_model) {
    if (texts.find(text) >= 0) parts.special_texts.emplace(name, text);
  }
  const auto id_of = [&](const char* name) {
    const auto text = parts.special_texts.find(name);
    return text == parts.special_texts.end() ? -1 : texts.find(text->second);
  };
  const TokenId bos = id_of("bos_token"), eos = id_of("eos_token");
  std::vector<TokenId> ends = names.ends;
  std::erase_if(ends, [&](TokenId id) { return !parts.pieces.holds(id); });
  ends.push_back(eos);
  parts.ends = end_tokens(std::move(ends), [&](std::string_view text) { return texts.find(text); });
  if (bos >= 0) parts.bos = bos;
  const auto surround = [&](std::vector<FramePart>& frame) {
    if (bos >= 0 && names.adds_bos.value_or(true)) frame.insert(frame.begin(), {FramePart::Kind::token, 0, bos});
    if (eos >= 0 && names.adds_eos.value_or(false)) frame.push_back({FramePart::Kind::token, 0, eos});
  };
  surround(parts.framing.single);
}

}  // namespace

std::unique_ptr<Tokenizer> make_sentencepiece(const SentencePieceModel& model, const std::string& file, const ModelNames& names) {
  TokenTexts texts(model, names.added, file);
  PipelineParts parts;
  Steps steps = make_steps(model);
  parts.normalizer = std::move(steps.normalizer);
  parts.subword = std::move(steps.subword);
  parts.added = AddedVocabulary(added_tokens(model, names.added), nullptr);
  parts.pieces = texts.table();
  parts.drops_first_space = model.normalizer.add_dummy_prefix || model.normalizer.remove_extra_whitespaces;
  fill_names(model, texts, names, parts);
  std::vector<bool> meaningful = meaningful_symbols(model);
  Steps careful;
  if (std::ranges::count(meaningful, true) > 0) {
    Model without = model;
    for (size_t id = 0; id < meaningful.size(); ++id) {
      if (meaningful[id]) without.pieces[id].type = PieceType::control;
    }
    careful = make_steps(without);
  }
  return std::make_unique<SentencePieceTokenizer>(std::move(parts), std::move(texts), std::move(meaningful), std::move(careful));
}

std::unique_ptr<Tokenizer> open_sentencepiece(std::string_view bytes, const std::string& file, const ModelNames& names) {
  // The first piece's key and length. Other tokenizers use the file's name too (tiktoken's list of ranks).
  if (!bytes.starts_with('\n')) {
    throw Error{Code::unsupported, file + " is no SentencePiece model, the only kind of it that this build knows"};
  }
  return make_sentencepiece(read_sentencepiece_model(bytes, file), file, names);
}

}  // namespace yoke::model::text
