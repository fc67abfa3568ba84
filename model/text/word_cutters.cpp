#include "model/text/word_cutters.h"

#include <functional>

#include "model/text/byte_alphabet.h"
#include "model/text/character_kinds.h"
#include "model/text/cuts.h"
#include "model/text/unicode/properties.h"

namespace yoke::model::text {
namespace {

// Whether a step's first word stands where its text begins: it is a view of the beginning, or the step wrote it anew.
bool stands_first(std::string_view text, std::string_view word) {
  const std::less<const char*> before;
  const bool inside = !before(word.data(), text.data()) && before(word.data(), text.data() + text.size());
  return !inside || word.data() == text.data();
}

class Sequence : public PreTokenizer {
 public:
  explicit Sequence(std::vector<CutStep> steps) : steps_(std::move(steps)) {}

  void split(std::string_view text, bool begins, Words& words) const override {
    std::vector<std::string_view> before(1, text), done;
    done.swap(words.list);
    for (const auto& step : steps_) {
      for (size_t i = 0; i < before.size(); ++i) {
        step->split(before[i], begins && i == 0 && stands_first(text, before[i]), words);
      }
      before.swap(words.list);
      words.list.clear();
    }
    words.list = std::move(done);
    words.list.insert(words.list.end(), before.begin(), before.end());
  }

 private:
  std::vector<CutStep> steps_;
};

class Split : public PreTokenizer {
 public:
  Split(Finder finder, Delimiters delimiters, bool inverted)
      : finder_(std::move(finder)), delimiters_(delimiters), inverted_(inverted) {}

  void split(std::string_view text, bool, Words& words) const override {
    const auto matches = finder_.find_all(text);
    if (delimiters_ == Delimiters::isolated) return isolate(text, matches, words);
    add_words(text, stretches_of(text, matches, inverted_), delimiters_, words);
  }

 private:
  // The way that long texts take: without a list of stretches.
  static void isolate(std::string_view text, const std::vector<Pattern::Match>& matches, Words& words) {
    size_t done = 0;
    for (const auto& match : matches) {
      if (match.begin > done) words.add(text.substr(done, match.begin - done));
      if (match.end > match.begin) words.add(text.substr(match.begin, match.end - match.begin));
      done = match.end;
    }
    if (done < text.size()) words.add(text.substr(done));
  }

  Finder finder_;
  Delimiters delimiters_;
  bool inverted_;
};

// Cuts at characters of a kind.
template <typename IsDelimiter>
class CharacterCut : public PreTokenizer {
 public:
  CharacterCut(IsDelimiter is_delimiter, Delimiters delimiters) : is_delimiter_(is_delimiter), delimiters_(delimiters) {}
  void split(std::string_view text, bool, Words& words) const override { cut_at(text, is_delimiter_, delimiters_, words); }

 private:
  IsDelimiter is_delimiter_;
  Delimiters delimiters_;
};

template <typename IsDelimiter>
CutStep cut_characters(IsDelimiter is_delimiter, Delimiters delimiters) {
  return std::make_unique<CharacterCut<IsDelimiter>>(is_delimiter, delimiters);
}

// Runs of word characters and runs of others, without white space.
class Whitespace : public PreTokenizer {
 public:
  void split(std::string_view text, bool, Words& words) const override {
    enum class Kind { space, word, other };
    const auto kind_of = [](char32_t code) {
      return is_word_character(code) ? Kind::word : unicode::is_white_space(code) ? Kind::space : Kind::other;
    };
    for (size_t begin = 0; begin < text.size();) {
      const Kind kind = kind_of(read_char(text, begin).code);
      size_t end = begin;
      while (end < text.size() && kind_of(read_char(text, end).code) == kind) end += read_char(text, end).bytes;
      if (kind != Kind::space) words.add(text.substr(begin, end - begin));
      begin = end;
    }
  }
};

class FixedLength : public PreTokenizer {
 public:
  explicit FixedLength(size_t characters) : characters_(characters) {}
  void split(std::string_view text, bool, Words& words) const override {
    for (size_t begin = 0; begin < text.size();) {
      size_t end = begin;
      for (size_t i = 0; i < characters_ && end < text.size(); ++i) end += read_char(text, end).bytes;
      words.add(text.substr(begin, end - begin));
      begin = end;
    }
  }

 private:
  size_t characters_;
};

class Metaspace : public PreTokenizer {
 public:
  Metaspace(char32_t mark, Prefix prefix, bool cut) : mark_(mark), prefix_(prefix), cut_(cut) { append_char(mark_text_, mark); }

  void split(std::string_view text, bool begins, Words& words) const override {
    std::string marked;
    marked.reserve(text.size() + text.size() / 2);
    for (const char c : text) c == ' ' ? marked += mark_text_ : marked += c;
    const bool wanted = prefix_ == Prefix::always || (prefix_ == Prefix::first && begins);
    if (wanted && !marked.starts_with(mark_text_)) marked.insert(0, mark_text_);
    const std::string& written = words.written.emplace_back(std::move(marked));
    if (!cut_) return words.add(written);
    cut_at(written, [this](char32_t code) { return code == mark_; }, Delimiters::merged_with_next, words);
  }

 private:
  char32_t mark_;
  std::string mark_text_;
  Prefix prefix_;
  bool cut_;
};

constexpr std::string_view kGpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

class ByteLevel : public PreTokenizer {
 public:
  explicit ByteLevel(const ByteLevelCut& cut) : cut_(cut) {
    if (cut.by_expression) expression_ = make_split(Finder::of_expression(kGpt2), Delimiters::isolated, false);
  }

  void split(std::string_view text, bool, Words& words) const override {
    if (cut_.space_first && !text.starts_with(' ')) text = words.written.emplace_back(std::string(" ").append(text));
    const size_t first = words.list.size();
    if (expression_) {
      expression_->split(text, false, words);
    } else {
      words.add(text);
    }
    if (cut_.as_bytes) return;
    for (size_t i = first; i < words.list.size(); ++i) {
      std::string& written = words.written.emplace_back();
      for (const char c : words.list[i]) written += byte_alphabet()[static_cast<uint8_t>(c)];
      words.list[i] = written;
    }
  }

 private:
  ByteLevelCut cut_;
  CutStep expression_;
};

}  // namespace

CutStep make_cut_sequence(std::vector<CutStep> steps) { return std::make_unique<Sequence>(std::move(steps)); }
CutStep make_split(Finder finder, Delimiters delimiters, bool inverted) {
  return std::make_unique<Split>(std::move(finder), delimiters, inverted);
}
CutStep make_whitespace() { return std::make_unique<Whitespace>(); }
CutStep make_whitespace_split() { return cut_characters(unicode::is_white_space, Delimiters::removed); }
CutStep make_digits(bool individual) {
  return cut_characters(is_numeric, individual ? Delimiters::isolated : Delimiters::contiguous);
}
CutStep make_punctuation(Delimiters delimiters) { return cut_characters(is_punctuation, delimiters); }
CutStep make_character_split(char32_t delimiter) {
  return cut_characters([delimiter](char32_t code) { return code == delimiter; }, Delimiters::removed);
}
CutStep make_fixed_length(size_t characters) { return std::make_unique<FixedLength>(characters); }
CutStep make_metaspace(char32_t mark, Prefix prefix, bool cut) { return std::make_unique<Metaspace>(mark, prefix, cut); }
CutStep make_byte_level_cut(const ByteLevelCut& cut) { return std::make_unique<ByteLevel>(cut); }

}  // namespace yoke::model::text
