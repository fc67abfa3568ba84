#include "model/text/tokenizer_json/components.h"
#include "model/text/tokenizer_json/read_bpe.h"
#include "model/text/unigram.h"
#include "model/text/word_level.h"
#include "model/text/wordpiece.h"

namespace yoke::model::text {
namespace {

using Model = std::unique_ptr<const Subword>;

Model word_piece(const Entry& model, const Vocabulary& vocabulary) {
  const auto most = model.find("max_input_chars_per_word");
  return make_wordpiece({.vocabulary = vocabulary.entries,
                         .unknown = model.string_or("unk_token", "[UNK]"),
                         .continuing_prefix = model.string_or("continuing_subword_prefix", "##"),
                         .max_word_chars = most ? static_cast<size_t>(most->integer(0, INT32_MAX)) : 100});
}

Model word_level(const Entry& model, const Vocabulary& vocabulary) {
  const std::string unknown = model.string_or("unk_token", "<unk>");
  const TokenId id = vocabulary.index.find(unknown);
  if (id == kNoToken) model.at("unk_token").inconsistent("this token is not in the vocabulary");
  return make_word_level(vocabulary.index, id);
}

Model unigram(const Entry& model, const Vocabulary& vocabulary) {
  UnigramParts parts{.pieces = {}, .unknown = std::nullopt, .byte_fallback = model.boolean_or("byte_fallback", false)};
  const Entry list = model.at("vocab");
  parts.pieces.reserve(list.size());
  for (size_t i = 0; i < list.size(); ++i) {
    boost::system::error_code error;
    const double score = list.item(i).item(1).raw().to_number<double>(error);
    if (error) list.item(i).item(1).refuse("a score");
    parts.pieces.push_back({vocabulary.entries[i].first, score});
  }
  if (const auto unknown = model.find("unk_id")) parts.unknown = static_cast<int32_t>(unknown->integer(0, INT32_MAX));
  return make_unigram(std::move(parts));
}

// Files of the first years leave the type out.
std::string_view type_of(const Entry& model) {
  if (const auto type = model.find("type")) return type->string();
  if (model.find("merges")) return "BPE";
  if (model.at("vocab").raw().is_array()) return "Unigram";
  return model.find("continuing_subword_prefix") ? "WordPiece" : "WordLevel";
}

}  // namespace

std::unique_ptr<const Subword> read_model(const Entry& model, const Vocabulary& vocabulary, bool words_are_bytes) {
  const std::string_view type = type_of(model);
  if (type == "BPE") return read_bpe(model, vocabulary, words_are_bytes);
  if (type == "WordPiece") return word_piece(model, vocabulary);
  if (type == "WordLevel") return word_level(model, vocabulary);
  if (type == "Unigram") return unigram(model, vocabulary);
  model.at("type").unsupported("not known to this build; it knows BPE, Unigram, WordPiece, WordLevel");
}

}  // namespace yoke::model::text
