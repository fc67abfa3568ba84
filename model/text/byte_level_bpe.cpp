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
  explicit Encoding(const ByteLevelBpe& bpe) : bpe_(bpe) {}

  void add_ordinary(std::string_view text) {
    if (text.empty()) return;
    for (const std::string_view word : bpe_.pretokenizer_.split(text)) add_word(word);
  }
  void add_token(TokenId id) { ids_.push_back(id); }
  std::vector<TokenId> take() { return std::move(ids_); }

 private:
  struct Written {
    std::string_view word;
    size_t begin = 0, count = 0;
  };

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
      if (whole != vocabulary.words.end()) return add_token(whole->second);
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
  std::vector<TokenId> ids_, word_ids_;
  Merges::Workspace workspace_;
  std::vector<Written> written_ = std::vector<Written>(kPlaces);
};

std::vector<TokenId> ByteLevelBpe::encode(std::string_view text, Specials specials) const {
  Encoding encoding(*this);
  size_t at = 0;
  while (specials == Specials::recognise) {
    const SpecialTokens::Match match = vocabulary_.whole.find(text, at);
    if (match.bytes == 0) break;
    encoding.add_ordinary(text.substr(at, match.begin - at));
    encoding.add_token(match.id);
    at = match.begin + match.bytes;
  }
  encoding.add_ordinary(text.substr(at));
  return encoding.take();
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
