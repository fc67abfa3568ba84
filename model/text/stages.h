// The steps of a tokenizer in the order that a text walks through them, after the added tokens are taken out: it is
// normalised, cut into words, and each word becomes ids. Steps are made from a model's files, then immutable; any thread.
// The names and their meaning are those of tokenizer.json (Hugging Face tokenizers).
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace yoke::model::text {

class Normalizer {
 public:
  virtual ~Normalizer() = default;
  virtual std::string apply(std::string text) const = 0;  // well-formed UTF-8 in and out
};

// Words between steps. Most are views into the text; those that a step wrote anew live here.
struct Words {
  std::vector<std::string_view> list;
  std::deque<std::string> written;  // its elements do not move

  void add(std::string_view word) { list.push_back(word); }
  void write(std::string word) { list.push_back(written.emplace_back(std::move(word))); }
};

class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  // Appends the words of `text`; empty ones are left out. `begins`: the text stands at the beginning of the whole input.
  virtual void split(std::string_view text, bool begins, Words& words) const = 0;
};

// From words to ids: BPE, Unigram, WordPiece.
class Subword {
 public:
  virtual ~Subword() = default;
  virtual void encode(const std::vector<std::string_view>& words, std::vector<int32_t>& ids) const = 0;
};

}  // namespace yoke::model::text
