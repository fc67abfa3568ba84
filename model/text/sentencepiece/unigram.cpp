#include <algorithm>
#include <cfloat>

#include "model/text/best_path.h"
#include "model/text/sentencepiece/subwords.h"

namespace yoke::model::text {
namespace {

using Model = SentencePieceModel;

// The library keeps sums in single precision and compares them with candidates in double precision, which decides between ways
// of equal scores. So do its versions 0.1.97 to 0.2.1; 0.2.3 compares in single precision, and differs in one of some
// hundred texts with runs of equal characters.
class LibraryUnigram : public Subword {
 public:
  explicit LibraryUnigram(const Model& model) : unknown_(model), trie_(entries(model)) {
    float least = FLT_MAX, greatest = FLT_MIN;
    for (const Model::Piece& piece : model.pieces) {
      if (piece.type != Model::PieceType::normal) continue;
      least = std::min(least, piece.score);
      greatest = std::max(greatest, piece.score);
    }
    constexpr float kUnknownPenalty = 10;  // an unknown character is so much worse than the worst piece
    unknown_score_ = least - kUnknownPenalty;
    for (const Model::Piece& piece : model.pieces) {
      // A user-defined symbol is to win against all pieces that it could be cut into.
      const float many_best = static_cast<float>(piece.text.size()) * greatest;
      scores_.push_back(piece.type == Model::PieceType::user_defined ? many_best - 0.1 : piece.score);
    }
  }

  void encode(const std::vector<std::string_view>& texts, std::vector<int32_t>& ids) const override {
    BestPath<float> best;
    for (const std::string_view text : texts) {
      const size_t begin = ids.size();
      for (const auto& piece : best.find(text, trie_, scores_, unknown_score_)) {
        if (piece.id == BestPath<float>::kUnknown) {
          unknown_.write(text.substr(piece.begin, piece.end - piece.begin), ids);
        } else {
          ids.push_back(piece.id);
        }
      }
      unknown_.join_runs(ids, begin);
    }
  }

 private:
  static std::vector<TokenTrie::Entry> entries(const Model& model) {
    std::vector<TokenTrie::Entry> entries;
    for (size_t id = 0; id < model.pieces.size(); ++id) {
      const Model::PieceType type = model.pieces[id].type;
      if (type == Model::PieceType::normal || type == Model::PieceType::user_defined) {
        entries.emplace_back(model.pieces[id].text, static_cast<int32_t>(id));
      }
    }
    std::ranges::reverse(entries);  // of equal ones the first counts
    return entries;
  }

  UnknownPieces unknown_;
  TokenTrie trie_;
  std::vector<double> scores_;
  float unknown_score_;
};

}  // namespace

std::unique_ptr<Subword> make_sentencepiece_unigram(const SentencePieceModel& model) { return std::make_unique<LibraryUnigram>(model); }

}  // namespace yoke::model::text
