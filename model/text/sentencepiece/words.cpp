// Models of whole words and of single characters: the pieces are looked up.
#include <algorithm>

#include "model/text/sentencepiece/normalizer.h"
#include "model/text/sentencepiece/subwords.h"
#include "model/text/token_index.h"
#include "model/text/utf8.h"

namespace yoke::model::text {
namespace {

using Model = SentencePieceModel;

class WholeWords : public Subword {
 public:
  WholeWords(const Model& model, const TokenTrie& user_defined)
      : user_defined_(user_defined), unknown_(model), by_characters_(model.kind == Model::Kind::character) {
    for (size_t id = 0; id < model.pieces.size(); ++id) {
      const Model::PieceType type = model.pieces[id].type;
      if (type == Model::PieceType::normal || type == Model::PieceType::user_defined || type == Model::PieceType::unused) {
        index_.add(model.pieces[id].text, static_cast<int32_t>(id));
      }
    }
  }

  void encode(const std::vector<std::string_view>& texts, std::vector<int32_t>& ids) const override {
    for (std::string_view text : texts) {
      const size_t begin = ids.size();
      while (!text.empty()) {
        const std::string_view word = text.substr(0, by_characters_ ? character_bytes(text) : word_bytes(text));
        const int32_t id = index_.find(word);
        id != kNoToken ? ids.push_back(id) : unknown_.write(word, ids);
        text.remove_prefix(word.size());
      }
      unknown_.join_runs(ids, begin);
    }
  }

 private:
  size_t character_bytes(std::string_view text) const {
    const size_t bytes = longest_entry(user_defined_, text);
    return bytes > 0 ? bytes : read_char(text, 0).bytes;
  }

  // A word ends before the next space, whatever the model says of spaces as suffixes.
  static size_t word_bytes(std::string_view text) { return std::min(text.find(kSpaceMark, 1), text.size()); }

  TokenTrie user_defined_;
  UnknownPieces unknown_;
  TokenIndex index_;
  bool by_characters_;
};

}  // namespace

UnknownPieces::UnknownPieces(const SentencePieceModel& model) {
  byte_ids_.fill(-1);
  for (size_t id = 0; id < model.pieces.size(); ++id) {
    if (model.pieces[id].type == Model::PieceType::unknown) id_ = static_cast<int32_t>(id);
    if (model.byte_fallback && model.pieces[id].type == Model::PieceType::byte) {
      byte_ids_[byte_of_piece(model.pieces[id].text)] = static_cast<int32_t>(id);
    }
  }
}

void UnknownPieces::write(std::string_view text, std::vector<int32_t>& ids) const {
  if (byte_ids_[0] < 0) {
    if (id_ >= 0) ids.push_back(id_);
    return;
  }
  for (const char byte : text) ids.push_back(byte_ids_[static_cast<uint8_t>(byte)]);
}

void UnknownPieces::join_runs(std::vector<int32_t>& ids, size_t begin) const {
  if (id_ < 0) return;
  const auto both_unknown = [this](int32_t left, int32_t right) { return left == id_ && right == id_; };
  ids.erase(std::unique(ids.begin() + static_cast<ptrdiff_t>(begin), ids.end(), both_unknown), ids.end());
}

std::unique_ptr<Subword> make_sentencepiece_words(const SentencePieceModel& model, const TokenTrie& user_defined) {
  return std::make_unique<WholeWords>(model, user_defined);
}

}  // namespace yoke::model::text
