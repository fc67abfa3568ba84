#include "model/text/byte_level_bpe.h"

namespace yoke::model::text {
namespace {

// Text repeats its words. One encode remembers where it wrote the ids of words of up to so many bytes, in a table of one
// place per hash: a newcomer takes the place, so that no choice of words makes it slow.
constexpr size_t kRememberedBytes = 32;
constexpr size_t kPlaces = 1 << 12;

}  // namespace

// One call of encode: what it has written and what it works with.
class ByteLevelBpe::Encoding {
 public:
  Encoding(const ByteLevelBpe& bpe, std::string_view text) : bpe_(bpe), text_(text) {}

  // Looks for special tokens in [begin, end), which lies behind what was looked through before, and encodes what is
  // before the last of them.
  void add_specials(size_t begin, size_t end) {
    const SpecialTokens& whole = bpe_.vocabulary_.whole;
    const std::string_view part = text_.substr(0, end);
    for (auto match = whole.find(part, begin); match.bytes > 0; match = whole.find(part, done_)) {
      add_ordinary(match.begin);
      ids_.push_back(match.id);
      done_ = match.begin + match.bytes;
    }
  }

  std::vector<TokenId> finish() {
    add_ordinary(text_.size());
    return std::move(ids_);
  }

 private:
  struct Written {
    std::string_view word;
    size_t begin = 0, count = 0;
  };

  // Encodes the text from where it was done to `end` by words and merges.
  void add_ordinary(size_t end) {
    if (end == done_) return;
    for (const std::string_view word : bpe_.pretokenizer_.split(text_.substr(done_, end - done_))) add_word(word);
    done_ = end;
  }

  void add_word(std::string_view word) {
    if (word.size() > kRememberedBytes) return merge_word(word);
    Written& place = written_[std::hash<std::string_view>{}(word) % kPlaces];
    if (place.word == word) return repeat(place);
    const size_t begin = ids_.size();
    merge_word(word);
    place = {word, begin, ids_.size() - begin};
  }

  void repeat(const Written& written) {
    for (size_t i = 0; i < written.count; ++i) ids_.push_back(ids_[written.begin + i]);
  }

  void merge_word(std::string_view word) {
    const Vocabulary& vocabulary = bpe_.vocabulary_;
    if (!vocabulary.words.empty()) {
      const auto whole = vocabulary.words.find(std::string(word));
      if (whole != vocabulary.words.end()) return ids_.push_back(whole->second);
    }
    word_ids_.clear();
    for (const char c : word) {
      const TokenId id = vocabulary.byte_ids[static_cast<uint8_t>(c)];
      if (id != kNoToken) word_ids_.push_back(id);
    }
    vocabulary.merges.apply(word_ids_, workspace_);
    ids_.insert(ids_.end(), word_ids_.begin(), word_ids_.end());
  }

  const ByteLevelBpe& bpe_;
  const std::string_view text_;
  size_t done_ = 0;  // bytes of the text whose ids are written
  std::vector<TokenId> ids_, word_ids_;
  Merges::Workspace workspace_;
  std::vector<Written> written_ = std::vector<Written>(kPlaces);
};

std::vector<TokenId> ByteLevelBpe::encode(std::string_view text, AddedTokens match) const {
  Encoding encoding(*this, text);
  if (match == AddedTokens::all) encoding.add_specials(0, text.size());
  return encoding.finish();
}

std::vector<TokenId> ByteLevelBpe::encode_pieces(const std::vector<Piece>& pieces) const {
  std::string text;
  for (const Piece& piece : pieces) text += piece.text;
  Encoding encoding(*this, text);
  size_t begin = 0;
  for (const Piece& piece : pieces) {
    if (!piece.from_caller) encoding.add_specials(begin, begin + piece.text.size());
    begin += piece.text.size();
  }
  return encoding.finish();
}

std::string ByteLevelBpe::special_text(std::string_view variable) const {
  const SpecialIds& special = vocabulary_.special;
  const std::pair<std::string_view, std::optional<TokenId>> variables[] = {
      {"bos_token", special.bos}, {"eos_token", special.eos}, {"unk_token", special.unk}, {"pad_token", special.pad}};
  for (const auto& [name, id] : variables) {
    if (name == variable && id) return std::string(token_bytes(*id));
  }
  return {};
}

}  // namespace yoke::model::text
