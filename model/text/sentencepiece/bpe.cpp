// Byte-pair encoding by scores. The library asks of two neighbours whether their joined text is a piece; here every way to
// make a piece of two is written down beforehand, which gives the same merges without a string for each question.
#include <algorithm>
#include <deque>

#include "model/text/bpe.h"
#include "model/text/sentencepiece/normalizer.h"
#include "model/text/sentencepiece/subwords.h"
#include "model/text/sentencepiece/unused_pieces.h"
#include "model/text/utf8.h"

namespace yoke::model::text {
namespace {

using Model = SentencePieceModel;

bool is_merged(Model::PieceType type) { return type == Model::PieceType::normal || type == Model::PieceType::unused; }

size_t first_char_bytes(std::string_view text) { return read_char(text, 0).bytes; }

// Pieces, and behind them the characters that are part of a piece and no piece themselves: merges may begin with those.
class Symbols {
 public:
  explicit Symbols(const Model& model) {
    size_t bytes = 0;
    for (const Model::Piece& piece : model.pieces) bytes += piece.text.size();
    index_.reserve(model.pieces.size(), bytes);
    for (size_t id = 0; id < model.pieces.size(); ++id) {
      if (is_merged(model.pieces[id].type)) add(model.pieces[id].text, static_cast<int32_t>(id));
    }
    auto next = static_cast<int32_t>(model.pieces.size());
    for (const Model::Piece& piece : model.pieces) {
      if (!is_merged(piece.type)) continue;
      for (size_t at = 0; at < piece.text.size();) {
        const auto character = std::string_view(piece.text).substr(at, read_char(piece.text, at).bytes);
        if (index_.find(character) == kNoToken) {
          add(character, next++);
          lone.emplace_back(character);
        }
        at += character.size();
      }
    }
  }

  const TokenIndex& index() const { return index_; }
  const std::vector<TokenTrie::Entry>& entries() const { return entries_; }

  std::vector<std::string> lone;  // the characters that are no piece

 private:
  void add(std::string_view text, int32_t id) {
    if (index_.add(text, id)) entries_.emplace_back(text, id);  // of equal ones the first counts
  }

  TokenIndex index_;
  std::vector<TokenTrie::Entry> entries_;
};

// Every way to make a piece of two symbols; in time and memory linear in the bytes of all pieces.
class MergeList {
 public:
  MergeList(const Model& model, const Symbols& symbols) : forward_(symbols.entries()), backward_(reversed(symbols)) {
    for (size_t id = 0; id < model.pieces.size(); ++id) {
      if (is_merged(model.pieces[id].type)) add_ways(model.pieces[id].text, static_cast<int32_t>(id));
    }
    const auto score = [&](int32_t piece) { return model.pieces[piece].score; };
    std::stable_sort(merges.begin(), merges.end(),
                     [&](const auto& a, const auto& b) { return score(a.merged) > score(b.merged); });
    for (size_t i = 0; i < merges.size(); ++i) {
      const bool equal = i > 0 && score(merges[i].merged) == score(merges[i - 1].merged);
      ranks.push_back(equal ? ranks.back() : static_cast<uint32_t>(i));
    }
  }

  std::vector<Merges::Merge> merges;
  std::vector<uint32_t> ranks;  // equal scores have equal ranks

 private:
  TokenTrie reversed(const Symbols& symbols) {
    std::vector<TokenTrie::Entry> entries;
    for (const auto& [text, id] : symbols.entries()) {
      turned_.emplace_back(text.rbegin(), text.rend());
      entries.emplace_back(turned_.back(), id);
    }
    return TokenTrie(std::move(entries));
  }

  void add_ways(std::string_view text, int32_t id) {
    suffixes_.assign(text.size(), kNoToken);
    uint32_t node = TokenTrie::kRoot;
    for (size_t at = text.size(); at-- > 0;) {
      node = backward_.child(node, text[at]);
      if (node == TokenTrie::kNowhere) break;
      suffixes_[at] = backward_.id(node);
    }
    node = TokenTrie::kRoot;
    for (size_t at = 0; at + 1 < text.size(); ++at) {
      node = forward_.child(node, text[at]);
      const int32_t left = forward_.id(node), right = suffixes_[at + 1];
      if (left != kNoToken && right != kNoToken) merges.push_back({left, right, id});
    }
  }

  std::deque<std::string> turned_;
  TokenTrie forward_, backward_;
  std::vector<int32_t> suffixes_;
};

class LibraryBpe : public Subword {
 public:
  LibraryBpe(const Model& model, const TokenTrie& user_defined)
      : unknown_(model), user_defined_(user_defined), pieces_(static_cast<int32_t>(model.pieces.size())) {
    for (size_t id = 0; id < model.pieces.size(); ++id) {
      if (model.pieces[id].type == Model::PieceType::user_defined) whole_.add(model.pieces[id].text, static_cast<int32_t>(id));
    }
    Symbols symbols(model);
    BpeParts parts;
    parts.alphabet = Alphabet::characters;
    parts.tokens = symbols.index();
    parts.byte_ids = unknown_.byte_ids();
    parts.byte_fallback = parts.byte_ids[0] != kNoToken;
    parts.unknown = unknown_.id();
    const MergeList list(model, symbols);
    parts.merges = Merges(list.merges, Merges::Repeated::first_counts, list.ranks);
    unused_ = UnusedPieces(model, list.merges);
    lone_ = std::move(symbols.lone);
    bpe_ = std::make_unique<Bpe>(std::move(parts));
  }

  void encode(const std::vector<std::string_view>& texts, std::vector<int32_t>& ids) const override {
    for (const std::string_view text : texts) encode_text(text, ids);
  }

 private:
  // Nothing is merged across a user-defined symbol.
  void encode_text(std::string_view text, std::vector<int32_t>& ids) const {
    std::vector<int32_t> symbols;
    size_t done = 0;
    for (size_t at = 0; whole_.size() > 0 && at < text.size();) {
      const size_t bytes = longest_entry(user_defined_, text.substr(at));
      if (bytes > 0) {
        if (at > done) bpe_->encode({text.substr(done, at - done)}, symbols);
        symbols.push_back(whole_.find(text.substr(at, bytes)));
        done = at + bytes;
      }
      at += bytes > 0 ? bytes : first_char_bytes(text.substr(at));
    }
    if (done < text.size()) bpe_->encode({text.substr(done)}, symbols);
    const size_t begin = ids.size();
    for (const int32_t symbol : symbols) write(symbol, ids);
    unknown_.join_runs(ids, begin);
  }

  void write(int32_t symbol, std::vector<int32_t>& ids) const {
    if (symbol >= pieces_) return unknown_.write(lone_[static_cast<size_t>(symbol - pieces_)], ids);
    unused_.write(symbol, ids);
  }

  UnknownPieces unknown_;
  TokenTrie user_defined_;
  TokenIndex whole_;               // the user-defined symbols
  int32_t pieces_;                 // symbols from here on are characters that are no piece
  std::vector<std::string> lone_;  // those
  UnusedPieces unused_;
  std::unique_ptr<Bpe> bpe_;
};

}  // namespace

std::unique_ptr<Subword> make_sentencepiece_bpe(const SentencePieceModel& model, const TokenTrie& user_defined) {
  return std::make_unique<LibraryBpe>(model, user_defined);
}

}  // namespace yoke::model::text
