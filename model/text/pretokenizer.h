// The first half of byte-level BPE: cuts a text into words by regular expressions, within which merges happen. Which
// expressions is a fact of the model, named by the key tokenizer.ggml.pre. Immutable; any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace yoke::model::text {

struct PretokenizerRow {
  std::string_view name;
  bool whole_words_first;  // a word that is an entry of the vocabulary is that token, whatever the merges say
  // Each expression cuts the pieces that the ones before it left: matches become pieces, and so does what lies between.
  std::vector<std::string_view> patterns;
};

// Error{unsupported} with the names there are for an unknown one.
const PretokenizerRow& find_pretokenizer(std::string_view name);

class Pretokenizer {
 public:
  explicit Pretokenizer(const PretokenizerRow& row);
  ~Pretokenizer();

  // Words that joined give the text, in its order. Never fails: ill-formed UTF-8 becomes words of its own.
  std::vector<std::string_view> split(std::string_view text) const;

 private:
  struct Pattern;
  void split_well_formed(std::string_view text, std::vector<std::string_view>& words) const;

  std::vector<std::unique_ptr<const Pattern>> patterns_;
};

}  // namespace yoke::model::text
