#include "model/text/bpe.h"

#include <algorithm>
#include <bit>

#include "model/text/utf8.h"

namespace yoke::model::text {
namespace {

// Text repeats its words. One encode remembers where it wrote the ids of words of up to so many bytes, in a table of one
// place per hash: a newcomer takes the place, so that no choice of words makes it slow.
constexpr size_t kRememberedBytes = 32;
constexpr size_t kFewestPlaces = 1 << 5, kMostPlaces = 1 << 14;
}  // namespace

// One call of encode: what it has written and what it works with.
class Bpe::Encoding {
 public:
  Encoding(const Bpe& bpe, std::vector<int32_t>& ids, size_t words)
      : bpe_(bpe), parts_(bpe.parts_), ids_(ids), written_(std::clamp(std::bit_ceil(words / 2), kFewestPlaces, kMostPlaces)) {}

  void add(std::string_view word) {
    if (word.empty()) return;
    if (word.size() <= kRememberedBytes) return add_short(word, true);
    if (add_whole(word)) return;
    if (bpe_.neighbours_.empty()) return merge_word(word);
    add_cut(word);
  }

 private:
  struct Written {
    std::string_view word;
    size_t begin = 0;
    uint32_t count = 0;
    bool whole = false;  // asked for as a whole word, not as a part of one
  };

  void add_short(std::string_view word, bool whole) {
    Written& place = written_[std::hash<std::string_view>{}(word) & (written_.size() - 1)];
    if (place.word == word && place.whole == whole) return repeat(place);
    const size_t begin = ids_.size();
    if (!whole || !add_whole(word)) merge_word(word);
    place = {word, begin, static_cast<uint32_t>(ids_.size() - begin), whole};
  }

  void repeat(const Written& written) {
    for (size_t i = 0; i < written.count; ++i) ids_.push_back(ids_[written.begin + i]);
  }

  bool add_whole(std::string_view word) {
    if (!parts_.whole_words_first) return false;
    const int32_t id = parts_.tokens.find(word);
    if (id == kNoToken) return false;
    ids_.push_back(id);
    return true;
  }

  // Cuts where no merge goes across: between two characters of the vocabulary that stand beside each other in no entry.
  void add_cut(std::string_view word) {
    size_t begin = 0, before = 0;
    for (size_t at = read_char(word, 0).bytes; at < word.size();) {
      const size_t bytes = read_char(word, at).bytes;
      const auto left = word.substr(before, at - before), right = word.substr(at, bytes);
      if (!bpe_.neighbours_[place_of(left, right)] && is_entry(left) && is_entry(right)) {
        add_part(word.substr(begin, at - begin));
        begin = at;
      }
      before = at;
      at += bytes;
    }
    add_part(word.substr(begin));
  }

  void add_part(std::string_view part) { part.size() <= kRememberedBytes ? add_short(part, false) : merge_word(part); }
  bool is_entry(std::string_view character) const { return parts_.tokens.find(character) != kNoToken; }

  void merge_word(std::string_view word) {
    word_ids_.clear();
    parts_.alphabet == Alphabet::bytes ? read_bytes(word) : read_characters(word);
    flush_unknown();
    parts_.merges.apply(word_ids_, workspace_);
    ids_.insert(ids_.end(), word_ids_.begin(), word_ids_.end());
  }

  void read_bytes(std::string_view word) {
    for (const char c : word) add_symbol(parts_.byte_ids[static_cast<uint8_t>(c)]);
  }

  void read_characters(std::string_view word) {
    std::string affixed;
    for (size_t at = 0; at < word.size();) {
      const size_t bytes = read_char(word, at).bytes;
      std::string_view character = word.substr(at, bytes);
      const bool first = at == 0, last = at + bytes == word.size();
      if ((!first && !parts_.continuing_prefix.empty()) || (last && !parts_.end_suffix.empty())) {
        affixed = first ? "" : parts_.continuing_prefix;
        affixed += character;
        if (last) affixed += parts_.end_suffix;
        character = affixed;
      }
      const int32_t id = parts_.tokens.find(character);
      if (id != kNoToken || !parts_.byte_fallback || !add_fallback(character)) add_symbol(id);
      at += bytes;
    }
  }

  bool add_fallback(std::string_view character) {
    for (const char c : character) {
      if (parts_.byte_ids[static_cast<uint8_t>(c)] == kNoToken) return false;
    }
    // An unknown token that is due stays so: the reference writes it behind the bytes.
    for (const char c : character) word_ids_.push_back(parts_.byte_ids[static_cast<uint8_t>(c)]);
    return true;
  }

  // Of a run of unknown characters, each is an unknown token or all are one.
  void add_symbol(int32_t id) {
    if (id != kNoToken) {
      flush_unknown();
      word_ids_.push_back(id);
    } else if (parts_.unknown != kNoToken) {
      if (!parts_.fuse_unknown) flush_unknown();
      unknown_ = true;
    }
  }

  void flush_unknown() {
    if (unknown_) word_ids_.push_back(parts_.unknown);
    unknown_ = false;
  }

  const Bpe& bpe_;
  const BpeParts& parts_;
  std::vector<int32_t>& ids_;
  std::vector<int32_t> word_ids_;
  bool unknown_ = false;  // an unknown token is due
  Merges::Workspace workspace_;
  std::vector<Written> written_;

 public:
  // A pair's bit in the filter.
  static size_t place_of(std::string_view left, std::string_view right) {
    const auto code = [](std::string_view character) { return uint64_t{read_char(character, 0).code}; };
    return static_cast<size_t>((code(left) << 32 | code(right)) * 0x9E3779B97F4A7C15u >> 44);  // 20 bits, well mixed
  }
};

Bpe::Bpe(BpeParts parts) : parts_(std::move(parts)) {
  if (parts_.alphabet == Alphabet::bytes || !parts_.continuing_prefix.empty() || !parts_.end_suffix.empty()) return;
  neighbours_.resize(1 << 20);
  parts_.tokens.for_each([&](std::string_view entry) {
    for (size_t before = 0, at = 0; at < entry.size(); before = at) {
      at += read_char(entry, at).bytes;
      if (at < entry.size()) neighbours_[Encoding::place_of(entry.substr(before), entry.substr(at))] = true;
    }
  });
}

void Bpe::encode(const std::vector<std::string_view>& words, std::vector<int32_t>& ids) const {
  size_t bytes = 0;
  for (const std::string_view word : words) bytes += word.size();
  Encoding encoding(*this, ids, neighbours_.empty() ? words.size() : bytes / 4);
  for (const std::string_view word : words) encoding.add(word);
}

}  // namespace yoke::model::text
